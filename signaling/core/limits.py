"""Token buckets: how much somebody may ask for. Time is an argument."""

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """`rate` tokens a second, at most `rate` at once (or `burst`)."""

    rate: float
    burst: float
    level: float
    at: float

    @classmethod
    def full(cls, rate: float, now: float, burst: float | None = None) -> "Bucket":
        size = rate if burst is None else burst
        return cls(rate, size, size, now)

    def take(self, now: float) -> bool:
        """Whether there was a token left."""
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class AddressLimiter:
    """A bucket per address, the fullest forgotten first: memory is bounded however many addresses ask."""

    def __init__(self, rate: float, most: int = 10_000) -> None:
        self._rate = rate
        self._most = most
        self._buckets: dict[str, Bucket] = {}

    def allow(self, address: str, now: float) -> bool:
        bucket = self._buckets.pop(address, None) or Bucket.full(self._rate, now)
        self._buckets[address] = bucket  # at the end: the first is the one longest unseen
        if len(self._buckets) > self._most:
            del self._buckets[next(iter(self._buckets))]
        return bucket.take(now)


class Offences:
    """The second malformed message within a minute is one too many (protocol section 3)."""

    def __init__(self) -> None:
        self._last: float | None = None

    def one_too_many(self, now: float) -> bool:
        again = self._last is not None and now - self._last < 60
        self._last = now
        return again
