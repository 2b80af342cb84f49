"""A 4×3 matrix of keys, scanned on a thread of its own while a key is down, and asleep otherwise.

At rest every row is low and every column is pulled up: any key makes an edge, which wakes the scan. It drives one row
at a time and lets the others float, so that two keys at once never join a high output to a low one. More than one key
at once is none: a matrix without diodes cannot tell three keys from four.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from device.adapters.gpio.wiring import KEYS
from device.core.events import Event, HardwareFault, KeyPressed

SCAN_S = 0.01
"""Between two scans. A key counts when two scans see it alone, and again only after two saw none."""

STUCK_SCANS = 3000
"""After half a minute with a key down it is glue, not a finger: from then on it is looked at once a second."""

SETTLE_S = 0.0005
"""For a row to pull its columns low, through 1 kΩ and the capacitance of a metre of ribbon cable."""


class MatrixKeypad:
    """`rows` and `columns` are claimed gpiozero devices: outputs that are low, inputs with a pull-up."""

    def __init__(self, rows: Sequence[Any], columns: Sequence[Any], post: Callable[[Event], None]) -> None:
        self._rows = rows
        self._columns = columns
        self._post = post
        self._wake = threading.Event()
        self._pause = threading.Event()  # never set but to end: a pause that can be cut short
        self._thread = threading.Thread(target=self._run, name="keypad", daemon=True)
        for column in columns:
            column.when_activated = self._wake.set
        self._thread.start()

    def close(self) -> None:
        """Stop scanning and give the lines back."""
        self._pause.set()
        self._wake.set()
        self._thread.join(timeout=2.0)
        for device in (*self._rows, *self._columns):
            device.close()

    def _run(self) -> None:
        try:
            while True:
                self._rest()
                self._wake.wait()
                if self._pause.is_set():
                    return
                self._wake.clear()
                self._scan_until_let_go()
        except Exception as error:  # noqa: BLE001 - whatever a pin driver raises: a door without keypad is a door
            self._post(HardwareFault("keypad", str(error)))

    def _scan_until_let_go(self) -> None:
        """Reports each key that is pressed alone; ends when two scans in a row saw none."""
        reported: str | None = None
        before: frozenset[str] | None = None
        scans = 0
        while not self._pause.is_set():
            scans += 1
            seen = self._scan()
            if seen == before:
                if not seen and reported is None:
                    return
                if not seen:
                    reported = None
                elif len(seen) == 1 and reported is None:
                    (reported,) = seen
                    self._post(KeyPressed(reported))
            before = seen
            self._pause.wait(SCAN_S if scans < STUCK_SCANS else 1.0)

    def _scan(self) -> frozenset[str]:
        return frozenset(self._pressed())

    def _pressed(self) -> Iterator[str]:
        for row in self._rows:
            row.pin.function = "input"
        for number, row in enumerate(self._rows):
            row.pin.output_with_state(0)
            self._pause.wait(SETTLE_S)
            yield from (key for key, column in zip(KEYS[number], self._columns, strict=True) if not column.pin.state)
            row.pin.function = "input"

    def _rest(self) -> None:
        """Every row low, so that any key makes an edge; a key that went down meanwhile is looked for at once."""
        for row in self._rows:
            row.pin.output_with_state(0)
        self._pause.wait(SETTLE_S)
        if any(not column.pin.state for column in self._columns):
            self._wake.set()
