"""The door's own tones: the right pitch at the right time, and no clicks."""

from typing import get_args

import numpy as np
import pytest

from device.media.tones import BLOCK, RATE_HZ, prepare, tone
from device.ports import ToneName

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
    prepare()
    assert all(tone(name) is tone(name) for name in NAMES)
