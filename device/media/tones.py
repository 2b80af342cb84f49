"""What a visitor hears from the door itself. Frequencies and cadences after ITU-T E.180, European values.

A house may have its own sounds instead: any file that PyAV reads.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import av
import numpy as np
import numpy.typing as npt

from device.media.rates import joined
from device.ports import ToneName
from protocol.errors import ConfigError

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
    "fault": [_Part(425, 0.24), _Part(0, 0.24)],  # E.180's congestion tone: busy, twice as fast
}

LONGEST_S = 30
"""Of a sound of the house's own."""


class Tones:
    """Every tone by its name: the house's own, or ours."""

    def __init__(self, own: "Mapping[ToneName, Samples] | None" = None) -> None:
        self._own = dict(own or {})
        for name in get_args(ToneName):
            self.get(name)  # made now: nobody has the time when the button is pressed

    def get(self, name: ToneName) -> "Samples":
        """One period, mono, a whole number of 20 ms blocks; it is played round and round."""
        return self._own[name] if name in self._own else tone(name)


def load_sound(path: Path) -> "Samples":
    """A sound file as a tone: mono, 48 kHz, filled up to whole blocks. ConfigError names what is wrong with it."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    parts: list[npt.NDArray[np.int16]] = []
    try:
        with av.open(str(path)) as file:
            for frame in file.decode(audio=0):
                parts.append(joined(resampler.resample(frame)))
                if sum(len(part) for part in parts) > LONGEST_S * RATE_HZ:
                    raise ConfigError(f"{path}: longer than {LONGEST_S} s; cut it")
        parts.append(joined(resampler.resample(None)))
    except (OSError, ValueError, IndexError) as error:  # PyAV's errors are OSError and ValueError
        raise ConfigError(f"{path}: cannot be played: {error}; make it a WAV file") from error
    samples = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    if not samples.any():
        raise ConfigError(f"{path}: is silent; a visitor would hear nothing")
    whole: Samples = np.pad(samples, (0, -len(samples) % BLOCK))
    return whole


@functools.cache
def tone(name: ToneName) -> Samples:
    """One period of the tone, mono, a whole number of 20 ms blocks; it is played round and round.

    Made once: five seconds of sines take 10 ms, which nobody has to spare when the button is pressed.
    """
    samples = np.concatenate([_part(part) for part in _CADENCES[name]])
    return samples[: len(samples) // BLOCK * BLOCK]


def _part(part: _Part) -> Samples:
    count = int(part.seconds * RATE_HZ)
    edge = int(_EDGE_S * RATE_HZ)
    wave = _LEVEL * np.sin(2 * np.pi * part.hz * np.arange(count) / RATE_HZ)
    ramp = np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / edge)
    return (wave * ramp).astype(np.int16)
