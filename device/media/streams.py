"""All streams of a camera whose frames this machine encodes itself: one encoder each, running while it is watched.

The camera brings frames, as large as `main`; whoever's stream is due gets one, scaled where the stream is smaller.
"""

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
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

    `formats` names the streams there are. `changed` is called, on the event loop, whenever `due` may have changed.
    `open` is called on the event loop before the thread begins; everything that is not the port's, on that thread.
    """

    def __init__(self, formats: Mapping[Stream, StreamFormat], changed: Callable[[], None]) -> None:
        self._streams = {name: SoftwareStream(name, wanted, changed) for name, wanted in formats.items()}
        self._elsewhere: frozenset[Stream] = frozenset()
        self._stills = Stills(changed, (formats["main"].width, formats["main"].height))
        self._began = time.monotonic()

    def open(self, *, ready: bool = True) -> None:
        """Make the encoder of the first stream, so that its first frame needs no making; HardwareError if it cannot.

        The others make theirs with their first viewer, and so does the first unless it is to be `ready`.
        """
        for number, stream in enumerate(self._streams.values()):
            stream.open(ready=ready and number == 0)

    def watch(self, sink: Sink, stream: Stream = "main") -> Callable[[], None]:
        return self._streams[stream].outlet.watch(sink)

    def request_key_frame(self, stream: Stream = "main") -> None:
        self._streams[stream].outlet.request_key_frame()

    def set_bitrate(self, bitrate_bps: int, stream: Stream = "main") -> None:
        self._streams[stream].set_bitrate(bitrate_bps)

    async def snapshot(self) -> Still | None:
        return await self._stills.ask()

    @property
    def wanted(self) -> bool:
        """Somebody watches, or waits for a still."""
        return self._stills.wanted or any(stream.outlet.watched for stream in self._streams.values())

    @property
    def still_wanted(self) -> bool:
        return self._stills.wanted

    def leave(self, elsewhere: Iterable[Stream]) -> None:
        """Encode all but these from now on: the camera does, and hands them to their outlets."""
        self._elsewhere = frozenset(elsewhere)

    def stream(self, name: Stream) -> "SoftwareStream":
        return self._streams[name]

    def pts_at(self, now: float) -> int:
        """The time stamp, on the clock of all streams, of what was captured at `now` (monotonic seconds)."""
        return int((now - self._began) * CLOCK_HZ)

    def due(self) -> float | None:
        """When the next frame is wanted (monotonic seconds); None while nobody watches."""
        times = [stream.due for stream in self._encoded() if stream.outlet.watched]
        return 0.0 if self._stills.wanted else min(times, default=None)

    def turns(self, now: float) -> set[Stream]:
        """The streams for which a frame captured at `now` would be encoded."""
        return {stream.name for stream in self._encoded() if stream.is_turn(now)}

    def feed(self, frame: Any, now: float, drawn_at: float, small: Any = None) -> None:
        """A YUV 4:2:0 frame captured at `now` (monotonic seconds), which is `drawn_at` by the wall clock.

        `small` is the same, as small as the camera makes it by itself; `frame` may be None where only small streams
        are due. Encodes for every stream whose turn it is. HardwareError where an encoder cannot be had.
        """
        if frame is not None:
            self._stills.answer(frame, drawn_at)
        for stream in self._encoded():
            fitting = frame if stream.name == "main" or small is None else small
            if fitting is not None and stream.is_turn(now):
                stream.feed(fitting, self.pts_at(now), now, drawn_at)

    def warm(self, frame: Any) -> None:
        """Encode one frame for nobody: the first of an encoder costs several times the next."""
        next(iter(self._streams.values())).warm(frame)

    def _encoded(self) -> Iterator["SoftwareStream"]:
        return (stream for name, stream in self._streams.items() if name not in self._elsewhere)


class StreamedCamera(ABC):
    """A camera's side towards its viewers, as `device.ports.VideoSource` says: all of it is the streams' business."""

    def __init__(self, formats: Mapping[Stream, StreamFormat]) -> None:
        self._streams = SoftwareStreams(formats, self._wake)

    @abstractmethod
    def _wake(self) -> None:
        """When the next frame is due, and with which encoder, may have changed. Called on the event loop."""

    def watch(self, sink: Sink, stream: Stream = "main") -> Callable[[], None]:
        return self._streams.watch(sink, stream)

    def request_key_frame(self, stream: Stream = "main") -> None:
        self._streams.request_key_frame(stream)

    def set_bitrate(self, bitrate_bps: int, stream: Stream = "main") -> None:
        self._streams.set_bitrate(bitrate_bps, stream)
        self._wake()

    async def snapshot(self) -> Still | None:
        return await self._streams.snapshot()


class SoftwareStream:
    """One stream: its viewers, its pace, its encoder."""

    def __init__(self, name: Stream, wanted: StreamFormat, changed: Callable[[], None]) -> None:
        self.outlet = Outlet(changed)
        self.name = name
        self._format = wanted
        self._interval = 1 / wanted.fps
        self._scaler = VideoReformatter()
        self._encoder: Encoder | None = None
        self._wanted_bps: int | None = None
        self.bitrate_bps: int | None = None
        """What was asked for last."""
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
        self.bitrate_bps = self._wanted_bps = bitrate_bps

    def take_bitrate(self) -> int | None:
        """What was asked for since it was taken last."""
        wanted, self._wanted_bps = self._wanted_bps, None
        return wanted

    def stamp(self, pts: int) -> int:
        """`pts`, or just more than the last: time stamps rise."""
        self._last_pts = max(pts, self._last_pts + 1)
        return self._last_pts

    def warm(self, frame: Any) -> None:
        self._encode(frame, self.stamp(0), key=True)

    def is_turn(self, now: float) -> bool:
        """Whether it is watched and a frame is due; half an interval early is near enough: cameras jitter."""
        return self.outlet.watched and now >= self.due - self._interval / 2

    def feed(self, frame: Any, pts: int, now: float, drawn_at: float) -> None:
        """Encode this frame, as it is this stream's turn."""
        behind = now - self.due > self._interval
        self._due = (now if behind else self._due) + self._interval
        stamped = self.stamp(pts)
        data, key = self._encode(frame, stamped, key=self.outlet.key_frame_due(now))
        if data:
            self.outlet.hand_over(EncodedFrame(data, stamped, key, drawn_at), now)

    def _encode(self, frame: Any, pts: int, *, key: bool) -> tuple[bytes, bool]:
        if self._encoder is None:
            self._encoder = self._make()
        wanted = self.take_bitrate()
        if wanted is not None:
            self._encoder.set_bitrate(wanted)
        size = self._format.width, self._format.height
        fitting = frame if (frame.width, frame.height) == size else self._scaler.reformat(frame, *size)
        return self._encoder.encode(fitting, pts, key=key)

    def _make(self) -> Encoder:
        make = Vp8Encoder if self.name == "vp8" else H264Encoder
        wanted = self._format
        return make(wanted.width, wanted.height, wanted.fps, wanted.bitrate_bps)


class Stills:
    """Who waits for a picture that is not encoded. `answer` is the camera thread's, the rest the event loop's."""

    def __init__(self, changed: Callable[[], None], size: tuple[int, int]) -> None:
        self._changed = changed
        self._size = size
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
        width, height = self._size
        pixels = frame.to_ndarray(format="yuv420p", width=width, height=height)
        still = Still(width, height, pixels.tobytes(), drawn_at)
        for picture in waiting:
            picture.get_loop().call_soon_threadsafe(_give, picture, still)


def _give(picture: asyncio.Future[Still], still: Still) -> None:
    if not picture.done():
        picture.set_result(still)
