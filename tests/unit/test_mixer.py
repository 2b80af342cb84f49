"""What is heard at the door: far end and tones together, quieter where they should be, never with a click."""

import datetime as dt

import numpy as np
import numpy.typing as npt
import pytest

from device.media.mixer import DUCKED, HOLD_BLOCKS, Mixer, Night, Volume
from device.media.opus import RATE_HZ
from device.media.playout import BLOCK
from device.media.tones import Tones, tone

Samples = npt.NDArray[np.int16]

TONES = Tones()


def sine(hz: float, level: float = 6000, blocks: int = 1) -> Samples:
    return (level * np.sin(2 * np.pi * hz * np.arange(BLOCK * blocks) / RATE_HZ)).astype(np.int16)


def block_of(mixer: Mixer) -> Samples:
    block = mixer.next_block(0.0)
    assert block is not None
    return block


def loudness(block: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(block.astype(float)))))


class FakeVoice:
    """Says the blocks that it was given."""

    def __init__(self, *blocks: Samples) -> None:
        self.blocks = list(blocks)

    @property
    def waiting(self) -> bool:
        return bool(self.blocks)

    def block(self, at: float) -> Samples | None:
        return self.blocks.pop(0) if self.blocks else None


def test_voices_are_heard_together_until_they_leave() -> None:
    one, other = FakeVoice(sine(50), sine(50)), FakeVoice(sine(700), sine(700))
    mixer = Mixer(TONES)
    assert not mixer.wanted
    mixer.join(one)
    mixer.join(other)
    assert mixer.wanted
    assert np.array_equal(block_of(mixer), sine(50) + sine(700))
    mixer.leave(other)
    mixer.leave(other)
    assert np.array_equal(block_of(mixer), sine(50))
    assert not mixer.wanted
    assert mixer.next_block(0.0) is None


def test_tone_and_far_end_are_mixed_and_a_stopped_tone_fades() -> None:
    mixer = Mixer(TONES)
    quiet = np.full(BLOCK, 20, np.int16)
    mixer.tone("busy")
    assert np.array_equal(block_of(mixer), tone("busy")[:BLOCK])
    mixer.join(FakeVoice(quiet))
    assert np.array_equal(block_of(mixer), tone("busy")[BLOCK : 2 * BLOCK] + quiet)
    mixer.tone(None)
    last = block_of(mixer)
    assert last[:48].any()
    assert not last[240:].any()
    assert mixer.next_block(0.0) is None


def test_a_tone_is_ducked_while_somebody_talks_and_comes_back_after_a_pause() -> None:
    mixer = Mixer(TONES)
    mixer.tone("ringback")
    alone = loudness(block_of(mixer)[BLOCK // 2 :])
    voice = FakeVoice(*[sine(100, 400)] * 4)
    mixer.join(voice)
    levels = []
    for _ in range(4 + HOLD_BLOCKS + 2):
        block = block_of(mixer)
        spectrum = np.abs(np.fft.rfft(block * np.hanning(BLOCK)))
        levels.append(spectrum[round(425 * BLOCK / RATE_HZ)])
    assert levels[2] == pytest.approx(levels[-1] * DUCKED, rel=0.1)
    assert levels[4 + HOLD_BLOCKS // 2] == pytest.approx(levels[2], rel=0.1), "a pause between words"
    assert alone > 0


def test_ducking_makes_no_click() -> None:
    mixer = Mixer(TONES)
    mixer.tone("ringback")
    heard = []
    for number in range(20):
        if 5 <= number < 8:
            mixer.join(FakeVoice(sine(100, 300)))
        heard.append(block_of(mixer).astype(int))
    assert np.abs(np.diff(np.concatenate(heard))).max() < 800


@pytest.mark.parametrize(
    ("begins", "ends", "now", "within"),
    [
        ((22, 0), (7, 0), (23, 0), True),
        ((22, 0), (7, 0), (6, 59), True),
        ((22, 0), (7, 0), (7, 0), False),
        ((22, 0), (7, 0), (21, 59), False),
        ((13, 0), (15, 0), (14, 0), True),
        ((13, 0), (15, 0), (15, 0), False),
    ],
)
def test_night(begins: tuple[int, int], ends: tuple[int, int], now: tuple[int, int], within: bool) -> None:
    night = Night(dt.time(*begins), dt.time(*ends), Volume(0.3, 0.7))
    assert night.at(dt.time(*now)) == (Volume(0.3, 0.7) if within else Volume())


def test_at_night_tones_and_voices_are_quieter_each_by_its_own_factor() -> None:
    mixer = Mixer(TONES, lambda: Volume(tones=0.25, voice=0.5))
    voice = sine(700)
    mixer.join(FakeVoice(voice))
    assert np.abs(block_of(mixer) - voice / 2).max() <= 1
    silent = Mixer(TONES, lambda: Volume(tones=0.25, voice=0.5))
    silent.tone("busy")
    assert np.abs(block_of(silent) - tone("busy")[:BLOCK] / 4).max() <= 1
