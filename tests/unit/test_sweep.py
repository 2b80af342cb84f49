"""What a recording says: synthetic ones, whose delay, loudness, noise and clipping are known."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.media.sweep import QUIET_S, RATE_HZ, SWEEP_DBFS, SWEEP_S, Heard, analyse, sweep

Samples = npt.NDArray[np.int16]


def recording(delay: int = 4320, gain: float = 0.2, noise: float = 20.0, begins: int = 0) -> Samples:
    """A microphone that hears the sweep `delay` samples late; recording begins `begins` samples after playing."""
    played = sweep().astype(np.float64)
    heard = np.concatenate([np.zeros(delay), played * gain])[: len(played)]
    heard += np.random.default_rng(5).standard_normal(len(heard)) * noise
    if begins < 0:
        heard = np.concatenate([np.zeros(-begins), heard])
    sound: Samples = np.clip(np.rint(heard[max(begins, 0) :]), -32768, 32767).astype(np.int16)
    return sound


def decibels(factor: float) -> float:
    return float(20 * np.log10(factor))


def found(heard: Heard) -> tuple[float, float]:
    assert heard.delay_ms is not None
    assert heard.isolation_db is not None
    return heard.delay_ms, heard.isolation_db


def test_the_sweep_is_as_loud_as_it_says_and_never_clips() -> None:
    part = sweep()[int(QUIET_S * RATE_HZ) : int((QUIET_S + SWEEP_S) * RATE_HZ)].astype(np.float64)
    assert decibels(np.sqrt(np.mean(np.square(part))) / 32768) == pytest.approx(SWEEP_DBFS, abs=0.2)
    assert np.abs(part).max() < 32768 / 4


@given(delay=st.integers(0, 20_000), gain=st.floats(0.01, 1.5))
@settings(max_examples=12, deadline=None)
def test_delay_and_isolation_are_found(delay: int, gain: float) -> None:
    delay_ms, isolation_db = found(analyse(recording(delay, gain, noise=3.0)))
    assert delay_ms == pytest.approx(delay / 48, abs=0.5)
    assert isolation_db == pytest.approx(-decibels(gain), abs=0.3)


def test_an_echo_20_db_below_the_noise_of_the_street_is_found() -> None:
    delay_ms, isolation_db = found(analyse(recording(gain=0.05, noise=300)))
    assert delay_ms == pytest.approx(90, abs=1)
    assert isolation_db == pytest.approx(-decibels(0.05), abs=1)


@pytest.mark.parametrize("begins", [-9_600, 0, 7_200])
def test_it_does_not_matter_whether_recording_or_playing_begins_first(begins: int) -> None:
    delay_ms, isolation_db = found(analyse(recording(begins=begins), begins))
    assert delay_ms == pytest.approx(90, abs=0.5)
    assert isolation_db == pytest.approx(-decibels(0.2), abs=0.3)


def test_the_first_arrival_is_the_delay_though_a_wall_is_as_loud() -> None:
    wall = np.concatenate([np.zeros(960, np.int16), recording()])[: len(sweep())]
    delay_ms, _ = found(analyse((recording() // 2 + wall // 2).astype(np.int16)))
    assert delay_ms == pytest.approx(90, abs=0.5)


def test_noise_is_measured_before_the_sweep() -> None:
    assert analyse(recording(noise=100)).noise_dbfs == pytest.approx(decibels(100 / 32768), abs=0.3)


def test_a_constant_voltage_is_no_noise() -> None:
    heard = analyse((recording(noise=3) + 2000).astype(np.int16))
    assert heard.noise_dbfs < -75
    assert found(heard)[1] == pytest.approx(-decibels(0.2), abs=0.3)


def test_clipping_is_counted() -> None:
    assert analyse(recording(gain=1.0)).clipped == 0
    assert analyse(recording(gain=8.0)).clipped > 1000


@pytest.mark.parametrize("noise", [0.0, 3.0, 300.0])
def test_a_microphone_that_does_not_hear_the_sweep_says_so(noise: float) -> None:
    heard = analyse(recording(gain=0.0, noise=noise))
    assert (heard.delay_ms, heard.echo_dbfs, heard.isolation_db) == (None, None, None)


def test_a_hum_is_not_taken_for_the_sweep() -> None:
    at = np.arange(len(sweep())) / RATE_HZ
    hum = (8000 * np.sin(2 * np.pi * 250 * at) + 4000 * np.sin(2 * np.pi * 1000 * at)).astype(np.int16)
    assert analyse(hum).delay_ms is None


@pytest.mark.parametrize(("kept", "late_by"), [(RATE_HZ, 0), (0, 0), (4 * RATE_HZ, 40_000)])
def test_a_recording_without_the_silence_or_the_sweep_is_refused(kept: int, late_by: int) -> None:
    with pytest.raises(ValueError, match="not all there"):
        analyse(recording()[:kept], late_by)
