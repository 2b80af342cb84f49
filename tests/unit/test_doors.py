"""Doors: released by whom and for how long, and what their contacts say of it."""

import pytest

from device.core.doors import GRACE_S, STUCK_S, Doors
from device.core.effects import Effect, GiveUp, Note, ReleaseStrike
from device.core.events import (
    CodeAccepted,
    ContactIs,
    Event,
    ExitPressed,
    HardwareBack,
    HardwareFault,
    Instant,
    RosterChanged,
    SignalingDown,
    StrikeFailed,
    StrikeLowered,
    StrikeReleased,
    StrikeStuck,
    TamperIs,
    Tick,
    Warned,
)
from device.core.rules import DoorRules
from protocol.messages import View
from tests.unit.stage import UTC, CallStage, of

RULES = {"main": DoorRules(3.0, left_open_s=60.0), "gate": DoorRules(5.0, forced_alarm=False)}


class House:
    """Two doors and a clock."""

    def __init__(self) -> None:
        self.doors = Doors(RULES)
        self.mono = 100.0

    def does(self, event: Event, after: float = 0.0) -> list[Effect]:
        self.mono += after
        return self.doors.handle(event, self.now)

    @property
    def now(self) -> Instant:
        return Instant(self.mono, UTC + self.mono)


def warnings(effects: list[Effect]) -> list[str]:
    return [note.event for note in of(Note, effects) if note.level == "warning"]


@pytest.fixture
def shut() -> House:
    """Both doors are shut, and known to be."""
    house = House()
    for door in RULES:
        house.does(ContactIs(door, open=False))
    return house


def test_the_exit_button_releases_its_door_for_its_time(shut: House) -> None:
    effects = shut.does(ExitPressed("gate"))
    assert of(ReleaseStrike, effects) == [ReleaseStrike("gate", 5.0)]
    assert shut.doors.released == {"gate": int(UTC + 105)}
    assert of(ReleaseStrike, shut.does(ExitPressed("gate"), after=1)) == [], "once at a time"
    shut.does(StrikeLowered("gate"), after=4)
    assert shut.doors.released == {}
    assert of(ReleaseStrike, shut.does(ExitPressed("gate"))) == [ReleaseStrike("gate", 5.0)]


def test_the_exit_button_works_when_everything_else_is_down() -> None:
    stage = CallStage(links=(), online=False, roster=None)
    for event in (SignalingDown("gone"), RosterChanged(None), TamperIs(broken=True), StrikeFailed("main", "once")):
        stage.does(event)
    assert of(ReleaseStrike, stage.does(ExitPressed("main"))) == [ReleaseStrike("main", 3.0)]


def test_a_strike_that_moves_again_has_no_fault_any_more() -> None:
    stage = CallStage()
    stage.does(StrikeFailed("main", "the line is gone"))
    stage.does(ExitPressed("main"))
    assert "strike" in stage.told["alice"].faults
    stage.does(StrikeReleased("main"))
    assert "strike" not in stage.told["alice"].faults


def test_a_strike_that_does_not_move_is_a_fault_of_its_own_door_alone(shut: House) -> None:
    shut.does(ExitPressed("main"))
    shut.does(ExitPressed("gate"))
    assert warnings(shut.does(StrikeFailed("main", "the line is gone"))) == ["strike-failed"]
    assert shut.doors.released.keys() == {"gate"}
    assert shut.doors.faults == {"strike"}
    shut.does(StrikeReleased("gate"))
    assert shut.doors.faults == {"strike"}, "that the other door works says nothing of this one"
    assert of(ReleaseStrike, shut.does(ExitPressed("main"))) == [ReleaseStrike("main", 3.0)], "it is tried again"
    shut.does(StrikeReleased("main"))
    assert shut.doors.faults == frozenset()


def test_lines_that_are_ours_at_last_have_no_fault_from_before(shut: House) -> None:
    shut.does(StrikeFailed("main", "not claimed yet"))
    shut.does(HardwareBack("strike"))
    assert shut.doors.faults == frozenset()


def test_a_strike_that_cannot_be_lowered_is_said_and_its_door_counts_as_open(shut: House) -> None:
    shut.does(ExitPressed("main"))
    shut.does(StrikeReleased("main"))
    (note,) = of(Note, shut.does(StrikeStuck("main", "the line is gone"), after=3))
    assert (note.level, note.event) == ("critical", "strike-stuck")
    assert shut.doors.released.keys() == {"main"}
    assert shut.doors.faults == {"strike"}
    assert warnings(shut.does(ContactIs("main", open=True), after=4)) == [], "nobody forced it"
    shut.does(StrikeReleased("main"))
    assert shut.doors.faults == {"strike"}, "it was up before: that says nothing of its coming down"


def test_the_process_ends_once_when_a_strike_stays_up(shut: House) -> None:
    shut.does(ExitPressed("main"))
    shut.does(StrikeStuck("main", "the line is gone"), after=3)
    assert shut.doors.deadline == shut.mono + STUCK_S
    assert of(GiveUp, shut.does(Tick(), after=STUCK_S - 0.1)) == []
    (end,) = of(GiveUp, shut.does(Tick(), after=0.1))
    assert "door main" in end.why
    assert of(GiveUp, shut.does(Tick(), after=60)) == []


def test_a_strike_that_comes_down_late_ends_nothing(shut: House) -> None:
    shut.does(ExitPressed("main"))
    shut.does(StrikeStuck("main", "busy"), after=3)
    assert warnings(shut.does(StrikeLowered("main"), after=1)) == ["strike-lowered-late"]
    assert (shut.doors.released, shut.doors.faults, shut.doors.deadline) == ({}, frozenset(), None)
    assert of(GiveUp, shut.does(Tick(), after=60)) == []


def test_a_code_releases_its_door_and_the_log_names_the_code(shut: House) -> None:
    effects = shut.does(CodeAccepted("main", "cleaner"))
    assert of(ReleaseStrike, effects) == [ReleaseStrike("main", 3.0)]
    (note,) = of(Note, effects)
    assert note.fields == {"door": "main", "how": "code", "by": "cleaner"}


def test_an_exit_button_of_no_door_releases_nothing(shut: House) -> None:
    assert shut.does(ExitPressed("cellar")) == []


def test_a_door_that_was_released_may_be_opened(shut: House) -> None:
    shut.does(ExitPressed("main"))
    assert warnings(shut.does(ContactIs("main", open=True), after=2)) == []
    assert shut.doors.contacts["main"] == "open"
    assert shut.doors.faults == frozenset()


def test_the_leaf_may_follow_a_moment_after_the_strike_dropped(shut: House) -> None:
    shut.does(ExitPressed("main"))
    shut.does(StrikeLowered("main"), after=3)
    assert warnings(shut.does(ContactIs("main", open=True), after=GRACE_S - 0.1)) == []


def test_a_door_that_opens_unasked_was_forced(shut: House) -> None:
    assert warnings(shut.does(ContactIs("main", open=True))) == ["door-forced"]
    assert shut.doors.faults == {"forced"}
    shut.does(ContactIs("main", open=False), after=1)
    assert shut.doors.faults == frozenset()
    assert shut.doors.contacts["main"] == "closed"


def test_too_late_is_forced_too(shut: House) -> None:
    shut.does(ExitPressed("main"))
    shut.does(StrikeLowered("main"), after=3)
    assert warnings(shut.does(ContactIs("main", open=True), after=GRACE_S + 0.1)) == ["door-forced"]


def test_the_release_of_one_door_excuses_no_other(shut: House) -> None:
    shut.does(ExitPressed("gate"))
    assert warnings(shut.does(ContactIs("main", open=True))) == ["door-forced"]


def test_a_door_with_a_handle_inside_raises_no_such_alarm(shut: House) -> None:
    assert warnings(shut.does(ContactIs("gate", open=True))) == []
    assert shut.doors.faults == frozenset()


def test_a_door_that_stands_open_when_the_daemon_starts_was_not_forced() -> None:
    house = House()
    assert warnings(house.does(ContactIs("main", open=True))) == []


def test_a_door_left_open_is_said_so_once_and_until_it_is_shut(shut: House) -> None:
    shut.does(ExitPressed("main"))
    shut.does(ContactIs("main", open=True), after=1)
    shut.does(StrikeLowered("main"), after=2)
    assert shut.doors.deadline == 101.0 + 60.0
    assert warnings(shut.does(Tick(), after=57.9)) == []
    assert warnings(shut.does(Tick(), after=0.1)) == ["door-left-open"]
    assert shut.doors.faults == {"left-open"}
    assert shut.doors.deadline is None
    assert [note.event for note in of(Note, shut.does(ContactIs("main", open=False)))] == ["door-closed"]
    assert shut.doors.faults == frozenset()


# Who is told


def told(stage: CallStage, who: str) -> tuple[object, list[str]]:
    state = stage.told[who]
    return state.doors["main"].contact, [fault for fault in state.faults if fault in ("forced", "left-open", "tamper")]


def test_only_who_may_open_is_told_whether_a_door_stands_open() -> None:
    stage = CallStage()
    stage.does(ContactIs("main", open=False))
    stage.does(ContactIs("main", open=True))
    assert told(stage, "alice") == ("open", ["forced"])
    for other in ("bob", "carol"):
        contact, faults = told(stage, other)
        assert contact not in ("open", "closed")
        assert faults == []


def test_everybody_is_told_of_an_opened_housing() -> None:
    stage = CallStage()
    stage.does(TamperIs(broken=True))
    assert all("tamper" in stage.told[who].faults for who in ("alice", "bob", "carol", "dave"))
    stage.does(TamperIs(broken=False))
    assert "tamper" not in stage.told["alice"].faults


def test_a_keypad_that_is_out_of_order_stays_so_when_it_is_no_longer_deaf_to_guesses() -> None:
    stage = CallStage()
    for broken, mended in (
        (HardwareFault("keypad", "the line is gone"), HardwareBack("keypad")),
        (HardwareFault("codes", "cannot be read"), Warned("codes", on=False)),
    ):
        stage.does(broken)
        stage.does(Warned("guesses", on=True))
        stage.does(Warned("guesses", on=False))
        assert stage.told["alice"].faults == ["keypad"]
        stage.does(mended)
        assert stage.told["alice"].faults == []
    stage.does(Warned("guesses", on=True))
    stage.does(Warned("codes", on=False))
    assert stage.told["alice"].faults == ["keypad"]


def test_a_door_without_a_contact_says_nothing_of_one() -> None:
    stage = CallStage()
    stage.says("alice", View, on=True)
    assert told(stage, "alice")[0] not in ("open", "closed")
