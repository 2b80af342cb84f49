"""What a canceller left of the echo, after what time, and how well the visitor can still be understood."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pystoi import stoi

from tests.bench.audio.cancellers import BLOCK, Process
from tests.bench.audio.scene import Heard
from tests.bench.audio.speech import RATE_HZ, Sound, active

GONE_DB = 20.0
"""An echo that is this much quieter than it came in does not disturb a talk any more."""

WINDOW_S = 0.5
STAYS_S = 2.0
LATENCY_S = 0.1
"""No canceller's output is later than this."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """A canceller's output, and what it cost: milliseconds of processor time for each second of sound."""

    out: Sound
    cpu_ms_per_s: float


def samples(sound: Sound) -> npt.NDArray[np.int16]:
    """16 bits, as the sound card gives them; whole blocks."""
    return np.rint(np.clip(sound[: len(sound) // BLOCK * BLOCK], -1, 1) * 32767).astype(np.int16)


def run(process: Process, heard: Heard, far: Sound, clock_s: Callable[[], float]) -> Filtered:
    """All of it, block by block; `clock_s` tells the process's processor time."""
    near16, far16 = samples(heard.microphone), samples(far)
    out = np.empty_like(near16)
    began = clock_s()
    for at in range(0, len(near16), BLOCK):
        out[at : at + BLOCK] = process(near16[at : at + BLOCK], far16[at : at + BLOCK])
    spent = clock_s() - began
    return Filtered(out.astype(np.float64) / 32767, spent * 1000 / (len(near16) / RATE_HZ))


def erle_db(heard: Heard, out: Sound, since_s: float) -> float:
    """Echo return loss enhancement: by how much quieter the microphone became while there was echo alone."""
    echoing = active(heard.echo)[: len(out)]
    echoing[: int(since_s * RATE_HZ)] = False
    return _ratio_db(heard.microphone[: len(out)][echoing], out[echoing])


def converged_s(heard: Heard, out: Sound) -> float | None:
    """From when on the echo is GONE_DB quieter and stays so for STAYS_S; None for never."""
    size = int(WINDOW_S * RATE_HZ)
    echoing = active(heard.echo)[: len(out)]
    gone = []
    for at in range(0, len(out) - size + 1, size):
        part = echoing[at : at + size]
        if part.sum() > size // 4:
            before, after = heard.microphone[at : at + size][part], out[at : at + size][part]
            gone.append((at / RATE_HZ, _ratio_db(before, after) >= GONE_DB))
    needed = int(STAYS_S / WINDOW_S)
    for index in range(len(gone) - needed + 1):
        if all(well for _, well in gone[index : index + needed]):
            return gone[index][0]
    return None


def understood(heard: Heard, out: Sound, since_s: float) -> float:
    """STOI of the visitor (Taal et al., 2011): 0 to 1; above 0.75 nearly every word is understood."""
    start = int(since_s * RATE_HZ)
    said, arrived = heard.visitor[start : len(out)], out[start:]
    size = 1 << (2 * len(said)).bit_length()
    crossed = np.fft.irfft(np.fft.rfft(arrived, size) * np.conj(np.fft.rfft(said, size)), size)
    late = int(np.argmax(crossed[: int(LATENCY_S * RATE_HZ)]))
    return float(stoi(said[: len(said) - late], arrived[late:], RATE_HZ))


def _ratio_db(before: Sound, after: Sound) -> float:
    return float(10 * np.log10(np.mean(np.square(before)) / (np.mean(np.square(after)) + 1e-12)))
