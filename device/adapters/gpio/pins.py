"""Where the pins come from: lgpio on a Pi, or simulated ones that remember what was done to them."""

import time
from collections import deque
from typing import Any, Literal

from gpiozero.pins.mock import MockFactory, MockPin

MOCK_BOARD_REVISION = "c03114"
"""What the mock pins pretend to be: a Raspberry Pi 4 Model B, which has the 40-pin header."""


class RecordingPin(MockPin):  # type: ignore[misc]  # gpiozero carries no types
    """A mock pin that remembers its last changes, and only those: the parent's list has no bound.

    `closed` are rows of a simulated keypad that a pressed key connects to this column: it is low while one of them is.
    """

    def __init__(self, factory: Any, info: Any) -> None:
        self.changes: deque[tuple[bool, float]] = deque(maxlen=64)
        self.states: list[Any] = []
        self.closed: set[Any] = set()
        super().__init__(factory, info)

    def settle(self) -> None:
        """Settle to the level that pull-up and pressed keys give now, with the edge that this makes."""
        if self._held_low():
            self.drive_low()
        else:
            self.drive_high()

    def _held_low(self) -> bool:
        return any(row.function == "output" and not row.state for row in self.closed)

    def _get_state(self) -> bool:
        return not self._held_low() if self.closed else bool(super()._get_state())

    def _change_state(self, value: Any) -> Any:
        changed = super()._change_state(value)
        if changed:
            self.changes.append((bool(value), time.monotonic()))
            self.states = self.states[-2:]
        return changed


def pin_factory(pins: Literal["lgpio", "mock"]) -> Any:
    """A factory of its own, so that panels do not share pins."""
    if pins == "mock":
        return MockFactory(revision=MOCK_BOARD_REVISION, pin_class=RecordingPin)
    # lgpio starts a thread and makes a FIFO in the working directory as soon as it is imported.
    from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415 - only where it is used

    return LGPIOFactory()
