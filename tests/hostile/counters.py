"""The doors' counters, and the watch over their strikes."""

import asyncio
import re

from tests.hostile.door import Daemon, Door

COUNTER = r'^doorward_events_total\{{[^}}]*event="{event}"[^}}]*\}} (\S+)'


def counted(daemon: Daemon, event: str) -> float:
    """How often it has said `event` in its log: a door by its own counter, a server, which has none, by its lines."""
    if daemon.control is None:
        return float(sum(line.get("event") == event for line in list(daemon.process.lines)))
    text = str(daemon.control.ask(do="metrics")["metrics"])
    return sum(float(value) for value in re.findall(COUNTER.format(event=re.escape(event)), text, re.MULTILINE))


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
