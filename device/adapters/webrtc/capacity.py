"""What one viewer's path can take, from what was sent to it and what it reports. Pure: time is an argument.

Two witnesses. The viewer's estimate (REMB) is what would get through by the delay of what arrives; its receiver
reports (RFC 3550) tell what was lost and how long a packet was under way. Each limits by itself; the lower one holds.
"""

from collections import deque

WINDOW_S = 2.0
"""What was sent is averaged over this time."""

SETTLE_S = 2.0
"""What a path reports so soon after a stream began is about the one before it."""

SHORT_OF = 0.8
"""An estimate below this part of what is sent means congestion, if it fell to that."""

FELL_TO = 0.95
"""An estimate below this part of the one before it fell; what only grows slowly is catching up, not congested."""

LOST = 0.1
"""A larger part of packets lost is congestion; less is what radio does (as Google's congestion control has it)."""

HOPELESS = 0.5
"""Where more than this part is lost, what gets through is all that the path can take."""

LATE_S = 0.25
"""Two round trips in a row that take this much longer than the path's best are a queue that has filled."""

RISE = 1.08
"""A limit that came of losses or delay rises so much with each report that has neither."""

BEST_OF_S = 60.0
"""The best round trip is looked for in this time: paths change."""


class Capacity:
    """`limit` is in bits a second, or None while nothing speaks for a limit.

    A browser's estimate grows only with what it receives, so that of a still picture is small on the best of
    networks. It is believed when it falls short of what is being sent, at least `floor_bps`; from then on it is
    followed until it reaches what the stream needs at most.
    """

    def __init__(self, floor_bps: int) -> None:
        self.estimate: int | None = None
        """The estimate in force as a limit: what the viewer says of its path."""
        self.congested_at = -BEST_OF_S
        self._floor_bps = floor_bps
        self._ceiling_bps = 0
        self._last: int | None = None
        self._reported: float | None = None
        self._late = False
        self._trips: deque[tuple[float, float]] = deque()
        self._sent: deque[tuple[float, int]] = deque()
        self._bytes = 0
        self._began = 0.0

    @property
    def limit(self) -> int | None:
        limits = [bps for bps in (self.estimate, self._reported) if bps is not None]
        return int(min(limits)) if limits else None

    def begin(self, ceiling_bps: int, now: float) -> None:
        """A stream begins that takes at most `ceiling_bps`; what is known of the path and still limits it holds."""
        self._began = now
        self._ceiling_bps = ceiling_bps
        self._sent.clear()
        self._bytes = 0
        if self.estimate is not None and self.estimate >= ceiling_bps:
            self.estimate = None
        if self._reported is not None and self._reported >= ceiling_bps:
            self._reported = None

    def reset(self) -> None:
        """Nothing is sent any more, and nothing of what was known limits what is sent next."""
        self.estimate = self._reported = None
        self._sent.clear()
        self._bytes = 0

    def sent(self, size: int, now: float) -> None:
        """`size` bytes of media went out at `now` (seconds)."""
        self._sent.append((now, size))
        self._bytes += size
        self._forget(now)

    def sending(self, now: float) -> float:
        """Bits a second over the last WINDOW_S, or since the stream began."""
        self._forget(now)
        return self._bytes * 8 / min(WINDOW_S, max(now - self._began, WINDOW_S / 4))

    def estimated(self, bitrate_bps: int, now: float) -> None:
        """The viewer estimates that `bitrate_bps` would get through."""
        sending = self.sending(now)
        fell = self._last is None or bitrate_bps < FELL_TO * self._last
        congested = self._settled(now) and sending >= self._floor_bps and fell and bitrate_bps < SHORT_OF * sending
        self._last = bitrate_bps
        if congested:
            self.congested_at = now
        if bitrate_bps >= self._ceiling_bps:
            self.estimate = None
        elif self.estimate is not None or congested:
            self.estimate = bitrate_bps

    def reported(self, lost: float, trip_s: float | None, now: float) -> None:
        """A receiver report: the part of packets `lost` since the last one, and the round trip in seconds."""
        sending = self.sending(now)
        was_late, self._late = self._late, trip_s is not None and trip_s > self._best(trip_s, now) + LATE_S
        late = was_late and self._late
        if not self._settled(now):
            return
        if (lost > LOST or late) and sending >= self._floor_bps:
            self.congested_at = now
            cut = sending * (1 - lost) if lost > LOST else sending * SHORT_OF
            self._reported = max(self._floor_bps, min(cut, self._reported or cut))
            if lost > HOPELESS:
                self.estimate = int(min(cut, self.estimate or cut))
        elif self._reported is not None and lost < LOST / 5:
            self._reported *= RISE
            if self._reported >= self._ceiling_bps:
                self._reported = None

    def _settled(self, now: float) -> bool:
        return now - self._began >= SETTLE_S

    def _best(self, trip_s: float, now: float) -> float:
        self._trips.append((now, trip_s))
        while self._trips[0][0] < now - BEST_OF_S:
            self._trips.popleft()
        return min(best for _, best in self._trips)

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] < now - WINDOW_S:
            self._bytes -= self._sent.popleft()[1]
