"""What one viewer's path can take, from what was sent to it and what it reports (REMB). Pure: time is an argument."""

from collections import deque

WINDOW_S = 2.0
"""What was sent is averaged over this time."""

SHORT_OF = 0.8
"""A report below this part of what is sent means congestion."""


class Capacity:
    """`limit` is in bits a second, or None while nothing speaks for a limit.

    A browser's estimate grows only with what it receives, so that of a still picture is small on the best of
    networks. It is believed when it falls short of what is being sent, at least `floor_bps`; from then on it is
    followed until it reaches `ceiling_bps`.
    """

    def __init__(self, floor_bps: int, ceiling_bps: int) -> None:
        self.limit: int | None = None
        self._floor_bps = floor_bps
        self._ceiling_bps = ceiling_bps
        self._sent: deque[tuple[float, int]] = deque()
        self._bytes = 0

    def sent(self, size: int, now: float) -> None:
        """`size` bytes of media went out at `now` (seconds)."""
        self._sent.append((now, size))
        self._bytes += size
        self._forget(now)

    def reported(self, bitrate_bps: int, now: float) -> None:
        """The viewer estimates that `bitrate_bps` would get through."""
        self._forget(now)
        sending = self._bytes * 8 / WINDOW_S
        congested = sending >= self._floor_bps and bitrate_bps < SHORT_OF * sending
        if bitrate_bps >= self._ceiling_bps:
            self.limit = None
        elif self.limit is not None or congested:
            self.limit = bitrate_bps

    def reset(self) -> None:
        """Nothing is sent any more."""
        self.limit = None
        self._sent.clear()
        self._bytes = 0

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] < now - WINDOW_S:
            self._bytes -= self._sent.popleft()[1]
