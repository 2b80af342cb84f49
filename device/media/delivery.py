"""How encoded frames get from an encoder's thread to who watches, and wishes for key frames the other way.

Every camera adapter uses this, whatever encodes for it: a software encoder asks `key_frame_due` before each frame, a
hardware encoder's output does so after each and forces one when it is told.
"""

import asyncio
import threading
from collections.abc import Callable

from device.ports import EncodedFrame

KEY_FRAME_GAP_S = 0.3
"""However many viewers ask, key frames of a stream come no closer together than this."""

PENDING_FRAMES = 4
"""Frames waiting for the event loop; more would be stale when they are sent."""

Sink = Callable[[EncodedFrame], None]


class Outlet:
    """One stream's way out. `key_frame_due` and `hand_over` are the encoder's thread's, the rest the event loop's.

    A sink gets nothing before a key frame. `changed` is called, on the event loop, when somebody comes, when the last
    one goes, and when a key frame is wanted: a camera that sleeps is woken by it.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._sinks: dict[Sink, bool] = {}  # whether it still waits for its first key frame
        self._wanted = False
        self._hurry = False
        self._asked_at = self._last_key = -KEY_FRAME_GAP_S
        self._ready: list[EncodedFrame] = []
        self._torn = False
        self._delivering = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Deliver to the running event loop from now on; whoever watches goes on with a key frame."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._wanted = self._hurry = bool(self._sinks)

    @property
    def watched(self) -> bool:
        return bool(self._sinks)

    @property
    def hurry(self) -> bool:
        """Somebody has just come and waits for a picture: the next frame is wanted now, not at its tick."""
        return self._hurry

    def watch(self, sink: Sink) -> Callable[[], None]:
        """See `device.ports.VideoSource.watch`."""
        entry = _once(sink)
        with self._lock:
            self._sinks[entry] = True
            self._wanted = self._hurry = True
        self._changed()

        def stop() -> None:
            with self._lock:
                last = self._sinks.pop(entry, None) is not None and not self._sinks
                if not self._sinks:
                    self._wanted = self._hurry = False
            if last:
                self._changed()

        return stop

    def request_key_frame(self) -> None:
        """See `device.ports.VideoSource.request_key_frame`."""
        with self._lock:
            if self._wanted or not self._sinks:
                return
            self._wanted = True
        self._changed()

    def key_frame_due(self, now: float) -> bool:
        """Whether the encoder is to make a key frame now (monotonic seconds); asking takes the wish along.

        A viewer who joins gets one at once; those who only ask wait their turn. A wish that no key frame followed
        comes up again when the gap is over.
        """
        with self._lock:
            waited = now - max(self._last_key, self._asked_at) >= KEY_FRAME_GAP_S
            due = self._wanted and (self._hurry or waited)
            if due:
                self._hurry = False
                self._asked_at = now
            return due

    def hand_over(self, frame: EncodedFrame, now: float) -> None:
        """Take a frame that was captured at `now` (monotonic seconds) to the event loop.

        A loop that is too busy gets no stale frames, but a key frame when it has time again.
        """
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        with self._lock:
            if frame.key:
                self._last_key = max(self._last_key, now)
                self._wanted = self._hurry = False  # who came meanwhile begins with this one
            elif self._torn:
                return
            self._torn = len(self._ready) >= PENDING_FRAMES
            if self._torn:
                self._ready.clear()
                self._wanted = True
                return
            self._ready.append(frame)
            if self._delivering:
                return
            self._delivering = True
        loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        """On the event loop."""
        with self._lock:
            ready, self._delivering = tuple(self._ready), False
            self._ready.clear()
        for frame in ready:
            for sink, waits in list(self._sinks.items()):
                if (waits and not frame.key) or sink not in self._sinks:
                    continue
                self._sinks[sink] = False
                sink(frame)


def _once(sink: Sink) -> Sink:
    """A name of its own for each watching, so that one sink may watch twice."""

    def entry(frame: EncodedFrame) -> None:
        sink(frame)

    return entry
