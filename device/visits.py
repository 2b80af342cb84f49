"""Performs what the core wants remembered of visitors, and tells it to whom it may be told."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import structlog

from device.adapters.store import FileStore
from device.config import SnapshotConfig
from device.core.effects import RecordCall, SendSnapshot, SettleSnapshot, TakeSnapshot, TellHistory
from device.errors import HardwareError
from device.ports import Peers, VideoSource
from device.snapshots import Picture, Snapshots
from protocol.codec import CONTROL_LIMIT, encode
from protocol.messages import History, PastCall, RefusalCode, Refused, Snapshot

TOLD = 100
"""Calls in a history, at most (protocol section 5)."""

PICTURE_S = 3.0
"""How long an answer waits for a picture that is still being taken; a page waits a little longer."""

log = structlog.get_logger()


class Own(Protocol):
    """Runs a coroutine as a task that the daemon owns."""

    def __call__(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]: ...


class Visits:
    """`store` writes to the card, one thing after the other, and shows a fault if that fails; `written` waits until all
    that was to be written is. On the event loop.
    """

    def __init__(
        self,
        state: Path,
        config: SnapshotConfig,
        own: Own,
        store: Callable[[Callable[[Any], None], Any], Coroutine[Any, Any, None]],
        written: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._journal = FileStore(state)
        self._snapshots = Snapshots(state, config.limit, config.limit_mb * 1_000_000)
        self._config = config
        self._own = own
        self._store = store
        self._written = written
        self._keeping: set[asyncio.Task[None]] = set()
        self._pictures: dict[str, asyncio.Task[Picture | None]] = {}
        self._busy: set[str] = set()

    async def open(self) -> None:
        """Bring what is on the card within the limits; nothing stays where nothing is to be kept."""
        limit = 0 if self._config.keep == "none" else self._config.limit
        await self._store(lambda most: self._snapshots.trim(limit=most), limit)

    def take(self, effect: TakeSnapshot, video: VideoSource | None) -> None:
        if video is not None:
            self._pictures[effect.call] = self._own(self._taken(effect, video))

    def settle(self, effect: SettleSnapshot) -> None:
        picture = self._pictures.pop(effect.call, None)
        if picture is None:
            return
        if effect.keep:
            keeping = self._own(self._kept(picture))
            self._keeping.add(keeping)
            keeping.add_done_callback(self._keeping.discard)
        else:
            picture.cancel()

    def answer(self, effect: TellHistory | SendSnapshot, peers: Peers) -> None:
        """One answer at a time on each link: who asks faster is told so."""
        if effect.link in self._busy:
            _refuse(effect, peers, "too-fast", "one after the other")
            return
        self._busy.add(effect.link)
        self._own(self._answered(effect, peers))

    # Pictures

    async def _taken(self, effect: TakeSnapshot, video: VideoSource) -> Picture | None:
        """Held in memory: the picture of somebody who is answered never touches the card."""
        from device.media.jpeg import to_jpeg  # noqa: PLC0415 - PyAV's import must not delay the button

        await asyncio.sleep(effect.after_s)
        still = await video.snapshot()
        if still is None:
            log.warning("no-snapshot", why="the camera gave no picture")
            return None
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(effect.at + effect.after_s))
        stamp = f"{when}  {effect.button}" if self._config.stamp else None
        try:
            return Picture(effect.at, effect.call, await asyncio.to_thread(to_jpeg, still, stamp))
        except HardwareError as error:
            log.warning("no-snapshot", why=str(error))
            return None

    async def _kept(self, taken: asyncio.Task[Picture | None]) -> None:
        picture = await taken
        if picture is not None:
            await self._store(self._snapshots.keep, picture)

    # Answers

    async def _answered(self, effect: TellHistory | SendSnapshot, peers: Peers) -> None:
        try:
            # A page asks when it hears that a call is over: that call belongs to the answer, and its picture.
            if self._keeping:
                await asyncio.wait(self._keeping, timeout=PICTURE_S)
            await self._written()
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
