"""`device.ports.VideoSource` on picamera2: kept warm, encoded as the board does it best, taken up again when lost."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from device.adapters.camera.board import has_hardware_encoder
from device.adapters.camera.hardware import HardwareStream
from device.adapters.camera.session import CameraSetup, Picture, Session
from device.core.events import Event, HardwareBack, HardwareFault
from device.errors import HardwareError
from device.media.streams import StreamedCamera
from device.ports import Stream, StreamFormat

WARM_FPS = 10
"""While nobody watches: exposure and white balance follow the light, and who comes gets a frame of the last 100 ms."""

SILENT_S = 2.0
"""A running camera that brings no frame for so long has failed. libcamera gives up after about 1 s, without a word."""

STALE_S = 0.3
"""A frame that was kept for longer is not shown any more: the camera hangs, or has been resting."""

START_S = 5.0
"""The same for the first frame: a sensor takes time to start, and libcamera keeps back what is too dark at first."""

TORN_FRAMES = 30
"""In a row, and the camera has failed: now and then USB brings one."""

RETRY_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Pauses before a lost camera is tried again; the last one for good."""

HARDWARE: Mapping[Stream, Picture] = {"main": "main", "small": "lores"}
"""The streams that the board can encode, and which of the camera's pictures each is made of."""

log = structlog.get_logger()


class Picamera2Camera(StreamedCamera):
    """See `device.ports.VideoSource`. All but the frames' own way runs on one thread, so the event loop never waits.

    `open` returns at once: whether there is a camera is told by HardwareFault or its absence, and by HardwareBack.
    """

    def __init__(
        self, formats: Mapping[Stream, StreamFormat], setup: CameraSetup, post: Callable[[Event], None]
    ) -> None:
        super().__init__(formats)
        self._formats = formats
        self._setup = setup
        self._post = post
        self._changed = threading.Condition()
        self._closing = False
        self._woken = False
        self._waiting: Any = None
        """The newest frame, ours until it is released; kept while nobody watches, for who comes next."""
        self._arrived_at = 0.0
        self._hardware: dict[Stream, HardwareStream] = {}
        self._torn = 0
        self._first = True
        """The camera has not delivered yet."""
        self._warm = False
        """The first frame of an encoder, which costs several times the next, is behind us."""
        self._faulty = False
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Begin; HardwareError if the encoder that this machine needs cannot be had."""
        if self._thread is not None:
            return
        self._closing = False
        self._streams.open(ready=self._setup.encoder == "software" or not has_hardware_encoder())
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let the camera go, within 5 s: one that hangs in the kernel is left to the end of the process."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(5)
            if self._thread.is_alive():
                log.error("camera-hangs", what="it does not let itself be closed")
            self._thread = None

    # On the library's thread

    def _arrived(self, request: Any) -> None:
        """Take a frame from the camera: the newest one waits, whichever it replaces goes back at once."""
        request.acquire()
        now = time.monotonic()
        with self._changed:
            before, self._waiting = self._waiting, request
            self._arrived_at = now
            encoders = tuple(self._hardware.values())
            self._changed.notify_all()
        if before is not None:
            before.release()
        for encoder in encoders:
            encoder.tick(now)

    # On our thread

    def _run(self) -> None:
        """Serve one camera after the other, until closed."""
        failures = 0
        while not self._closing:
            try:
                session = Session(self._setup, self._formats["main"], self._formats["small"], self._arrived)
            except Exception as error:  # noqa: BLE001 - the library raises whatever its threads and the kernel raised
                self._lost(error)
            else:
                log.info("camera", seen=session.seen, encoder="hardware" if session.hardware else "software")
                try:
                    self._serve(session)
                except Exception as error:  # noqa: BLE001 - likewise
                    failures = 0 if not self._faulty else failures
                    self._lost(error)
                finally:
                    self._let_go(session)
            with self._changed:
                self._changed.wait_for(lambda: self._closing, RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1

    def _lost(self, error: Exception) -> None:
        detail = str(error) if isinstance(error, HardwareError) else f"camera: {type(error).__name__}: {error}"
        if not self._faulty:
            self._faulty = True
            self._post(HardwareFault("camera", detail))
        else:
            log.debug("camera-still-lost", why=detail)

    def _found(self) -> None:
        """The camera delivers."""
        if self._faulty:
            self._faulty = False
            self._post(HardwareBack("camera"))

    def _serve(self, session: Session) -> None:
        """Until closed; HardwareError when the camera fails."""
        self._streams.leave(HARDWARE if session.hardware else ())
        for name in self._formats:
            self._streams.request_key_frame(name)  # whoever still watches goes on from there
        idle_fps = None if self._setup.idle == "cold" else WARM_FPS
        self._first = True
        pace: int | None = None
        started = time.monotonic()
        while not self._closing:
            wanted = self._formats["main"].fps if self._streams.wanted else idle_fps
            if wanted != pace:
                self._set_pace(session, wanted)
                started = time.monotonic() if pace is None else started
                pace = wanted
            self._encode_in_hardware(session)
            if pace is None:
                self._found()
                request = self._next(None)
            else:
                request = self._next(max(started + START_S, self._arrived_at + SILENT_S))
                if self._arrived_at > started:
                    self._found()
            if request is not None:
                try:
                    self._feed(session, request)
                finally:
                    request.release()

    def _set_pace(self, session: Session, fps: int | None) -> None:
        if fps is not None:
            session.run(fps)
            return
        session.rest()
        self._forget()

    def _next(self, silent_at: float | None) -> Any:
        """A frame that is ours to release, as soon as one is wanted; None where something else is to be seen to first.

        HardwareError if none arrives before `silent_at` (monotonic seconds).
        """
        with self._changed:
            self._changed.wait_for(self._ready, None if silent_at is None else silent_at - time.monotonic())
            self._woken = False
            if silent_at is not None and time.monotonic() >= max(silent_at, self._arrived_at + SILENT_S):
                raise HardwareError("camera: it brings no pictures any more: check its cable, and the kernel's log")
            if not self._wanted():
                return None
            request, self._waiting = self._waiting, None
            fresh = time.monotonic() - self._arrived_at < STALE_S
        if request is not None and not fresh:
            request.release()
            return None
        return request

    def _ready(self) -> bool:
        return self._closing or self._woken or (self._waiting is not None and self._wanted())

    def _wanted(self) -> bool:
        return self._streams.due() is not None or self._first

    def _feed(self, session: Session, request: Any) -> None:
        """Make frames of what the camera delivered, for the streams whose turn it is."""
        captured, drawn_at = _captured(request)
        turns = self._streams.turns(captured)
        warming = not (self._warm or session.hardware)
        self._first = False
        frame = small = None
        if "lores" in session.makers and turns - {"main"}:
            small = session.make("lores", request)
        if "main" in turns or self._streams.still_wanted or warming or (turns and small is None):
            frame = session.make("main", request)
        torn = frame is None and small is None and bool(turns)
        self._torn = self._torn + 1 if torn else 0
        if self._torn > TORN_FRAMES:
            raise HardwareError(f"camera: {TORN_FRAMES} pictures in a row could not be read: try another cable or port")
        if warming and frame is not None:
            self._warm = True
            self._streams.warm(frame)
        self._streams.feed(frame, captured, drawn_at, small)

    def _encode_in_hardware(self, session: Session) -> None:
        """Start the board's encoders for the streams that are watched, stop the others."""
        if not session.hardware:
            return
        for name, picture in HARDWARE.items():
            stream = self._streams.stream(name)
            running = self._hardware.get(name)
            if running is None and stream.outlet.watched:
                fps = self._formats["main"].fps
                started = HardwareStream(session, picture, fps, self._formats[name], stream, self._streams.pts_at)
                with self._changed:
                    self._hardware[name] = started
            elif running is not None and not stream.outlet.watched:
                self._stop(name)
            elif running is not None:
                running.follow_bitrate()

    def _stop(self, name: Stream) -> None:
        with self._changed:
            encoder = self._hardware.pop(name)
        encoder.close()

    def _let_go(self, session: Session) -> None:
        for name in list(self._hardware):
            try:
                self._stop(name)
            except Exception as error:  # noqa: BLE001 - whatever it is, the camera must be let go
                log.warning("encoder-not-stopped", stream=name, why=f"{type(error).__name__}: {error}")
        self._forget()
        session.close()
        self._forget()

    def _forget(self) -> None:
        with self._changed:
            before, self._waiting = self._waiting, None
        if before is not None:
            before.release()

    def _wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify_all()


def _captured(request: Any) -> tuple[float, float]:
    """When the frame was captured, in monotonic and in wall-clock seconds; now, where the camera does not say."""
    now = time.monotonic()
    captured = request.get_metadata().get("SensorTimestamp", 0) / 1e9
    if not now - SILENT_S < captured <= now:
        captured = now
    return captured, time.time() - (now - captured)
