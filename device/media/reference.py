"""What the loudspeaker said, kept for a moment, so that it can be taken out of what the microphone hears then.

Two cards, two clocks: each direction runs on in samples of its own, and the difference that the times show is followed
a sample at a time, since an echo canceller follows that and would not follow a leap.
"""

import threading

import numpy as np
import numpy.typing as npt

from device.media.opus import RATE_HZ

FRAME = RATE_HZ // 100
"""10 ms."""

KEPT = 2 * RATE_HZ
"""Samples: longer than any card's buffer."""

LEAP = RATE_HZ // 10
"""A difference of 100 ms is no drift: sound has begun anew, or a card has missed some."""

SLIP = 24
"""Samples of difference that are left alone: half a millisecond."""

SMOOTH = 0.01
"""Of the times' jitter, per 10 ms: a time constant of a second."""

Samples = npt.NDArray[np.int16]


class Reference:
    """`played` is called on the thread that plays, `frame` on the one that listens. Times: one clock, in seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept = np.zeros(KEPT, np.int16)
        self._end = -KEPT
        self._skew = 0.0
        self._read: int | None = None
        self._error = 0.0

    def played(self, block: Samples, heard_at: float) -> None:
        """This was written to the loudspeaker, and its first sample is heard at that time."""
        with self._lock:
            now = heard_at * RATE_HZ
            if abs(now - self._skew - self._end) > LEAP:
                self._begin(round(now))
            self._skew += (now - self._skew - self._end) * SMOOTH
            self._kept[np.arange(self._end, self._end + len(block)) % KEPT] = block
            self._end += len(block)

    def frame(self, captured_at: float) -> Samples:
        """10 ms as they were heard from that time on; zeros where nothing was."""
        with self._lock:
            wanted = captured_at * RATE_HZ - self._skew
            if self._read is None or abs(wanted - self._read) > LEAP:
                self._read, self._error = round(wanted), 0.0
            self._error += (wanted - self._read - self._error) * SMOOTH
            start = self._read
            slip = 0 if abs(self._error) < SLIP else (1 if self._error > 0 else -1)
            self._read += FRAME + slip
            self._error -= slip
            return self._between(start, start + FRAME)

    def _begin(self, start: int) -> None:
        """At `start`; nothing was heard since the end."""
        if not 0 <= start - self._end < KEPT:
            self._kept[:] = 0
        else:
            self._kept[np.arange(self._end, start) % KEPT] = 0
        self._end, self._skew = start, 0.0

    def _between(self, start: int, stop: int) -> Samples:
        places = np.arange(start, stop)
        known = (places < self._end) & (places >= self._end - KEPT)
        return np.where(known, self._kept[places % KEPT], 0).astype(np.int16)
