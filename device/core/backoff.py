"""How long to wait before the next attempt."""

from collections.abc import Callable


class Backoff:
    """Doubling delays between `first` and `most` seconds, each spread over its upper half by `fraction()` in [0, 1).

    The spread keeps a hundred doors from returning to a restarted server in step.
    """

    def __init__(self, first: float, most: float, fraction: Callable[[], float]) -> None:
        self._first = first
        self._most = most
        self._fraction = fraction
        self._next = first

    def delay(self) -> float:
        """Seconds to wait now; the next answer is twice as long."""
        delay = self._next
        self._next = min(self._next * 2, self._most)
        return delay * (0.5 + self._fraction() / 2)

    def reset(self) -> None:
        """The attempt succeeded."""
        self._next = self._first
