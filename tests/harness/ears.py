"""Listening to recordings: which tone is in there, and when."""

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 48_000

Samples = npt.NDArray[np.float64]


def write_tone(path: Path, hz: float, seconds: float, on_s: float = 0.25, off_s: float = 0.25) -> Path:
    """A WAV of tone bursts, 16 bit mono 48 kHz: bursts, since a browser takes a steady tone for noise."""
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    samples = 0.5 * np.sin(2 * np.pi * hz * at) * (at % (on_s + off_s) < on_s)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def read_raw(path: Path) -> Samples:
    """s16le mono, as floats between -1 and 1."""
    return np.fromfile(path, "<i2").astype(np.float64) / 32768


def standing_out(samples: Samples, hz: float, rate_hz: int = RATE_HZ) -> float:
    """By how many dB the strongest moment of `hz` stands above the median of its spectrum; 0 for silence."""
    size = rate_hz // 10
    best = 0.0
    for start in range(0, len(samples) - size, size):
        part = samples[start : start + size]
        if np.abs(part).max() < 0.001:
            continue
        spectrum = np.abs(np.fft.rfft(part * np.hanning(size)))
        index = round(hz * size / rate_hz)
        peak = spectrum[index - 1 : index + 2].max()
        best = max(best, float(20 * np.log10(peak / (np.median(spectrum) + 1e-9))))
    return best
