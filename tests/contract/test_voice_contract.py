"""The contract of what stands between the microphone and who listens: on the fake, and on WebRTC's processing."""

import numpy as np
import numpy.typing as npt
import pytest

from device.adapters.echo import NOISE_LEVELS, VoiceSettings, WebrtcVoice
from device.ports import NoiseLevel, VoiceFilter
from tests.fakes.voice import FakeVoice

RATE_HZ = 48_000
BLOCK = 480
DELAY = 4320
"""90 ms from the loudspeaker into the microphone."""

ECHO = 0.4
LATENCY = 1200
"""Samples by which the output may be late: 25 ms."""

Samples = npt.NDArray[np.int16]


@pytest.fixture(params=["fake", "webrtc"])
def voice(request: pytest.FixtureRequest) -> VoiceFilter:
    return FakeVoice(DELAY, ECHO) if request.param == "fake" else WebrtcVoice(VoiceSettings())


def test_blocks_of_10_ms_come_out_as_they_go_in(voice: VoiceFilter) -> None:
    done = voice.process(babble(BLOCK, 1), babble(BLOCK, 2))
    assert done.dtype == np.int16
    assert done.shape == (BLOCK,)


def test_what_it_is_given_stays_as_it_is(voice: VoiceFilter) -> None:
    near, far = babble(BLOCK, 1), babble(BLOCK, 2)
    before = near.copy(), far.copy()
    done = voice.process(near, far)
    done[:] = 0
    assert np.array_equal(near, before[0])
    assert np.array_equal(far, before[1])


def test_read_only_blocks_are_taken(voice: VoiceFilter) -> None:
    raw = np.frombuffer(babble(BLOCK, 1).tobytes(), np.int16)
    assert voice.process(raw, raw).shape == (BLOCK,)


def test_silence_stays_silence(voice: VoiceFilter) -> None:
    nothing = np.zeros(RATE_HZ, np.int16)
    assert rms(run(voice, nothing, nothing)) <= 2


def test_the_loudspeaker_is_not_heard(voice: VoiceFilter) -> None:
    far = babble(4 * RATE_HZ, 2)
    out = run(voice, echo_of(far), far)
    last = slice(3 * RATE_HZ, None)
    assert rms(out[last]) < rms(echo_of(far)[last]) / 30  # 30 dB


def test_a_visitor_alone_is_heard_as_he_speaks(voice: VoiceFilter) -> None:
    near = babble(3 * RATE_HZ, 1)
    out = run(voice, near, np.zeros_like(near))
    assert likeness(near, out) > 0.9
    assert rms(out[RATE_HZ:]) == pytest.approx(rms(near[RATE_HZ:]), rel=0.3)


def test_who_shouts_into_the_microphone_is_clipped_and_does_not_wrap_around(voice: VoiceFilter) -> None:
    near = np.clip(babble(2 * RATE_HZ, 1).astype(np.int32) * 8, -32768, 32767).astype(np.int16)
    out = run(voice, near, np.zeros_like(near))
    assert likeness(near, out) > 0.95


def test_after_a_reset_another_room_is_learned(voice: VoiceFilter) -> None:
    far = babble(4 * RATE_HZ, 2)
    run(voice, echo_of(far), far)
    voice.reset()
    out = run(voice, echo_of(far), far)
    last = slice(3 * RATE_HZ, None)
    assert rms(out[last]) < rms(echo_of(far)[last]) / 30


# The real one's settings


def test_noise_is_lowered_and_by_more_the_more_was_asked() -> None:
    noise = street(5)
    silent = np.zeros_like(noise)
    left = [
        rms(run(WebrtcVoice(VoiceSettings(echo=False, noise=level)), noise, silent)[4 * RATE_HZ :])
        for level in ("off", *NOISE_LEVELS)
    ]
    assert left[0] == pytest.approx(rms(noise), rel=0.1)
    assert left[1] < left[0] * 0.7
    assert sorted(left, reverse=True) == left


def test_rumble_is_taken_away_with_or_without_the_canceller() -> None:
    rumble = (8000 * np.sin(2 * np.pi * 20 * np.arange(2 * RATE_HZ) / RATE_HZ)).astype(np.int16)
    silent = np.zeros_like(rumble)

    def left(settings: VoiceSettings) -> float:
        return rms(run(WebrtcVoice(settings), rumble, silent)[RATE_HZ:])

    assert left(VoiceSettings(echo=False, noise="off", high_pass=False)) > rms(rumble) * 0.9
    assert left(VoiceSettings(echo=False, noise="off", high_pass=True)) < rms(rumble) / 3
    assert left(VoiceSettings(echo=True, noise="off", high_pass=False)) < rms(rumble) / 3, (
        "the canceller brings it along"
    )


def test_a_quiet_visitor_is_made_louder_and_by_no_more_than_was_allowed() -> None:
    near = (babble(8 * RATE_HZ, 1) / 30).astype(np.int16)
    silent = np.zeros_like(near)
    plain, louder = (
        rms(run(WebrtcVoice(VoiceSettings(noise="off", gain_db=gain)), near, silent)[6 * RATE_HZ :])
        for gain in (0.0, 10.0)
    )
    assert 1.2 < louder / plain < 10 ** (11 / 20)


@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize("noise", ["off", "moderate"])
@pytest.mark.parametrize("high_pass", [True, False])
@pytest.mark.parametrize("gain_db", [0.0, 10.0])
def test_every_combination_of_settings_runs(echo: bool, noise: NoiseLevel, high_pass: bool, gain_db: float) -> None:
    near = babble(RATE_HZ // 2, 1)
    voice = WebrtcVoice(VoiceSettings(echo, noise, high_pass, gain_db))
    assert rms(run(voice, near, np.zeros_like(near))) > rms(near) / 3


def run(voice: VoiceFilter, near: Samples, far: Samples) -> Samples:
    """All of it, block by block."""
    starts = range(0, len(near) // BLOCK * BLOCK, BLOCK)
    return np.concatenate([voice.process(near[at : at + BLOCK], far[at : at + BLOCK]) for at in starts])


def echo_of(far: Samples) -> Samples:
    """The loudspeaker, as the microphone hears it."""
    heard: Samples = np.rint(np.concatenate([np.zeros(DELAY), far])[: len(far)] * ECHO).astype(np.int16)
    return heard


def babble(length: int, seed: int) -> Samples:
    """As varied as speech: a voice that wanders in pitch and vowel, with pauses."""
    rng = np.random.default_rng(seed)
    at = np.arange(length) / RATE_HZ
    knots = np.arange(0, length / RATE_HZ + 0.4, 0.15)

    def wandering(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.interp(at, knots, values)

    pitch = wandering(rng.uniform(90, 220, len(knots)))
    low, high = wandering(rng.uniform(300, 800, len(knots))), wandering(rng.uniform(900, 2500, len(knots)))
    wave = np.zeros(length)
    for harmonic in range(1, 30):
        hz = harmonic * pitch
        strength = np.exp(-(((hz - low) / 150) ** 2)) + 0.5 * np.exp(-(((hz - high) / 250) ** 2)) + 0.02
        wave += strength * np.sin(harmonic * 2 * np.pi * np.cumsum(pitch) / RATE_HZ)
    wave *= wandering(rng.choice([0.0, 0.3, 1.0], len(knots)))
    done: Samples = (wave / max(np.abs(wave).max(), 1e-9) * 16_000).astype(np.int16)
    return done


def street(seconds: float) -> Samples:
    """Traffic far away: steady noise, most of it below 500 Hz, 50 dB below full scale."""
    length = int(seconds * RATE_HZ)
    hz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    noise = np.random.default_rng(3).standard_normal(length)
    wave = np.fft.irfft(np.fft.rfft(noise) / np.sqrt(1 + (hz / 500) ** 2), length)
    done: Samples = (wave / wave.std() * 100).astype(np.int16)
    return done


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))


def likeness(one: Samples, other: Samples) -> float:
    """The strongest correlation of the two, the other being late by no more than LATENCY."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    size = 1 << (len(a) + LATENCY).bit_length()
    crossed = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)[:LATENCY]
    return float(crossed.max() / np.sqrt(np.sum(a**2) * np.sum(b**2)))
