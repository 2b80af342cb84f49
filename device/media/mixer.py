"""What the loudspeaker plays: the far end and the door's own tones, in blocks of 10 ms."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from device.media.opus import RATE_HZ
from device.media.playout import BLOCK
from device.media.tones import Tones
from device.ports import ToneName

SPEECH = 184
"""Root mean square of a block from which somebody is speaking: 45 dB below full scale."""

DUCKED = 0.25
"""A tone under speech: 12 dB down."""

HOLD_BLOCKS = 30
"""300 ms: pauses between words do not bring the tone back."""

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Volume:
    """Factors, 1 for as loud as the mixer allows."""

    tones: float = 1.0
    voice: float = 1.0


@dataclass(frozen=True, slots=True)
class Night:
    """Quieter from `begins` to `ends`, local time; over midnight if `begins` is the later one."""

    begins: dt.time
    ends: dt.time
    volume: Volume

    def at(self, now: dt.time) -> Volume:
        """The volume at this time of day."""
        over_midnight = self.begins > self.ends
        within = now >= self.begins or now < self.ends if over_midnight else self.begins <= now < self.ends
        return self.volume if within else Volume()


class Voice(Protocol):
    """See `device.media.playout.Playout`."""

    @property
    def waiting(self) -> bool: ...

    def block(self, at: float) -> Samples | None: ...


class Mixer:
    """Not safe for threads by itself. `volume` is asked at every block."""

    def __init__(self, tones: Tones, volume: Callable[[], Volume] = Volume) -> None:
        self._tones = tones
        self._volume = volume
        self._voices: list[Voice] = []
        self._tone: Samples | None = None
        self._tone_at = 0
        self._fading: Samples | None = None
        self._spoke_for = 0
        self._tone_gain = 1.0

    @property
    def wanted(self) -> bool:
        """Whether there is anything to play."""
        return self._tone is not None or any(voice.waiting for voice in self._voices)

    def join(self, voice: Voice) -> None:
        """Somebody is heard from now on."""
        self._voices.append(voice)

    def leave(self, voice: Voice) -> None:
        """And no longer; unknown voices are no error."""
        if voice in self._voices:
            self._voices.remove(voice)

    def tone(self, name: ToneName | None) -> None:
        """From its beginning, round and round; the former one ends without a click."""
        if self._tone is not None and self._tone_at > 0:  # it has been heard
            last = self._tone[self._tone_at : self._tone_at + BLOCK]
            self._fading = faded((last * self._tone_gain).astype(np.int16))
        self._tone = None if name is None else self._tones.get(name)
        self._tone_at = 0

    def next_block(self, at: float) -> Samples | None:
        """10 ms of what is to be heard, asked for at this monotonic time, in seconds; None for silence."""
        volume = self._volume()
        parts: list[npt.NDArray[np.floating[Any]]] = []
        self._spoke_for = max(0, self._spoke_for - 1)
        for voice in self._voices:
            block = voice.block(at)
            if block is not None:
                parts.append(block * volume.voice)
                if _rms(block) > SPEECH:
                    self._spoke_for = HOLD_BLOCKS
        if self._tone is not None:
            parts.append(self._tone[self._tone_at : self._tone_at + BLOCK] * self._gains(volume.tones))
            self._tone_at = (self._tone_at + BLOCK) % len(self._tone)
        if self._fading is not None:
            parts.append(self._fading.astype(float))
            self._fading = None
        if not parts:
            return None
        mixed: Samples = np.clip(np.sum(parts, axis=0), -32768, 32767).astype(np.int16)
        return mixed

    def _gains(self, loudness: float) -> npt.NDArray[np.float64]:
        """The tone's gain over a block: from what it was to what it shall be, without a step."""
        wanted = loudness * (DUCKED if self._spoke_for else 1.0)
        before = self._tone_gain if self._tone_at else wanted
        self._tone_gain = wanted
        return np.linspace(before, wanted, BLOCK)


def faded(block: Samples) -> Samples:
    """The block, from full to nothing within 5 ms."""
    ramp = np.clip(1 - np.arange(len(block)) / (RATE_HZ * 0.005), 0, 1)
    return (block * ramp).astype(np.int16)


def _rms(block: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(block.astype(np.float64)))))
