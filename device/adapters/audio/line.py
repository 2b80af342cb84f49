"""One ALSA PCM by its name: opened as near to what is wanted as the card lets, and used as if it were exactly that."""

import contextlib
import time
from typing import Any

import alsaaudio
import numpy as np
import numpy.typing as npt

from device.errors import HardwareError
from device.media.opus import RATE_HZ
from device.media.rates import Rate, from_card, to_card

PERIODS = 8
"""Of the card's buffer, in either direction: room for a thread that comes late. How much of it is in use is ours."""

BITS = {alsaaudio.PCM_FORMAT_S16_LE: 16, alsaaudio.PCM_FORMAT_S32_LE: 32}
"""I2S microphones have 32 bits and nothing else."""

FASTER = 1.01
"""A card that takes or gives sound faster than this keeps no time (`null`, `file`), and is kept to ours."""

Samples = npt.NDArray[np.int16]

Failed = (HardwareError, alsaaudio.ALSAAudioError)
"""What a card raises that is not there, or not there any more."""


class Line:
    """Names a PCM and opens it, again and again if need be."""

    def __init__(self, what: str, direction: int, pcm_name: str, period_ms: int) -> None:
        self.what = what
        self._direction = direction
        self._pcm_name = pcm_name
        self._period_ms = period_ms

    def open(self) -> "OpenLine":
        """Set up, not running. HardwareError, ALSAAudioError."""
        pcm = self._ask(RATE_HZ, alsaaudio.PCM_FORMAT_S16_LE)
        granted = pcm.info()
        if granted["rate"] != RATE_HZ or granted["format"] not in BITS:
            pcm.close()  # the period was counted in samples of the other rate
            known = granted["format"] in BITS
            pcm = self._ask(granted["rate"], granted["format"] if known else alsaaudio.PCM_FORMAT_S32_LE)
            granted = pcm.info()
        if granted["format"] not in BITS:
            pcm.close()
            raise HardwareError(f"gives {granted['format_name']}, not S16_LE or S32_LE; name plug:{self._pcm_name}")
        playback = self._direction == alsaaudio.PCM_PLAYBACK
        if not playback:
            pcm.drop()  # a sound server records from when it is prepared, and would keep it for whoever listens first
        return OpenLine(pcm, granted, playback)

    def _ask(self, rate_hz: int, sample_format: int) -> Any:
        return alsaaudio.PCM(
            type=self._direction,
            mode=alsaaudio.PCM_NORMAL,
            device=self._pcm_name,
            rate=rate_hz,
            channels=1,
            format=sample_format,
            periodsize=rate_hz * self._period_ms // 1000,
            periods=PERIODS,
        )

    def explain(self, error: Exception) -> str:
        return f"{self.what}: ALSA {self._pcm_name!r}: {error}"


class OpenLine:
    """A PCM in use: mono, 48 kHz, s16, whatever the card does. Any method may raise ALSAAudioError."""

    def __init__(self, pcm: Any, granted: dict[str, Any], playback: bool) -> None:
        self._pcm = pcm
        self._bits = BITS[granted["format"]]
        self._channels: int = granted["channels"]
        self._rate_hz: int = granted["rate"]
        self._buffer: int = granted["buffer_size"]
        self.period_s = granted["period_size"] / self._rate_hz
        self.buffer_s = self._buffer / self._rate_hz
        self._rate = Rate(RATE_HZ, self._rate_hz) if playback else Rate(self._rate_hz, RATE_HZ)
        self._ahead_until = 0.0
        self._opened_at = time.monotonic()
        self._read_at: float | None = None

    def read(self) -> Samples | None:
        """The next period, once it is there; None after an overrun, from which the card has recovered.

        What waited longer than the buffer lasts is an overrun as well where the card says nothing of it: a sound server
        keeps everything, and from then on would be as late as that for good.
        """
        if self._read_at is not None and time.monotonic() - self._read_at > self.buffer_s:
            self._read_at = None
            self._pcm.drop()
            return None
        count, data = self._pcm.read()
        if count < 0:
            return None
        self._keep_time(count)
        self._read_at = time.monotonic()
        return self._rate.convert(from_card(data, self._bits, self._channels))

    def write(self, samples: Samples) -> bool:
        """Hand over a block, once there is room; False if there had been an underrun."""
        data = to_card(self._rate.convert(samples), self._bits, self._channels)
        if not data:
            return True
        whole = bool(self._pcm.write(data) >= 0)
        if not whole:  # the library has recovered, but the block is still to be played
            self._pcm.write(data)
        self._keep_time(len(data) * 8 // self._bits // self._channels)
        return whole

    @property
    def queued_s(self) -> float:
        """How long what was written and not played yet will last."""
        room = self._pcm.avail()
        return 0.0 if room < 0 else max(0, self._buffer - room) / self._rate_hz

    @property
    def unread_s(self) -> float:
        """How long ago the last sample that was read was recorded."""
        return float(max(0, self._pcm.avail())) / self._rate_hz

    @property
    def age_s(self) -> float:
        return time.monotonic() - self._opened_at

    @property
    def gone(self) -> bool:
        return bool(self._pcm.state() == alsaaudio.PCM_STATE_DISCONNECTED)

    def close(self) -> None:
        """At once, without playing out what is left: the library's own close waits for that."""
        with contextlib.suppress(alsaaudio.ALSAAudioError):  # a card that is gone cannot be stopped any more
            self._pcm.drop()
        self._pcm.close()

    def _keep_time(self, frames: int) -> None:
        now = time.monotonic()
        self._ahead_until = max(self._ahead_until, now - self.buffer_s) + frames / self._rate_hz / FASTER
        if self._ahead_until > now:
            time.sleep(self._ahead_until - now)
