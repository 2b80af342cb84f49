"""What a visitor hears from the door itself. Frequencies and cadences after ITU-T E.180, European values."""

import functools
from dataclasses import dataclass
from typing import Final, get_args

import numpy as np
import numpy.typing as npt

from device.ports import ToneName

RATE_HZ: Final = 48_000
BLOCK: Final = 960
"""Samples of 20 ms."""

_LEVEL = 0.25 * 32767
_EDGE_S = 0.005

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class _Part:
    """A sine of `hz` (0 is silence) for `seconds`."""

    hz: float
    seconds: float


_CADENCES: dict[ToneName, list[_Part]] = {
    "ringback": [_Part(425, 1.0), _Part(0, 4.0)],
    "busy": [_Part(425, 0.48), _Part(0, 0.48)],
    "nobody": [_Part(950, 0.33), _Part(1400, 0.33), _Part(1800, 0.33), _Part(0, 1.0)],
    "released": [_Part(880, 0.1), _Part(1175, 0.1)],
}


@functools.cache
def tone(name: ToneName) -> Samples:
    """One period of the tone, mono, a whole number of 20 ms blocks; it is played round and round.

    Made once: five seconds of sines take 10 ms, which nobody has to spare when the button is pressed.
    """
    samples = np.concatenate([_part(part) for part in _CADENCES[name]])
    return samples[: len(samples) // BLOCK * BLOCK]


def prepare() -> None:
    """Make every tone now."""
    for name in get_args(ToneName):
        tone(name)


def _part(part: _Part) -> Samples:
    count = int(part.seconds * RATE_HZ)
    edge = int(_EDGE_S * RATE_HZ)
    wave = _LEVEL * np.sin(2 * np.pi * part.hz * np.arange(count) / RATE_HZ)
    ramp = np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / edge)
    return (wave * ramp).astype(np.int16)
