"""Waiting for what the door station logs."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.harness.processes import SCALE
from tests.hil.rig import UNIT, Rig

LOOK_S = 0.4
"""Looking costs an emulated machine some of this."""


OTHER = "said otherwise"
"""The event of a line that is not the daemon's own: a library's traceback, systemd's word on the unit."""


def parse(said: str) -> Iterator[dict[str, Any]]:
    """The lines of a unit's journal, oldest first."""
    for line in said.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        yield entry if isinstance(entry, dict) else {"event": OTHER, "text": line}


class Journal:
    """The daemon's log from `mark` on."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._mark = 0

    def mark(self) -> None:
        """What was logged so far is no longer waited for."""
        self._mark = len(self._rig.journal())

    def restart(self, clock: float | None = None) -> None:
        """Start the daemon anew, at this time (UTC, seconds); what the one before logged is no longer waited for."""
        self._rig.pi.run("systemctl", "stop", UNIT, timeout=120)
        if clock is not None:
            self._rig.set_clock(clock)
        self.mark()
        self._rig.pi.run("systemctl", "start", "--no-block", UNIT)

    def rewind(self) -> None:
        """The power came back: what is logged since counts from its beginning."""
        self._mark = 0

    def lines(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self._rig.journal()[self._mark :] if line.get("event") == event]

    def wait_for(self, event: str, within: float = 60.0, count: int = 1) -> dict[str, Any]:
        """The `count`th line with this event after the mark; TimeoutError says what was logged instead."""
        until = time.monotonic() + within * SCALE
        pause = threading.Event()
        while True:
            lines = self.lines(event)
            if len(lines) >= count:
                return lines[count - 1]
            if time.monotonic() > until:
                heard = [line.get("event") for line in self._rig.journal()[self._mark :]]
                raise TimeoutError(f"{event!r} was not logged {count} times in {within} s, but {heard[-20:]}")
            pause.wait(LOOK_S)
