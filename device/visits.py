"""Performs what the core wants remembered of visitors, and tells it to whom it may be told."""

import asyncio
import time
from pathlib import Path

import structlog

from device.adapters.store import FileStore
from device.config import SnapshotConfig
from device.core.effects import RecordCall, SendSnapshot, SettleSnapshot, TakeSnapshot, TellHistory
from device.errors import HardwareError
from device.keeping import Keeping
from device.ports import Peers, VideoSource
from device.snapshots import Picture, Snapshots
from device.work import Work
from protocol.codec import CONTROL_LIMIT, encode
from protocol.messages import History, PastCall, RefusalCode, Refused, Snapshot

TOLD = 100
"""Calls in a history, at most (protocol section 5)."""

PICTURE_S = 3.0
"""How long an answer waits for a picture that is still being taken; a page waits a little longer."""

STARTING_S = 15.0
"""How long the picture of a visitor waits for a camera that is not there yet; after that nobody stands there."""

log = structlog.get_logger()


class Visits:
    """`state` is the folder of calls and pictures. On the event loop."""

    def __init__(self, state: Path, config: SnapshotConfig, keeping: Keeping, work: Work) -> None:
        self._journal = FileStore(state)
        self._snapshots = Snapshots(state, config.limit, config.limit_mb * 1_000_000)
        self._config = config
        self._keeping = keeping
        self._work = work
        self._under_way: set[asyncio.Task[None]] = set()
        self._pictures: dict[str, asyncio.Task[Picture | None]] = {}
        self._busy: set[str] = set()

    async def open(self) -> None:
        """Bring what is on the card within the limits; nothing stays where nothing is to be kept."""
        limit = 0 if self._config.keep == "none" else self._config.limit
        await self._keeping.now(lambda most: self._snapshots.trim(limit=most), limit)

    def take(self, effect: TakeSnapshot, camera: asyncio.Future[VideoSource]) -> None:
        """A door that is still starting has no camera yet; its first visitor is pictured as soon as it has."""
        self._pictures[effect.call] = self._work.linger(self._taken(effect, camera))

    def settle(self, effect: SettleSnapshot) -> None:
        picture = self._pictures.pop(effect.call, None)
        if picture is None:
            return
        if effect.keep:
            task = self._work.linger(self._kept(picture))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        else:
            picture.cancel()

    def answer(self, effect: TellHistory | SendSnapshot, peers: Peers) -> None:
        """One answer at a time on each link: who asks faster is told so."""
        if effect.link in self._busy:
            _refuse(effect, peers, "too-fast", "one after the other")
            return
        self._busy.add(effect.link)
        self._work.linger(self._answered(effect, peers))

    # Pictures

    async def _taken(self, effect: TakeSnapshot, camera: asyncio.Future[VideoSource]) -> Picture | None:
        """Held in memory: the picture of somebody who is answered never touches the card."""
        pressed = time.monotonic()
        await asyncio.sleep(effect.after_s)
        await asyncio.wait([camera], timeout=STARTING_S)
        still = await camera.result().snapshot() if camera.done() else None
        if still is None:
            log.warning("no-snapshot", why="the camera gave no picture")
            return None
        from device.media.jpeg import to_jpeg  # noqa: PLC0415 - PyAV's import must not delay the button

        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(effect.at + time.monotonic() - pressed))
        stamp = f"{when}  {effect.button}" if self._config.stamp else None
        try:
            return Picture(effect.at, effect.call, await asyncio.to_thread(to_jpeg, still, stamp))
        except HardwareError as error:
            log.warning("no-snapshot", why=str(error))
            return None

    async def _kept(self, taken: asyncio.Task[Picture | None]) -> None:
        picture = await taken
        if picture is not None:
            await self._keeping.now(self._snapshots.keep, picture)

    # Answers

    async def _answered(self, effect: TellHistory | SendSnapshot, peers: Peers) -> None:
        try:
            # A page asks when it hears that a call is over: that call belongs to the answer, and its picture.
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=PICTURE_S)
            await self._keeping.written()
            calls = await asyncio.to_thread(self._calls_of, effect.answerer)
            match effect:
                case TellHistory(link=link, id=number):
                    peers.send(link, await asyncio.to_thread(self._history, number, calls))
                case SendSnapshot():
                    await self._send(effect, calls, peers)
        except OSError as error:
            log.error("storage", why=str(error))
            _refuse(effect, peers, "fault", "the card cannot be read")
        finally:
            self._busy.discard(effect.link)

    def _calls_of(self, answerer: str) -> list[RecordCall]:
        """The calls that rang this person (protocol section 8, rule 11), newest first."""
        return [call for call in reversed(self._journal.load_calls()) if answerer in call.rang][:TOLD]

    def _history(self, number: int, calls: list[RecordCall]) -> str:
        """As many as fit into one message."""
        pictured = self._snapshots.calls()
        told = [
            PastCall(
                call=call.call, button=call.button, at=max(1, call.at), outcome=call.outcome,
                answered_by=call.answered_by, snapshot=call.call in pictured,
            )
            for call in calls
        ]  # fmt: skip
        while len(text := encode(History(id=number, calls=told))) > CONTROL_LIMIT:
            told = told[: len(told) * 9 // 10]
        return text

    async def _send(self, effect: SendSnapshot, calls: list[RecordCall], peers: Peers) -> None:
        mine = any(call.call == effect.call for call in calls)
        jpeg = await asyncio.to_thread(self._snapshots.load, effect.call) if mine else None
        if jpeg is None:
            _refuse(effect, peers, "unknown", "there is no picture of such a call")
            return
        peers.send(effect.link, encode(Snapshot(id=effect.id, size=len(jpeg))))
        await peers.send_bytes(effect.link, jpeg)


def _refuse(effect: TellHistory | SendSnapshot, peers: Peers, code: RefusalCode, why: str) -> None:
    peers.send(effect.link, encode(Refused(id=effect.id, code=code, message=why)))
