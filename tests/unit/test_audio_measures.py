"""The bench's own yardsticks: what they say of echoes, speech and scenes whose measure is known."""

import numpy as np
import pytest

from tests.bench.audio.cancellers import BLOCK
from tests.bench.audio.measures import converged_s, erle_db, run, understood
from tests.bench.audio.scene import HISS_DBFS, Heard, Scene, hear
from tests.bench.audio.speech import RATE_HZ, SPEECH_DBFS, Sound, active, at_level

SECONDS = 6


def chatter(seed: int) -> Sound:
    """Noise in syllables, four a second, at the level of speech."""
    rng = np.random.default_rng(seed)
    at = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    hz = np.fft.rfftfreq(len(at), 1 / RATE_HZ)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(len(at))) * ((hz > 300) & (hz < 4000)), len(at))
    return at_level(noise * (np.sin(2 * np.pi * 4 * at + seed) > 0), SPEECH_DBFS)


def level_db(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(np.square(sound))))


def test_an_echo_that_is_a_tenth_is_20_db() -> None:
    heard = hear(Scene(), chatter(1))
    assert erle_db(heard, heard.microphone * 0.1, 1.0) == pytest.approx(20, abs=0.01)


def test_only_what_comes_after_the_learning_counts() -> None:
    heard = hear(Scene(), chatter(1))
    out = np.concatenate([heard.microphone[: 2 * RATE_HZ], heard.microphone[2 * RATE_HZ :] * 0.01])
    assert erle_db(heard, out, 2.0) == pytest.approx(40, abs=0.01)


def test_the_time_of_convergence_is_when_the_echo_is_gone_for_good() -> None:
    heard = hear(Scene(), chatter(1))
    half, gone = 0.5, 0.01
    gains = np.repeat([half, gone, half, gone, gone, gone], RATE_HZ)
    assert converged_s(heard, heard.microphone * gains) == 3.0
    assert converged_s(heard, heard.microphone * half) is None
    assert converged_s(heard, heard.microphone * gone) == 0.0


def test_who_is_heard_alone_is_understood_also_when_late_and_quieter() -> None:
    visitor = chatter(2)
    heard = Heard(visitor, np.zeros_like(visitor), visitor)
    late = np.concatenate([np.zeros(700), visitor])[: len(visitor)] * 0.5
    assert understood(heard, late, 1.0) == pytest.approx(1, abs=0.01)
    assert understood(heard, chatter(9), 1.0) < 0.4


def test_a_scene_has_its_isolation_its_delay_and_its_noise() -> None:
    far = chatter(1)
    heard = hear(Scene(delay_ms=90, isolation_db=15, distorting=False, room=False), far)
    assert level_db(heard.echo[active(heard.echo)]) == pytest.approx(SPEECH_DBFS - 15, abs=0.1)
    crossed = np.fft.irfft(np.fft.rfft(heard.echo) * np.conj(np.fft.rfft(far)))
    assert np.argmax(crossed) / RATE_HZ == pytest.approx(0.09, abs=0.001)
    silent = hear(Scene(), np.where(np.arange(len(far)) < RATE_HZ, far, 0))
    assert level_db(silent.microphone[4 * RATE_HZ :]) == pytest.approx(HISS_DBFS, abs=1)


def test_drift_moves_the_echo_by_what_the_clocks_differ() -> None:
    far = chatter(1)
    straight, drifting = (hear(Scene(drift_ppm=ppm, room=False), far).echo for ppm in (0.0, 1000.0))
    end = slice(-RATE_HZ // 2, None)
    crossed = np.correlate(drifting[end], straight[end], "full")
    moved = (int(np.argmax(crossed)) - RATE_HZ // 2 + 1) / RATE_HZ
    assert moved == pytest.approx((SECONDS - 0.25) * 0.001, abs=0.0005)


def test_a_loudspeaker_at_its_limit_adds_what_was_not_played() -> None:
    at = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    tone = 0.9 * np.sin(2 * np.pi * 500 * at)
    clean, distorted = (hear(Scene(room=False, distorting=limit), tone).echo for limit in (False, True))

    def third(sound: Sound) -> float:
        spectrum = np.abs(np.fft.rfft(sound[RATE_HZ : 2 * RATE_HZ]))
        return float(spectrum[1500] / spectrum[500])

    assert third(clean) < 0.01
    assert third(distorted) == pytest.approx(0.1, abs=0.03)


def test_a_canceller_gets_whole_blocks_of_16_bits() -> None:
    heard = hear(Scene(), chatter(1))
    seen = []

    def process(near: np.ndarray, far: np.ndarray) -> np.ndarray:
        seen.append((near.dtype, near.shape, far.dtype, far.shape))
        return near

    ticks = iter([1.0, 4.0])
    done = run(process, heard, chatter(1), lambda: next(ticks))
    assert set(seen) == {(np.dtype(np.int16), (BLOCK,), np.dtype(np.int16), (BLOCK,))}
    assert done.cpu_ms_per_s == pytest.approx(3000 / SECONDS)
    assert np.abs(done.out - heard.microphone[: len(done.out)]).max() < 1e-4
