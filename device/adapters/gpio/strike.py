"""One strike: a one-shot on a thread of its own, with a hard upper bound."""

import threading
from collections.abc import Callable
from typing import Any

from device.core.events import Event, HardwareFault, StrikeLowered, StrikeReleased

MAX_STRIKE_S = 30.0
"""No strike stays energised longer, whatever is asked: coils burn, and a forgotten door is an open door."""


class Strike:
    """At most one release at a time, each on a thread of its own that always lowers the line.

    `output` is a gpiozero output that is low now; no release is longer than `bound_s` or MAX_STRIKE_S.
    """

    def __init__(self, door: str, output: Any, bound_s: float, post: Callable[[Event], None]) -> None:
        self._door = door
        self._output = output
        self._bound_s = min(bound_s, MAX_STRIKE_S)
        self._post = post
        self._lock = threading.Lock()
        self._lower_now = threading.Event()
        self._thread: threading.Thread | None = None

    def release(self, seconds: float) -> None:
        """Energise for `seconds`; while it is open already, the first request's end stands."""
        with self._lock:
            busy = self._thread is not None
            if not busy and not self._lower_now.is_set():
                self._thread = threading.Thread(
                    target=self._one_shot, args=(min(seconds, self._bound_s),), name=f"strike-{self._door}"
                )
                self._thread.start()
        if busy:
            self._post(StrikeReleased(self._door))

    def close(self) -> None:
        """Lower it now and give the line back."""
        self._lower_now.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=2.0)
        self._output.off()
        self._output.close()

    def _one_shot(self, seconds: float) -> None:
        try:
            self._output.on()
            self._post(StrikeReleased(self._door))
            self._lower_now.wait(seconds)
        except Exception as error:  # noqa: BLE001 - whatever a pin driver raises is a fault of the strike
            self._post(HardwareFault("strike", f"door {self._door}: {error}"))
        finally:
            self._lower()

    def _lower(self) -> None:
        try:
            self._output.off()
        except Exception as error:
            self._post(HardwareFault("strike", f"door {self._door}: could not be lowered: {error}"))
            raise
        finally:
            with self._lock:
                self._thread = None
        self._post(StrikeLowered(self._door))
