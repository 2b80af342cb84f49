"""What a microphone hears of a sweep from the loudspeaker beside it: delay, loudness, noise, clipping. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RATE_HZ = 48_000
FULL_SCALE = 32768.0

SWEEP_S = 2.0
SWEEP_HZ = (200.0, 7000.0)
"""The band of speech, and what a small speaker can give of it."""

SWEEP_DBFS = -18.0
"""Its root mean square: as loud as the loudest talk, and no louder."""

QUIET_S = 1.0
"""Before the sweep, to hear how loud the street is; the first SETTLE_S of it are the card's own beginnings."""

SETTLE_S = 0.3
TAIL_S = 1.0
"""After the sweep: what is 1 s late is no echo that anything could take away."""

FOUND = 8.0
"""By how many times the strongest moment of the correlation must stand above its typical strength (99th percentile)."""

AT_FULL_SCALE = 32_700

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Heard:
    """Levels in dB below full scale (root mean square; `peak_dbfs`: the loudest sample).

    `isolation_db` is the echo return loss: by how much the microphone's echo is quieter than what the loudspeaker was
    given. It, `delay_ms` and `echo_dbfs` are None where the sweep was not found.
    """

    noise_dbfs: float
    peak_dbfs: float
    clipped: int
    delay_ms: float | None
    echo_dbfs: float | None
    isolation_db: float | None


def sweep() -> Samples:
    """What is played: silence, an exponential sweep that fades in and out, silence."""
    at = np.arange(int(SWEEP_S * RATE_HZ)) / RATE_HZ
    low, high = SWEEP_HZ
    growth = np.log(high / low)
    wave = np.sin(2 * np.pi * low * SWEEP_S / growth * (np.exp(at / SWEEP_S * growth) - 1))
    fade = np.clip(np.minimum(at, SWEEP_S - at) / 0.02, 0, 1)
    loud = wave * fade * np.sqrt(2) * 10 ** (SWEEP_DBFS / 20) * FULL_SCALE
    parts = [np.zeros(int(QUIET_S * RATE_HZ)), loud, np.zeros(int(TAIL_S * RATE_HZ))]
    played: Samples = np.rint(np.concatenate(parts)).astype(np.int16)
    return played


def analyse(recorded: Samples, late_by: int = 0) -> Heard:
    """What the microphone heard. `late_by`: how many samples after the first one played the recording begins.

    ValueError if the recording does not reach from the silence to the sweep's end.
    """
    start = int(QUIET_S * RATE_HZ) - late_by
    if start < (SETTLE_S + 0.1) * RATE_HZ or len(recorded) < start + int(SWEEP_S * RATE_HZ):
        raise ValueError(f"{len(recorded)} samples, {late_by} late: silence and sweep are not all there")
    sound = recorded.astype(np.float64) / FULL_SCALE
    noise = sound[int(SETTLE_S * RATE_HZ) : start]
    noise_power = float(np.mean(np.square(noise - np.mean(noise))))
    clipped = int(np.count_nonzero(np.abs(recorded.astype(np.int32)) >= AT_FULL_SCALE))
    delay = _delay(sound, start)
    echo_dbfs = None
    if delay is not None:
        length = int(SWEEP_S * RATE_HZ)
        part = sound[start + delay : start + delay + length]
        echo_dbfs = _db(max(float(np.mean(np.square(part - np.mean(part)))) - noise_power, 1e-12))
    return Heard(
        noise_dbfs=_db(noise_power),
        peak_dbfs=_db(float(np.max(np.abs(sound))) ** 2),
        clipped=clipped,
        delay_ms=None if delay is None else delay * 1000 / RATE_HZ,
        echo_dbfs=echo_dbfs,
        isolation_db=None if echo_dbfs is None else SWEEP_DBFS - echo_dbfs,
    )


def _delay(sound: npt.NDArray[np.float64], start: int) -> int | None:
    """Samples until the sweep reaches the microphone: its first arrival, not the loudest wall's; None if not found."""
    played = sweep()[int(QUIET_S * RATE_HZ) : int((QUIET_S + SWEEP_S) * RATE_HZ)].astype(np.float64)
    size = 1 << (len(sound) + len(played)).bit_length()
    spectrum = np.fft.rfft(played, size)
    power = np.square(np.abs(spectrum))
    whitened = np.fft.rfft(sound, size) * np.conj(spectrum) / (power + 1e-3 * power.max())
    response = np.abs(np.fft.irfft(whitened, size))[: len(sound)]
    possible = response[start : start + int(TAIL_S * RATE_HZ)]
    if possible.max() <= FOUND * np.percentile(response, 99):
        return None
    return int(np.flatnonzero(possible > 0.5 * possible.max())[0])


def _db(power: float) -> float:
    return float(10 * np.log10(max(power, 1e-12)))
