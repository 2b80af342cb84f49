"""The jitter buffer between a link and the loudspeaker: packets in as they arrive, out as the playback clock asks.

It reckons in time, not in numbers: a packet's *transit* is when it arrived less its RTP timestamp, and what the
fastest packet of the last seconds took is the base; how much longer another took is its lateness. The *reserve* is how
late a packet may be and still be heard, and `excess` says by how much that is more than the network of the last seconds
needs. Who plays shortens or lengthens what is heard until there is none, which also makes up for the sound
card's clock running at another rate than the sender's.
"""

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass

from device.media.opus import RATE_HZ, duration

WINDOW = 400
"""Packets from which the network is judged: 8 s."""

TOLERATED = 0.02
"""As many packets may come too late: a gap of 20 ms is concealed, while delay is there all the time."""

START_S = 0.030
"""What the first packet waits, before anything is known."""

MARGIN_S = 0.005
"""For our own threads."""

ENOUGH = 50
"""Packets before the reserve is believed to be too large; and packets over which it is measured."""

STALL_S = 0.2
"""After this time without a packet nobody is speaking any more."""

CONCEALED = RATE_HZ * 120 // 1000
"""Samples of a gap that are invented; what is missing beyond that is skipped."""

SPAN = RATE_HZ // 4
"""Samples that may wait; of a larger burst the oldest are dropped."""

AHEAD = RATE_HZ
"""A packet further than this from what is played belongs to a sender that began anew, if others follow it."""

STRAYS = 3

_FRAME = 960


@dataclass(frozen=True, slots=True)
class Play:
    """Decode this packet."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Conceal:
    """Invent so many samples; `stall` if nothing has come, rather than something been lost."""

    samples: int
    stall: bool


@dataclass(slots=True)
class Counts:
    """What has happened so far. `lost` and `stalled` are samples; the rest are packets."""

    arrived: int = 0
    late: int = 0
    twice: int = 0
    refused: int = 0
    overflowed: int = 0
    restarts: int = 0
    lost: int = 0
    stalled: int = 0


@dataclass(frozen=True, slots=True, order=True)
class _Packet:
    time: int
    """RTP timestamp without its wraps."""
    payload: bytes
    samples: int
    at: float

    @property
    def transit_s(self) -> float:
        return self.at - self.time / RATE_HZ


class Network:
    """What the last packets say: `base_s`, the shortest transit, and `lateness_s`, which nearly all keep to."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._recent)

    def arrived(self, transit_s: float) -> None:
        self._recent.append(transit_s)
        insort(self._sorted, transit_s)
        if len(self._recent) > WINDOW:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]

    @property
    def base_s(self) -> float:
        return self._sorted[0]

    @property
    def lateness_s(self) -> float:
        return self._sorted[-1 - int(len(self._sorted) * TOLERATED)] - self._sorted[0]


class JitterBuffer:
    """Of one sender. `put` and `take` get the time of one monotonic clock, in seconds; not safe for threads."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._network = Network()
        self._waiting: list[_Packet] = []
        self._strays: list[_Packet] = []
        self._latest = 0
        self._next: int | None = None
        self._active = False
        self._playing = False
        self._stalled = 0
        self._moved_s = 0.0
        self._offsets: deque[float] = deque(maxlen=ENOUGH)
        self._taken: deque[int] = deque(maxlen=ENOUGH)

    @property
    def waiting(self) -> bool:
        """Whether there is anything to play, or to wait for."""
        return self._active

    @property
    def reserve_s(self) -> float | None:
        """How late a packet may be and still be heard; None while that is not known."""
        if not self._offsets or not len(self._network):
            return None
        return min(self._offsets) - self._moved_s - self._network.base_s

    @property
    def wanted_s(self) -> float:
        """The reserve that the network needs."""
        known = self._network.lateness_s if len(self._network) else 0.0
        return known + MARGIN_S if len(self._network) >= ENOUGH else max(START_S, known + MARGIN_S)

    @property
    def excess_s(self) -> float:
        """How much there is too much (positive) or too little of the reserve."""
        reserve = self.reserve_s
        if reserve is None or (len(self._offsets) < ENOUGH and reserve > self.wanted_s):
            return 0.0
        return reserve - self.wanted_s

    def put(self, timestamp: int, payload: bytes, at: float) -> None:
        """Take a packet of Opus with its RTP timestamp (48 kHz, 32 bits, wrapping)."""
        samples = duration(payload)
        if samples == 0:
            self.counts.refused += 1
            return
        self._latest += ((timestamp - self._latest + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        packet = _Packet(self._latest, payload, samples, at)
        self.counts.arrived += 1
        if self._next is None:
            self._begin([packet])
        elif not -AHEAD < packet.time - self._next < AHEAD:
            self._stray(packet) if self._active else self._begin([packet])
        elif packet.time in self._taken:
            self.counts.twice += 1
        elif packet.time < self._next and (self._playing or not self._active):
            self.counts.late += 1
            self._network.arrived(packet.transit_s)
            self._stray(packet)
        elif not self._active:
            self._begin([packet])
        else:
            self._strays.clear()
            self._insert(packet)

    def take(self, at: float) -> Play | Conceal | None:
        """What comes next in what is heard; None for silence."""
        if not self._active or self._next is None:
            return None
        if not self._playing:
            if at - self._waiting[0].at < START_S and self._span() < SPAN:
                return None
            self._playing = True
        if not self._waiting:
            return self._stall()
        if (gap := self._waiting[0].time - self._next) > 0:
            hidden = min(gap, self._stalled)
            skipped = hidden + max(0, gap - hidden - CONCEALED)
            self._stalled = 0
            self._next += skipped
            self._moved_s += skipped / RATE_HZ
            if missing := min(gap - skipped, _FRAME):
                self._next += missing
                self.counts.lost += missing
                return Conceal(missing, stall=False)
        packet = self._waiting.pop(0)
        self._taken.append(packet.time)
        self._next = packet.time + packet.samples
        self._stalled = 0
        self._offsets.append(at - packet.time / RATE_HZ + self._moved_s)
        return Play(packet.payload)

    def shortened(self, samples: int) -> None:
        """So many samples were left out of what was taken; negative if some were added."""
        self._moved_s += samples / RATE_HZ

    def _stall(self) -> Conceal | None:
        if self._stalled >= STALL_S * RATE_HZ:
            self._active = self._playing = False
            return None
        step = RATE_HZ // 100
        self._stalled += step
        self.counts.stalled += step
        self._moved_s -= step / RATE_HZ
        return Conceal(step, stall=True)

    def _begin(self, packets: list[_Packet]) -> None:
        """The sender's first packets, or its first after a pause."""
        first = packets[0]
        if len(self._network) and abs(first.transit_s - self._network.base_s) > AHEAD / RATE_HZ:
            self._network = Network()
        self._offsets.clear()
        self._moved_s = 0.0
        self._stalled = 0
        self._strays = []
        self._waiting = []
        self._active, self._playing = True, False
        self._next = first.time
        for packet in packets:
            self._insert(packet)

    def _insert(self, packet: _Packet) -> None:
        place = bisect_left(self._waiting, packet.time, key=lambda other: other.time)
        if place < len(self._waiting) and self._waiting[place].time == packet.time:
            self.counts.twice += 1
            return
        self._waiting.insert(place, packet)
        self._network.arrived(packet.transit_s)
        if not self._playing:  # nothing has been heard yet, so one that was overtaken is not late
            self._next = self._waiting[0].time
        if self._span() > SPAN:
            self._drop_oldest()

    def _span(self) -> int:
        return self._waiting[-1].time - self._waiting[0].time

    def _drop_oldest(self) -> None:
        keep = int(min(self.wanted_s * RATE_HZ, SPAN / 2))
        while len(self._waiting) > 1 and self._span() > keep:
            self._waiting.pop(0)
            self.counts.overflowed += 1
        self._next = self._waiting[0].time
        self._offsets.clear()

    def _stray(self, packet: _Packet) -> None:
        """A packet out of place: by itself it is late; some in a row, and no others, are a sender that began anew."""
        if self._strays and not 0 < packet.time - self._strays[-1].time < AHEAD:
            self._strays.clear()
        self._strays = [*self._strays, packet][-STRAYS:]
        if len(self._strays) == STRAYS and not self._waiting:
            self.counts.restarts += 1
            self._begin(self._strays)
