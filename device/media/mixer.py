"""What the loudspeaker plays: the far end and the door's own tones, in blocks of 20 ms."""

import datetime as dt
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from device.media.opus import BLOCK_BYTES, RATE_HZ, SAMPLES
from device.media.tones import Tones
from device.ports import ToneName

QUEUE_BLOCKS = 10
"""200 ms of far-end sound; the oldest is dropped when more arrives."""

START_BLOCKS = 2
"""40 ms are collected before playing begins, so that the first late packet is not a gap."""

SPEECH = 184
"""Root mean square of a block from which somebody is speaking: 45 dB below full scale."""

DUCKED = 0.25
"""A tone under speech: 12 dB down."""

HOLD_BLOCKS = 15
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


class Mixer:
    """Not safe for threads by itself. `volume` is asked at every block."""

    def __init__(self, tones: Tones, volume: Callable[[], Volume] = Volume) -> None:
        self._tones = tones
        self._volume = volume
        self._far: deque[bytes] = deque(maxlen=QUEUE_BLOCKS)
        self._tone: Samples | None = None
        self._tone_at = 0
        self._fading: Samples | None = None
        self._spoke_for = 0
        self._tone_gain = 1.0

    @property
    def wanted(self) -> bool:
        """Whether there is enough to begin playing."""
        return self._tone is not None or len(self._far) >= START_BLOCKS

    def play(self, pcm: bytes) -> None:
        """Queue far-end sound: s16le, mono, 48 kHz, whole blocks."""
        for at in range(0, len(pcm) - BLOCK_BYTES + 1, BLOCK_BYTES):
            self._far.append(pcm[at : at + BLOCK_BYTES])

    def tone(self, name: ToneName | None) -> None:
        """From its beginning, round and round; the former one ends without a click."""
        if self._tone is not None and self._tone_at > 0:  # it has been heard
            last = self._tone[self._tone_at : self._tone_at + SAMPLES]
            self._fading = faded((last * self._tone_gain).astype(np.int16))
        self._tone = None if name is None else self._tones.get(name)
        self._tone_at = 0

    def next_block(self) -> Samples | None:
        """20 ms of what is to be heard; None for silence."""
        volume = self._volume()
        parts: list[npt.NDArray[np.floating[Any]]] = []
        if self._far:
            voice = np.frombuffer(self._far.popleft(), np.int16)
            self._spoke_for = HOLD_BLOCKS if _rms(voice) > SPEECH else max(0, self._spoke_for - 1)
            parts.append(voice * volume.voice)
        else:
            self._spoke_for = max(0, self._spoke_for - 1)
        if self._tone is not None:
            parts.append(self._tone[self._tone_at : self._tone_at + SAMPLES] * self._gains(volume.tones))
            self._tone_at = (self._tone_at + SAMPLES) % len(self._tone)
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
        return np.linspace(before, wanted, SAMPLES)


def faded(block: Samples) -> Samples:
    """The block, from full to nothing within 5 ms."""
    ramp = np.clip(1 - np.arange(len(block)) / (RATE_HZ * 0.005), 0, 1)
    return (block * ramp).astype(np.int16)


def _rms(block: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(block.astype(np.float64)))))
