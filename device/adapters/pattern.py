"""A camera that needs no camera: a moving test picture, through the real encoders. For demonstration and tests."""

import threading
import time
from collections.abc import Callable, Mapping

from device.core.events import Event, HardwareFault
from device.media.picture import TestPicture
from device.media.streams import StreamedCamera
from device.ports import Stream, StreamFormat


class PatternCamera(StreamedCamera):
    """`device.ports.VideoSource`. Draws and encodes on a thread of its own, and only while somebody watches.

    Picture and encoder are made by `open`, so the first frame after `watch` is drawn and encoded at once.
    """

    def __init__(
        self, formats: Mapping[Stream, StreamFormat], caption: str, post: Callable[[Event], None], grain: bool = False
    ) -> None:
        super().__init__(formats)
        self._size = (formats["main"].width, formats["main"].height)
        self._caption = caption
        self._grain = grain
        self._post = post
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Make the encoder and warm it up. Call on the event loop; HardwareError if the encoder cannot be had."""
        if self._thread is not None:
            return
        picture = TestPicture(*self._size, self._caption, self._grain)
        self._streams.open()
        self._closing = False
        self._thread = threading.Thread(target=self._run, args=(picture,), name="camera", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread. May be called twice."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self, picture: TestPicture) -> None:
        try:
            self._streams.warm(picture.draw(time.time()))
            while self._wait_until_due():
                drawn_at = time.time()
                self._streams.feed(picture.draw(drawn_at), time.monotonic(), drawn_at)
        except Exception as error:  # noqa: BLE001 - whatever ends this thread must show as a fault at the door
            self._post(HardwareFault("camera", f"encoder: {error}"))

    def _wait_until_due(self) -> bool:
        """False when the camera is being closed."""
        with self._changed:
            while not self._closing:
                due = self._streams.due()
                late = None if due is None else time.monotonic() - due
                if late is not None and late >= 0:
                    return True
                self._changed.wait(None if late is None else -late)
            return False
