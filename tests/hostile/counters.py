"""The doors' counters, and the watch over their strikes."""

import asyncio
import re

from tests.hostile.door import Door


def counted(door: Door, event: str) -> float:
    """How often the door has said `event` in its log, by its own counter.

    A door that has no counters yet is asked for its log lines instead: this is the one place that knows.
    """
    try:
        text = str(door.control.ask(do="metrics")["metrics"])
    except RuntimeError:
        return float(sum(line.get("event") == event for line in list(door.process.lines)))
    values = re.findall(
        rf'^doorward_events_total\{{[^}}]*event="{re.escape(event)}"[^}}]*\}} (\S+)', text, re.MULTILINE
    )
    return sum(float(value) for value in values)


class Strikes:
    """Counts how often a strike was released: by the pin, and by the log, should the pin have been too quick."""

    def __init__(self, doors: list[Door]) -> None:
        self._doors = doors
        self._pulses = 0
        self._high = dict.fromkeys((door.name for door in doors), False)

    @property
    def count(self) -> int:
        told = sum(line.get("event") == "door-opened" for door in self._doors for line in list(door.process.lines))
        return self._pulses + told

    @property
    def released(self) -> bool:
        return any(self._high.values())

    async def watch(self) -> None:
        """Look at the pins, several times within the shortest pulse; ends by being cancelled."""
        while True:
            for door in self._doors:
                high = bool((await asyncio.to_thread(door.control.pins))["door.main"])
                self._pulses += high and not self._high[door.name]
                self._high[door.name] = high
            await asyncio.sleep(0.2)
