"""From rattling contacts to levels: what was the same for `SETTLE_S` is believed, and reported when it changes."""

from dataclasses import dataclass
from typing import Generic, TypeVar

SETTLE_S = 0.1
"""A reed's own bounce is over within some milliseconds; a leaf that shakes in the wind takes longer."""

K = TypeVar("K")


@dataclass(slots=True)
class _Level:
    seen: bool
    since: float
    believed: bool | None = None


class Settle(Generic[K]):
    """Debounces levels by name. The first level of a name is reported once it has settled, too."""

    def __init__(self) -> None:
        self._levels: dict[K, _Level] = {}

    def edge(self, name: K, level: bool, at: float) -> None:
        """`name` changed to `level` at monotonic time `at`."""
        known = self._levels.setdefault(name, _Level(level, at))
        if known.seen != level:
            known.seen, known.since = level, at

    def settled(self, now: float) -> list[tuple[K, bool]]:
        """What is believed since now, and was not before."""
        changed = []
        for name, level in self._levels.items():
            if level.seen != level.believed and level.since + SETTLE_S <= now:
                level.believed = level.seen
                changed.append((name, level.seen))
        return changed

    @property
    def deadline(self) -> float | None:
        waiting = (level.since + SETTLE_S for level in self._levels.values() if level.seen != level.believed)
        return min(waiting, default=None)
