"""What is kept of a visitor, and who is told: from the core's effects to the card, and back to the page."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from device.adapters.store import FileStore
from device.config import SnapshotConfig
from device.core.effects import Effect, RecordCall, SendSnapshot, SettleSnapshot, TakeSnapshot, TellHistory
from device.core.events import Pressed, Tick
from device.core.rules import SnapshotRules
from device.keeping import Keeping
from device.ports import Still, VideoSource
from device.snapshots import Picture, Snapshots
from device.visits import TOLD, Visits
from device.work import Work
from protocol.codec import CONTROL_LIMIT
from protocol.messages import AnswerCall, AskHistory, AskSnapshot, Decline
from tests.fakes.media import FakeVideoSource
from tests.unit.stage import CallStage, call_id, of, verdict

ONE = call_id(1)
AT = 1_790_000_000

# The core


def kept(effects: list[Effect]) -> list[tuple[str, bool]]:
    return [(effect.call, effect.keep) for effect in of(SettleSnapshot, effects)]


def test_a_press_takes_a_picture_a_moment_later_and_a_ring_nobody_answers_keeps_it() -> None:
    stage = CallStage()
    (taken,) = of(TakeSnapshot, stage.does(Pressed("flat-1")))
    assert (taken.call, taken.button, taken.after_s) == (ONE, "flat-1", 1.5)
    assert kept(stage.does(Tick(), 30)) == [(ONE, True)]


def test_a_call_that_all_decline_keeps_it() -> None:
    stage = CallStage()
    stage.does(Pressed("flat-2"))
    assert kept(stage.says("dave", Decline, call=ONE)) == [(ONE, True)]


def test_answering_forgets_it_at_once_and_hanging_up_says_no_more() -> None:
    stage = CallStage()
    stage.does(Pressed("flat-1"))
    assert kept(stage.says("alice", AnswerCall, call=ONE)) == [(ONE, False)]
    assert kept(stage.does(Tick(), 301)) == []


def test_where_nobody_can_be_reached_there_is_a_picture_for_whom_it_would_have_rung() -> None:
    stage = CallStage(links=(), online=False)
    effects = stage.does(Pressed("flat-1"))
    assert [type(effect) for effect in effects if isinstance(effect, TakeSnapshot | SettleSnapshot)] == [
        TakeSnapshot, SettleSnapshot,
    ]  # fmt: skip
    assert kept(effects) == [(ONE, True)]
    assert of(TakeSnapshot, stage.does(Pressed("cellar"))) == [], "and none that nobody may ever see"


@pytest.mark.parametrize(("keep", "answered"), [("none", []), ("unanswered", [False]), ("all", [True])])
def test_what_is_kept_is_the_configuration_s_to_say(keep: Any, answered: list[bool]) -> None:
    stage = CallStage(snapshots=SnapshotRules(keep))
    taken = of(TakeSnapshot, stage.does(Pressed("flat-1")))
    assert len(taken) == (keep != "none")
    assert [keep for _, keep in kept(stage.says("alice", AnswerCall, call=ONE))] == answered


def test_history_is_for_those_who_may_answer() -> None:
    stage = CallStage()
    assert of(TellHistory, stage.says("bob", AskHistory)) == [TellHistory("bob", 1, "bob")]
    assert of(SendSnapshot, stage.says("bob", AskSnapshot, call=ONE)) == [SendSnapshot("bob", 2, "bob", ONE)]
    for command, members in ((AskHistory, {}), (AskSnapshot, {"call": ONE})):
        effects = stage.says("carol", command, **members)
        assert verdict(effects) == "not-allowed"
        assert not [effect for effect in effects if isinstance(effect, TellHistory | SendSnapshot)]


# What performs it


class Line:
    """The part of `Peers` that visits use."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.data: dict[str, bytes] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    def send(self, link: str, text: str) -> None:
        assert len(text) <= CONTROL_LIMIT
        self.said.append({"link": link, **json.loads(text)})

    async def send_bytes(self, link: str, data: bytes) -> None:
        await self.gate.wait()
        self.data[link] = data


class Tasks(Work):
    """Work whose end a test can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: set[asyncio.Task[Any]] = set()

    def own(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self.begun.add(task)
        return task


class Card(Keeping):
    """One that has written everything when the test says so."""

    def __init__(self, work: Work) -> None:
        super().__init__(work, lambda _: None)
        self.all_written = asyncio.Event()
        self.all_written.set()

    async def written(self) -> None:
        await self.all_written.wait()


class House:
    def __init__(self, state: Path, **config: Any) -> None:
        self.line: Any = Line()
        self.video = FakeVideoSource(640, 480)
        self.camera: asyncio.Future[VideoSource] = asyncio.get_running_loop().create_future()
        self.camera.set_result(self.video)
        self.config = SnapshotConfig(**{"after_s": 0.0, **config})
        self.work = Tasks()
        self.card = Card(self.work)
        self.visits = Visits(state, self.config, self.card, self.work)
        self.journal = FileStore(state)
        self.snapshots = Snapshots(state, 10, 1_000_000)

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        return self.work.begun

    async def settle(self) -> None:
        for task in list(self.tasks):
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
            self.tasks.discard(task)
        if self.tasks:
            await self.settle()

    async def ask(self, effect: TellHistory | SendSnapshot) -> dict[str, Any]:
        self.visits.answer(effect, self.line)
        await self.settle()
        answer: dict[str, Any] = self.line.said[-1]
        return answer


@pytest.mark.parametrize("order", ["taken first", "settled first"])
async def test_a_missed_visitor_s_picture_reaches_the_card(tmp_path: Path, order: str) -> None:
    house = House(tmp_path)
    house.visits.take(TakeSnapshot(ONE, "flat-1", AT, 0.0), house.camera)
    if order == "taken first":
        await asyncio.wait(house.tasks)
    house.visits.settle(SettleSnapshot(ONE, keep=True))
    await house.settle()
    jpeg = house.snapshots.load(ONE)
    assert jpeg is not None
    assert jpeg.startswith(b"\xff\xd8\xff")


async def test_the_picture_of_somebody_who_was_answered_never_touches_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    monkeypatch.setattr(Snapshots, "keep", lambda _, picture: written.append(picture))
    house = House(tmp_path)
    house.visits.take(TakeSnapshot(ONE, "flat-1", AT, 0.0), house.camera)
    await asyncio.wait(house.tasks)
    house.visits.settle(SettleSnapshot(ONE, keep=False))
    house.visits.settle(SettleSnapshot(ONE, keep=True))
    await house.settle()
    assert written == []


async def test_somebody_who_is_answered_at_once_is_not_even_photographed(tmp_path: Path) -> None:
    house = House(tmp_path)
    asked: list[bool] = []

    async def snapshot() -> Still | None:
        asked.append(True)
        return None

    house.video.snapshot = snapshot  # type: ignore[method-assign]
    house.visits.take(TakeSnapshot(ONE, "flat-1", AT, 30.0), house.camera)
    house.visits.settle(SettleSnapshot(ONE, keep=False))
    await house.settle()
    assert asked == []


async def test_a_camera_without_a_picture_leaves_a_call_without_one(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def nothing() -> Still | None:
        return None

    house.video.snapshot = nothing  # type: ignore[method-assign]
    house.visits.take(TakeSnapshot(ONE, "flat-1", AT, 0.0), house.camera)
    house.visits.settle(SettleSnapshot(ONE, keep=True))
    await house.settle()
    assert house.snapshots.calls() == set()


async def test_who_presses_before_there_is_a_camera_is_pictured_as_soon_as_there_is(tmp_path: Path) -> None:
    house = House(tmp_path)
    later: asyncio.Future[VideoSource] = asyncio.get_running_loop().create_future()
    house.visits.take(TakeSnapshot(ONE, "flat-1", AT, 0.0), later)
    house.visits.settle(SettleSnapshot(ONE, keep=True))
    await asyncio.sleep(0.05)
    assert house.snapshots.calls() == set()
    later.set_result(house.video)
    await house.settle()
    assert house.snapshots.calls() == {ONE}


async def test_a_door_that_gets_no_camera_in_time_keeps_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.visits.STARTING_S", 0.01)
    house = House(tmp_path)
    house.visits.take(TakeSnapshot(ONE, "flat-1", AT, 0.0), asyncio.get_running_loop().create_future())
    house.visits.settle(SettleSnapshot(ONE, keep=True))
    await house.settle()
    assert house.snapshots.calls() == set()


async def test_where_none_are_kept_old_ones_go_at_the_start(tmp_path: Path) -> None:
    Snapshots(tmp_path, 10, 10_000).keep(Picture(AT, ONE, b"jpeg"))
    await House(tmp_path).visits.open()
    assert Snapshots(tmp_path, 10, 10_000).calls() == {ONE}
    await House(tmp_path, keep="none").visits.open()
    assert Snapshots(tmp_path, 10, 10_000).calls() == set()


def rang(number: int, *who: str) -> RecordCall:
    return RecordCall(call_id(number), "flat-1", AT + number, "missed", None, who)


async def test_everybody_is_told_only_of_calls_that_rang_them_newest_first(tmp_path: Path) -> None:
    house = House(tmp_path)
    for record in (rang(1, "alice", "bob"), rang(2, "dave"), rang(3, "bob"), rang(4, "alice")):
        house.journal.record_call(record)
    house.snapshots.keep(Picture(AT, call_id(1), b"jpeg"))
    told = await house.ask(TellHistory("link", 7, "alice"))
    assert (told["type"], told["id"], told["link"]) == ("history", 7, "link")
    assert [call["call"] for call in told["calls"]] == [call_id(4), call_id(1)]
    assert [call["snapshot"] for call in told["calls"]] == [False, True]
    assert told["calls"][1] == {
        "call": call_id(1), "button": "flat-1", "at": AT + 1, "outcome": "missed", "answered_by": None,
        "snapshot": True,
    }  # fmt: skip
    assert (await house.ask(TellHistory("link", 8, "carol")))["calls"] == []


async def test_who_asks_when_a_call_is_over_is_told_of_that_call_and_its_picture(tmp_path: Path) -> None:
    """Both are still on their way to the card then."""
    house = House(tmp_path)
    house.card.all_written.clear()
    house.visits.take(TakeSnapshot(ONE, "flat-1", AT, 0.2), house.camera)
    house.visits.settle(SettleSnapshot(ONE, keep=True))
    house.visits.answer(TellHistory("link", 1, "alice"), house.line)
    await asyncio.wait(house.tasks, timeout=1)  # nothing more is to happen: there is no event to wait for
    assert house.line.said == []
    house.journal.record_call(rang(1, "alice"))
    house.card.all_written.set()
    await house.settle()
    (told,) = house.line.said
    assert [(call["call"], call["snapshot"]) for call in told["calls"]] == [(ONE, True)]


async def test_a_picture_that_is_still_being_taken_is_waited_for(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.journal.record_call(rang(1, "alice"))
    house.visits.take(TakeSnapshot(ONE, "flat-1", AT, 0.5), house.camera)
    house.visits.settle(SettleSnapshot(ONE, keep=True))
    told = await house.ask(TellHistory("link", 1, "alice"))
    assert [(call["call"], call["snapshot"]) for call in told["calls"]] == [(ONE, True)]


async def test_a_long_history_fits_into_one_message(tmp_path: Path) -> None:
    house = House(tmp_path)
    long = "a" * 32
    for number in range(1, 2 * TOLD):
        record = RecordCall(call_id(number), long, AT + number, "answered", long, (long, "bob"))
        house.journal.record_call(record)
    calls = (await house.ask(TellHistory("link", 1, "bob")))["calls"]
    assert 50 < len(calls) <= TOLD
    assert calls[0]["call"] == call_id(2 * TOLD - 1)


async def test_a_picture_is_sent_to_whom_its_call_rang_and_unknown_to_others(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.journal.record_call(rang(1, "alice"))
    house.journal.record_call(rang(2, "alice"))
    house.snapshots.keep(Picture(AT, ONE, b"\xff\xd8\xff jpeg"))
    answer = await house.ask(SendSnapshot("link", 3, "alice", ONE))
    assert answer == {"link": "link", "type": "snapshot", "id": 3, "size": 8}
    assert house.line.data == {"link": b"\xff\xd8\xff jpeg"}
    house.line.data.clear()
    for answerer, call in (("bob", ONE), ("alice", call_id(2)), ("alice", call_id(9))):
        refused = await house.ask(SendSnapshot("link", 4, answerer, call))
        assert (refused["type"], refused["id"], refused["code"]) == ("refused", 4, "unknown")
    assert house.line.data == {}


async def test_one_answer_at_a_time_on_a_link(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.journal.record_call(rang(1, "alice", "bob"))
    house.snapshots.keep(Picture(AT, ONE, b"\xff\xd8\xff jpeg"))
    house.line.gate.clear()
    house.visits.answer(SendSnapshot("slow", 1, "alice", ONE), house.line)
    house.visits.answer(SendSnapshot("slow", 2, "alice", ONE), house.line)
    house.visits.answer(TellHistory("other", 1, "bob"), house.line)
    async with asyncio.timeout(10):
        while len(house.line.said) < 3:  # noqa: ASYNC110 - the threads' answers
            await asyncio.sleep(0.01)
    assert {(said["link"], said["type"]) for said in house.line.said} == {
        ("slow", "snapshot"), ("slow", "refused"), ("other", "history"),
    }  # fmt: skip
    assert next(said for said in house.line.said if said["type"] == "refused")["code"] == "too-fast"
    house.line.gate.set()
    await house.settle()
    assert (await house.ask(SendSnapshot("slow", 3, "alice", ONE)))["type"] == "snapshot"


async def test_a_card_that_cannot_be_read_is_a_fault_and_no_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)

    def broken(_: FileStore) -> list[RecordCall]:
        raise OSError("I/O error")

    monkeypatch.setattr(FileStore, "load_calls", broken)
    refused = await house.ask(TellHistory("link", 1, "alice"))
    assert (refused["type"], refused["code"]) == ("refused", "fault")
