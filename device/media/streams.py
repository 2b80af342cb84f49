"""All streams of a camera whose frames this machine encodes itself: one encoder each, running while it is watched.

The camera brings frames, as large as `main`; whoever's stream is due gets one, scaled where the stream is smaller.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from av.video.reformatter import VideoReformatter

from device.media.delivery import Outlet, Sink
from device.media.h264 import CLOCK_HZ, H264Encoder
from device.media.vp8 import Vp8Encoder
from device.ports import EncodedFrame, Still, Stream, StreamFormat

SNAPSHOT_S = 2.0
"""A camera that gives no picture in this time gives none (`device.ports.VideoSource.snapshot`)."""


class Encoder(Protocol):
    """`H264Encoder` or `Vp8Encoder`."""

    def encode(self, frame: Any, pts: int, *, key: bool) -> tuple[bytes, bool]: ...

    def set_bitrate(self, bitrate_bps: int) -> None: ...


class SoftwareStreams:
    """Does what `device.ports.VideoSource` says of viewers, for a camera that calls `feed` from a thread of its own.

    `formats` names the streams there are: a camera that gives `main` in hardware names the others alone. `changed` is
    called, on the event loop, whenever `due` may have changed. `open` is called on the event loop before the thread
    begins; `due` and `feed` on that thread.
    """

    def __init__(self, formats: Mapping[Stream, StreamFormat], changed: Callable[[], None]) -> None:
        self._streams = {name: SoftwareStream(name, wanted, changed) for name, wanted in formats.items()}
        self._stills = Stills(changed)
        self._began = time.monotonic()

    def open(self) -> None:
        """Make the encoder of the first stream, so that its first frame needs no making; HardwareError if it cannot.

        The others make theirs with their first viewer.
        """
        for number, stream in enumerate(self._streams.values()):
            stream.open(ready=number == 0)

    def watch(self, sink: Sink, stream: Stream = "main") -> Callable[[], None]:
        return self._streams[stream].outlet.watch(sink)

    def request_key_frame(self, stream: Stream = "main") -> None:
        self._streams[stream].outlet.request_key_frame()

    def set_bitrate(self, bitrate_bps: int, stream: Stream = "main") -> None:
        self._streams[stream].set_bitrate(bitrate_bps)

    async def snapshot(self) -> Still | None:
        return await self._stills.ask()

    def due(self) -> float | None:
        """When the next frame is wanted (monotonic seconds); None while nobody watches."""
        times = [stream.due for stream in self._streams.values() if stream.outlet.watched]
        return 0.0 if self._stills.wanted else min(times, default=None)

    def feed(self, frame: Any, now: float, drawn_at: float) -> None:
        """A YUV 4:2:0 frame captured at `now` (monotonic seconds), which is `drawn_at` by the wall clock.

        Encodes it for every stream that is due and watched. HardwareError where an encoder cannot be had.
        """
        self._stills.answer(frame, drawn_at)
        pts = int((now - self._began) * CLOCK_HZ)
        for stream in self._streams.values():
            stream.feed(frame, pts, now, drawn_at)

    def warm(self, frame: Any) -> None:
        """Encode one frame for nobody: the first of an encoder costs several times the next."""
        next(iter(self._streams.values())).warm(frame)


class SoftwareStream:
    """One stream: its viewers, its pace, its encoder."""

    def __init__(self, name: Stream, wanted: StreamFormat, changed: Callable[[], None]) -> None:
        self.outlet = Outlet(changed)
        self._name = name
        self._format = wanted
        self._interval = 1 / wanted.fps
        self._scaler = VideoReformatter()
        self._encoder: Encoder | None = None
        self._wanted_bps: int | None = None
        self._due = 0.0
        self._last_pts = -1

    def open(self, *, ready: bool) -> None:
        self._encoder = self._make() if ready else None
        self.outlet.open()

    @property
    def due(self) -> float:
        """When its next frame is wanted: at once for somebody who has just come."""
        return 0.0 if self.outlet.hurry else self._due

    def set_bitrate(self, bitrate_bps: int) -> None:
        self._wanted_bps = bitrate_bps

    def warm(self, frame: Any) -> None:
        self._encode(frame, self._last_pts + 1, key=True)

    def feed(self, frame: Any, pts: int, now: float, drawn_at: float) -> None:
        """Encode this frame if it is this stream's turn; half an interval early is near enough: cameras jitter."""
        if not self.outlet.watched or now < self.due - self._interval / 2:
            return
        behind = now - self.due > self._interval
        self._due = (now if behind else self._due) + self._interval
        data, key = self._encode(frame, max(pts, self._last_pts + 1), key=self.outlet.key_frame_due(now))
        if data:
            self.outlet.hand_over(EncodedFrame(data, self._last_pts, key, drawn_at), now)

    def _encode(self, frame: Any, pts: int, *, key: bool) -> tuple[bytes, bool]:
        if self._encoder is None:
            self._encoder = self._make()
        wanted, self._wanted_bps = self._wanted_bps, None
        if wanted is not None:
            self._encoder.set_bitrate(wanted)
        size = self._format.width, self._format.height
        fitting = frame if (frame.width, frame.height) == size else self._scaler.reformat(frame, *size)
        self._last_pts = pts
        return self._encoder.encode(fitting, pts, key=key)

    def _make(self) -> Encoder:
        make = Vp8Encoder if self._name == "vp8" else H264Encoder
        wanted = self._format
        return make(wanted.width, wanted.height, wanted.fps, wanted.bitrate_bps)


class Stills:
    """Who waits for a picture that is not encoded. `answer` is the camera thread's, the rest the event loop's."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._waiting: list[asyncio.Future[Still]] = []

    @property
    def wanted(self) -> bool:
        return bool(self._waiting)

    async def ask(self) -> Still | None:
        """The next picture, or None if there is none within SNAPSHOT_S."""
        picture: asyncio.Future[Still] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append(picture)
        self._changed()
        try:
            return await asyncio.wait_for(picture, SNAPSHOT_S)
        except TimeoutError:
            return None
        finally:
            with self._lock:
                if picture in self._waiting:
                    self._waiting.remove(picture)

    def answer(self, frame: Any, drawn_at: float) -> None:
        """Copy this frame for everybody who waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        still = Still(frame.width, frame.height, frame.to_ndarray(format="yuv420p").tobytes(), drawn_at)
        for picture in waiting:
            picture.get_loop().call_soon_threadsafe(_give, picture, still)


def _give(picture: asyncio.Future[Still], still: Still) -> None:
    if not picture.done():
        picture.set_result(still)
