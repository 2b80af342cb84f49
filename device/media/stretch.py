"""Speech a little shorter or longer, by a period of the voice at a time, so that nobody hears the seam."""

import numpy as np
import numpy.typing as npt

from device.media.opus import RATE_HZ

COARSE = 6
"""Periods are looked for at 8 kHz first."""

SHORTEST = RATE_HZ // 400
LONGEST = RATE_HZ // 100
"""Samples of a period: 2.5 to 10 ms, voices from 100 to 400 Hz, and multiples of what is higher."""

QUIET = 30.0
"""Root mean square, 60 dB below full scale: in such a block any seam will do."""

Samples = npt.NDArray[np.int16]


def shorter(block: Samples, likeness: float) -> Samples:
    """The block with one period left out, where it is as like to the next as asked (1: the same); else the block."""
    half = min(len(block) // 2, LONGEST)
    lag = _period(block[: 2 * half], half, likeness)
    if lag == 0:
        return block
    joined = _crossfade(block[:half], block[lag : lag + half])
    return np.concatenate([joined, block[lag + half :]])


def longer(block: Samples, likeness: float) -> Samples:
    """The block with one period twice, on the same condition."""
    half = min(len(block) // 2, LONGEST)
    end = 2 * half
    lag = _period(block[:end], half, likeness)
    if lag == 0:
        return block
    joined = _crossfade(block[lag : lag + half], block[:half])
    return np.concatenate([block[:lag], joined, block[half:]])


def _period(block: Samples, half: int, likeness: float) -> int:
    """By how many samples the first half must be shifted to look like what follows it; 0 if it nowhere does."""
    if half < 2 * SHORTEST:
        return 0
    wave = block.astype(np.float64)
    if np.sqrt(np.mean(wave * wave)) < QUIET:
        return half
    wave -= wave.mean()
    coarse = wave[: len(wave) // COARSE * COARSE].reshape(-1, COARSE).mean(axis=1)
    lag = COARSE * _best(coarse, half // COARSE, range(SHORTEST // COARSE, half // COARSE + 1))[0]
    lag, like = _best(wave, half, range(max(SHORTEST, lag - COARSE), min(half, lag + COARSE) + 1))
    return lag if like >= likeness else 0


def _best(wave: npt.NDArray[np.float64], size: int, lags: range) -> tuple[int, float]:
    first = wave[:size]
    others = np.lib.stride_tricks.sliding_window_view(wave, size)[lags.start : lags.stop]
    norms = np.sqrt((others * others).sum(axis=1) * (first @ first)) + 1e-9
    likeness = (others @ first) / norms
    best = int(likeness.argmax())
    return lags[best], float(likeness[best])


def _crossfade(old: Samples, new: Samples) -> Samples:
    ramp = np.linspace(0, 1, len(old))
    return np.rint(old * (1 - ramp) + new * ramp).astype(np.int16)
