"""The door's own tones: the right pitch at the right time, and no clicks."""

import wave
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from device.media.tones import BLOCK, LONGEST_S, RATE_HZ, Tones, load_sound, tone
from device.ports import ToneName
from protocol.errors import ConfigError

NAMES: tuple[ToneName, ...] = get_args(ToneName)


def pitch_hz(name: ToneName, begin_s: float, end_s: float) -> float:
    """The strongest frequency in this part of a tone; 0 for silence."""
    part = tone(name)[int(begin_s * RATE_HZ) : int(end_s * RATE_HZ)].astype(float)
    if not part.any():
        return 0.0
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
    return float(np.argmax(spectrum) * RATE_HZ / len(part))


@pytest.mark.parametrize(
    ("name", "begin_s", "end_s", "hz"),
    [
        ("ringback", 0.0, 1.0, 425),
        ("ringback", 1.0, 5.0, 0),
        ("busy", 0.0, 0.48, 425),
        ("busy", 0.48, 0.96, 0),
        ("fault", 0.0, 0.24, 425),
        ("fault", 0.24, 0.48, 0),
        ("nobody", 0.0, 0.33, 950),
        ("nobody", 0.33, 0.66, 1400),
        ("nobody", 0.66, 0.99, 1800),
        ("nobody", 0.99, 1.98, 0),
    ],
)
def test_cadence(name: ToneName, begin_s: float, end_s: float, hz: float) -> None:
    assert pitch_hz(name, begin_s + 0.01 * (hz == 0), end_s) == pytest.approx(hz, abs=5)


@pytest.mark.parametrize("name", NAMES)
def test_it_can_go_round_without_a_click(name: ToneName) -> None:
    samples = tone(name).astype(int)
    assert len(samples) % BLOCK == 0
    assert np.abs(np.diff(np.concatenate([[0], samples, [0]]))).max() < 2500
    assert 0.1 * 32767 < np.abs(samples).max() < 0.5 * 32767


def test_a_tone_is_made_once() -> None:
    made = Tones()
    assert all(made.get(name) is tone(name) for name in NAMES)


# Sounds of the house's own


def write_wav(path: Path, samples: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]", rate: int, channels: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def sine(hz: float, seconds: float, rate: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.int16]]":
    return (8000 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.int16)


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_sound_file_of_any_rate_keeps_its_pitch_and_length(tmp_path: Path, rate: int, channels: int) -> None:
    samples = np.repeat(sine(600, 0.7, rate), channels)
    loaded = load_sound(write_wav(tmp_path / "gong.wav", samples, rate, channels))
    assert len(loaded) % BLOCK == 0
    assert len(loaded) / RATE_HZ == pytest.approx(0.7, abs=0.03)
    spectrum = np.abs(np.fft.rfft(loaded.astype(float) * np.hanning(len(loaded))))
    assert np.argmax(spectrum) * RATE_HZ / len(loaded) == pytest.approx(600, abs=5)
    assert Tones({"ringback": loaded}).get("ringback") is loaded
    assert Tones({"ringback": loaded}).get("busy") is tone("busy")


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda path: None, "cannot be played"),
        (lambda path: path.write_bytes(b"RIFF" + b"\0" * 100), "cannot be played"),
        (lambda path: path.write_text("a poem"), "cannot be played"),
        (lambda path: write_wav(path, np.zeros(4800, np.int16), 48_000, 1), "is silent"),
        (lambda path: write_wav(path, sine(600, LONGEST_S + 1, 8000), 8000, 1), "longer than"),
    ],
)
def test_a_sound_file_that_is_none_is_refused(tmp_path: Path, make: Callable[[Path], object], word: str) -> None:
    make(tmp_path / "gong.wav")
    with pytest.raises(ConfigError, match=word) as refused:
        load_sound(tmp_path / "gong.wav")
    assert "gong.wav" in str(refused.value)
