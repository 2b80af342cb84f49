"""A lamp that plays a rhythm, on a thread of its own."""

import threading
from collections.abc import Callable
from typing import Any

from device.adapters.gpio.rhythm import DARK, Rhythm
from device.core.events import Event, HardwareFault


class Lamp:
    """`output` is a gpiozero output that is low now; the rhythm begins anew whenever it is changed."""

    def __init__(self, name: str, output: Any, post: Callable[[Event], None]) -> None:
        self._name = name
        self._output = output
        self._post = post
        self._changed = threading.Condition()
        self._rhythm: Rhythm = DARK
        self._closing = False
        self._thread = threading.Thread(target=self._play, name=name, daemon=True)
        self._thread.start()

    def show(self, rhythm: Rhythm) -> None:
        """Play `rhythm` from now on."""
        with self._changed:
            if rhythm != self._rhythm:
                self._rhythm = rhythm
                self._changed.notify()

    def close(self) -> None:
        """Dark, and the line given back."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout=2.0)
        self._output.off()
        self._output.close()

    def _play(self) -> None:
        with self._changed:
            try:
                while not self._closing:
                    self._once(self._rhythm)
            except Exception as error:  # noqa: BLE001 - whatever a pin driver raises: a door without a lamp is a door
                self._post(HardwareFault("lamp", f"{self._name}: {error}"))

    def _once(self, rhythm: Rhythm) -> None:
        """The rhythm from its beginning to its end, or until another is wanted. The lock is given up while it waits."""
        if not rhythm:
            self._output.off()
            self._wait(rhythm, float("inf"))
        for number, seconds in enumerate(rhythm):
            if number % 2:
                self._output.off()
            else:
                self._output.on()
            if self._wait(rhythm, seconds):
                return

    def _wait(self, rhythm: Rhythm, seconds: float) -> bool:
        """Whether another rhythm is wanted, or none."""
        return self._changed.wait_for(
            lambda: self._closing or self._rhythm is not rhythm, None if seconds == float("inf") else seconds
        )
