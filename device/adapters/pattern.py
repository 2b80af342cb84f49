"""A camera that needs no camera: a moving test picture, through the real encoder. For demonstration and tests."""

import asyncio
import threading
import time
from collections.abc import Callable

from device.core.events import Event, HardwareFault
from device.media.h264 import CLOCK_HZ, H264Encoder
from device.media.picture import TestPicture
from device.ports import EncodedFrame

KEY_FRAME_GAP_S = 0.3
"""However many viewers ask, key frames come no closer together than this."""

PENDING_FRAMES = 4
"""Frames waiting for the event loop; more would be stale when they are sent."""

Sink = Callable[[EncodedFrame], None]


class PatternCamera:
    """`device.ports.VideoSource`. Draws and encodes on a thread of its own, and only while somebody watches.

    Picture and encoder are made by `open`, so the first frame after `watch` is drawn and encoded at once.
    """

    def __init__(
        self, width: int, height: int, fps: int, bitrate_bps: int, caption: str, post: Callable[[Event], None]
    ) -> None:
        self._size = (width, height)
        self._fps = fps
        self._bitrate_bps = bitrate_bps
        self._caption = caption
        self._post = post
        self._changed = threading.Condition()
        self._sinks: list[Sink] = []
        self._key_wanted = False
        self._hurry = False
        self._wanted_bps: int | None = None
        self._ready: list[tuple[list[Sink], EncodedFrame]] = []
        self._torn = False
        self._delivering = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Make the encoder and warm it up. Call on the event loop; HardwareError if the encoder cannot be had."""
        if self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        picture = TestPicture(*self._size, self._caption)
        encoder = H264Encoder(*self._size, self._fps, self._bitrate_bps)
        self._closing = False
        self._thread = threading.Thread(target=self._run, args=(picture, encoder), name="camera", daemon=True)
        self._thread.start()

    def watch(self, sink: Sink) -> Callable[[], None]:
        """See `device.ports.VideoSource.watch`."""
        with self._changed:
            self._sinks.append(sink)
            self._key_wanted = self._hurry = True
            self._changed.notify()

        def stop() -> None:
            with self._changed:
                if sink in self._sinks:
                    self._sinks.remove(sink)

        return stop

    def request_key_frame(self) -> None:
        """See `device.ports.VideoSource.request_key_frame`."""
        with self._changed:
            self._key_wanted = True

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Takes effect with the next frame."""
        with self._changed:
            self._wanted_bps = bitrate_bps

    def close(self) -> None:
        """Stop the thread. May be called twice."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None

    def _run(self, picture: TestPicture, encoder: H264Encoder) -> None:
        try:
            self._work(picture, encoder)
        except Exception as error:  # noqa: BLE001 - whatever ends this thread must show as a fault at the door
            self._post(HardwareFault("camera", f"encoder: {error}"))

    def _work(self, picture: TestPicture, encoder: H264Encoder) -> None:
        began = time.monotonic()
        last_pts = -1
        last_key = -KEY_FRAME_GAP_S
        due = 0.0
        picture.draw(time.time())
        encoder.encode(picture.frame, 0, key=True)  # the first frame of an encoder costs several times the next
        while True:
            with self._changed:
                while not self._closing and (not self._sinks or (not self._hurry and time.monotonic() < due)):
                    self._changed.wait(None if not self._sinks else max(0.0, due - time.monotonic()))
                if self._closing:
                    return
                sinks, hurry, self._hurry = list(self._sinks), self._hurry, False
                now = time.monotonic()
                # A viewer who joins gets a key frame at once; those who only ask wait their turn.
                key = self._key_wanted and (hurry or now - last_key >= KEY_FRAME_GAP_S)
                self._key_wanted = self._key_wanted and not key
                wanted, self._wanted_bps = self._wanted_bps, None
            if wanted is not None:
                encoder.set_bitrate(wanted)
            due = now + 1 / self._fps if hurry or now - due > 1 else due + 1 / self._fps
            drawn_at = time.time()
            picture.draw(drawn_at)
            pts = max(last_pts + 1, int((now - began) * CLOCK_HZ) + 1)
            data, was_key = encoder.encode(picture.frame, pts, key=key)
            last_pts = pts
            last_key = now if was_key else last_key
            self._hand_over(sinks, EncodedFrame(data, pts, was_key, drawn_at))

    def _hand_over(self, sinks: list[Sink], frame: EncodedFrame) -> None:
        """To the event loop; one that is too busy gets no stale frames, but a key frame when it has time again."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        with self._changed:
            if self._torn and not frame.key:
                return
            self._torn = len(self._ready) >= PENDING_FRAMES
            if self._torn:
                self._ready.clear()
                self._key_wanted = True
                return
            self._ready.append((sinks, frame))
            if self._delivering:
                return
            self._delivering = True
        loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        """On the event loop."""
        with self._changed:
            ready, self._delivering = tuple(self._ready), False
            self._ready.clear()
        for sinks, frame in ready:
            for sink in sinks:
                if sink in self._sinks:
                    sink(frame)
