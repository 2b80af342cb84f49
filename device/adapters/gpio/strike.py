"""One strike: a one-shot on a thread of its own, with a hard upper bound, that does not end before the line is low."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from device.core.events import Event, StrikeFailed, StrikeLowered, StrikeReleased, StrikeStuck

MAX_STRIKE_S = 30.0
"""No strike stays energised longer, whatever is asked: coils burn, and a forgotten door is an open door."""

AGAIN_S, AGAIN_AT_MOST_S = 0.02, 0.5
"""A line that does not go low is tried again after this time, then after twice as long, and so on up to the second."""


class Strike:
    """At most one release at a time, each on a thread of its own that lowers the line, however often that takes.

    `output` is a gpiozero output that is low now; no release is longer than `bound_s` or MAX_STRIKE_S. What cannot be
    lowered is tried again until `close`: when that has gone on for too long is the core's to say (`device.core.doors`).
    """

    def __init__(self, door: str, output: Any, bound_s: float, post: Callable[[Event], None]) -> None:
        self._door = door
        self._output = output
        self._bound_s = min(bound_s, MAX_STRIKE_S)
        self._post = post
        self._lock = threading.Lock()
        self._lower_now = threading.Event()
        self._thread: threading.Thread | None = None
        self._failed = False

    def release(self, seconds: float) -> None:
        """Energise for `seconds`; while it is open already, the first request's end stands."""
        with self._lock:
            busy = self._thread is not None
            if not busy and not self._lower_now.is_set():
                self._failed = False
                self._thread = threading.Thread(
                    target=self._one_shot, args=(min(seconds, self._bound_s),), name=f"strike-{self._door}"
                )
                self._thread.start()
        if busy and self._failed:
            self._post(StrikeFailed(self._door, f"door {self._door}: its line answers to nothing"))
        elif busy:
            self._post(StrikeReleased(self._door))

    def close(self) -> None:
        """Lower it now and give the line back. Whatever the pin driver raises where it cannot be lowered even now."""
        self._lower_now.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=2.0)
        try:
            self._output.off()
        finally:
            self._output.close()

    def _one_shot(self, seconds: float) -> None:
        try:
            self._output.on()
            self._post(StrikeReleased(self._door))
            self._lower_now.wait(seconds)
        except Exception as error:  # noqa: BLE001 - whatever a pin driver raises is a fault of the strike
            self._failed = True
            self._post(StrikeFailed(self._door, f"door {self._door}: {error}"))
        finally:
            self._lower()

    def _lower(self) -> None:
        """Until the line is low, or it is time to end: then `close` tries once more."""
        again_s = AGAIN_S
        while (error := self._try_to_lower()) is not None:
            if again_s == AGAIN_S:
                with contextlib.suppress(RuntimeError):  # the event loop is closed: lowering goes on without a witness
                    self._post(StrikeStuck(self._door, f"door {self._door}: could not be lowered: {error}"))
            if self._lower_now.wait(again_s):
                break
            again_s = min(2 * again_s, AGAIN_AT_MOST_S)
        with self._lock:
            self._thread = None
        if error is None:
            self._post(StrikeLowered(self._door))

    def _try_to_lower(self) -> Exception | None:
        try:
            self._output.off()
        except Exception as error:  # noqa: BLE001 - likewise
            return error
        return None
