"""One far end on its way to the loudspeaker: jitter buffer, decoder, and as much faster or slower as is needed."""

from collections import deque
from typing import Protocol

import numpy as np
import numpy.typing as npt

from device.media import stretch
from device.media.jitter import STALL_S, Conceal, JitterBuffer, Play
from device.media.opus import RATE_HZ

BLOCK = RATE_HZ // 100
"""10 ms."""

INBOX = 100
"""Packets on the way to the playback thread; of a larger burst the oldest are dropped."""

SLACK_S = 0.010
"""A reserve so much larger than needed is left alone: a period of a voice is as long."""

LACK_S = 0.003
"""A reserve so much smaller is made larger before a packet comes too late."""

URGENT_S = 0.060
"""So much too much is left out wherever it can be, not only where nobody notices."""

STRETCHED_S = 0.160
"""The reserve is not made larger than this on suspicion."""

LIKE, PATIENCE = 0.9, 0.003
"""How alike the periods at a seam are at first, and how much less is asked with each block that was not."""

REST = 20
"""Packets between two seams, but for urgent ones: 2 to 5 % faster or slower at the most."""

EDGE_S = 0.005
"""Sound begins, and ends, within this time."""

Samples = npt.NDArray[np.int16]


class Decoder(Protocol):
    """See `device.media.opus.OpusDecoder`."""

    def decode(self, payload: bytes) -> Samples | None: ...

    def conceal(self, samples: int) -> Samples: ...


class Playout:
    """`put` is called on one thread and the rest on another, which plays. Times are monotonic, in seconds."""

    def __init__(self, decoder: Decoder) -> None:
        self.buffer = JitterBuffer()
        self.seams = 0
        self._decoder = decoder
        self._inbox: deque[tuple[int, bytes, float]] = deque(maxlen=INBOX)
        self._pcm: Samples = np.zeros(0, np.int16)
        self._spare: Samples = self._pcm
        self._gain = 0.0
        self._rested = 0
        self._likeness = LIKE

    def put(self, timestamp: int, payload: bytes, at: float) -> None:
        """A packet has arrived, with its RTP timestamp."""
        self._inbox.append((timestamp, payload, at))

    @property
    def waiting(self) -> bool:
        """Whether there is anything to play, or will be."""
        return bool(self._inbox) or self.buffer.waiting

    @property
    def figures(self) -> dict[str, int]:
        """What became of the packets, for the log; times in milliseconds."""
        counts, reserve = self.buffer.counts, self.buffer.reserve_s
        return {
            "packets": counts.arrived,
            "late": counts.late,
            "lost_ms": counts.lost * 1000 // RATE_HZ,
            "stalled_ms": counts.stalled * 1000 // RATE_HZ,
            "dropped": counts.overflowed,
            "seams": self.seams,
            "delay_ms": round(1000 * (reserve or 0.0)),
        }

    def block(self, at: float) -> Samples | None:
        """The next 10 ms; None for silence."""
        while self._inbox:
            self.buffer.put(*self._inbox.popleft())
        gain = 1.0
        while len(self._pcm) < BLOCK:
            match self.buffer.take(at):
                case Play(payload):
                    decoded = self._decoder.decode(payload)
                    part = self._invented(BLOCK * 2) if decoded is None else self._fitted(decoded)
                    self._spare = part[:0]
                case Conceal(samples, stall):
                    part = self._invented(samples)
                    if stall:
                        gain = max(0.0, self._gain - 0.01 / STALL_S)
                case None:
                    if not len(self._pcm):
                        self._gain, self._spare = 0.0, self._pcm
                        return None
                    part, gain = np.zeros(BLOCK - len(self._pcm), np.int16), 0.0
            self._pcm = np.concatenate([self._pcm, part])
        made, self._pcm = self._pcm[:BLOCK], self._pcm[BLOCK:]
        return self._faded(made, gain)

    def _invented(self, samples: int) -> Samples:
        """Exactly so many: the decoder's concealment comes by whole frames, whose rest is kept for the next."""
        if len(self._spare) < samples:
            self._spare = np.concatenate([self._spare, self._decoder.conceal(samples - len(self._spare))])
        made, self._spare = self._spare[:samples], self._spare[samples:]
        return made

    def _fitted(self, block: Samples) -> Samples:
        """Shorter or longer if the reserve is not what it should be."""
        excess = self.buffer.excess_s
        self._rested += 1
        reserve = self.buffer.reserve_s or 0.0
        much, little = excess > SLACK_S, excess < -LACK_S and reserve < STRETCHED_S
        if not much and not little:
            self._likeness = LIKE
            return block
        urgent = excess > URGENT_S or little
        if self._rested < (2 if urgent else REST):
            return block
        change = stretch.shorter if much else stretch.longer
        made = change(block, self._likeness / 2 if urgent else self._likeness)
        if len(made) == len(block):
            self._likeness -= PATIENCE
            return block
        self.buffer.shortened(len(block) - len(made))
        self.seams += 1
        self._rested, self._likeness = 0, LIKE
        return made

    def _faded(self, block: Samples, gain: float) -> Samples:
        if gain == self._gain == 1.0:
            return block
        edge = int(EDGE_S * RATE_HZ) if gain >= self._gain else BLOCK
        ramp = np.full(BLOCK, gain)
        ramp[:edge] = np.linspace(self._gain, gain, edge)
        self._gain = gain
        faded: Samples = np.rint(block * ramp).astype(np.int16)
        return faded
