"""Token buckets: how much somebody may ask for. Time is an argument."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network


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
    """A bucket per address, the one longest unseen forgotten first: memory is bounded however many addresses ask.

    IPv6 addresses count by their /64, which is what one customer has (RFC 6177).
    """

    def __init__(self, rate: float, most: int = 10_000, burst: float | None = None) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._buckets: dict[str, Bucket] = {}

    def allow(self, address: str, now: float) -> bool:
        whose = _customer(address)
        bucket = self._buckets.pop(whose, None) or Bucket.full(self._rate, now, self._burst)
        self._buckets[whose] = bucket  # at the end: the first is the one longest unseen
        if len(self._buckets) > self._most:
            del self._buckets[next(iter(self._buckets))]
        return bucket.take(now)


def _customer(address: str) -> str:
    if ":" not in address:
        return address
    whole = IPv6Address(address.partition("%")[0])
    return str(whole.ipv4_mapped or ip_network((whole, 64), strict=False))


class Offences:
    """The second malformed message within a minute is one too many (protocol section 3)."""

    def __init__(self) -> None:
        self._last: float | None = None

    def one_too_many(self, now: float) -> bool:
        again = self._last is not None and now - self._last < 60
        self._last = now
        return again
