"""Small parts of the sound's way: seams in speech, rates, Opus packets and what is made up for lost ones."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.media.opus import BLOCK_BYTES, RATE_HZ, SAMPLES, OpusDecoder, OpusEncoder, duration
from device.media.rates import Rate, from_card, to_card
from device.media.stretch import LONGEST, SHORTEST, longer, shorter

Samples = npt.NDArray[np.int16]


def voice(hz: float, samples: int = SAMPLES) -> Samples:
    """A voice of that pitch: overtones, getting weaker."""
    at = np.arange(samples) / RATE_HZ
    wave = np.sum([np.sin(2 * np.pi * hz * number * at) / number for number in range(1, 8)], axis=0)
    made: Samples = (6000 * wave).astype(np.int16)
    return made


@pytest.mark.parametrize("hz", [105, 150, 217, 311, 440])
@pytest.mark.parametrize("change", [shorter, longer])
def test_a_seam_is_a_period_of_the_voice_and_not_heard(hz: float, change: object) -> None:
    block = voice(hz)
    made = shorter(block, 0.9) if change is shorter else longer(block, 0.9)
    difference = abs(len(made) - len(block))
    assert SHORTEST <= difference <= LONGEST
    periods = difference * hz / RATE_HZ
    assert periods == pytest.approx(round(periods), abs=0.03)
    assert np.abs(np.diff(made.astype(int))).max() <= np.abs(np.diff(block.astype(int))).max() * 1.1
    assert np.array_equal(made[:1], block[:1])
    assert np.array_equal(made[-5:], block[-5:])


def test_where_nothing_is_alike_nothing_is_changed_unless_it_must_be() -> None:
    block = np.random.default_rng(1).integers(-9000, 9000, SAMPLES).astype(np.int16)
    assert shorter(block, 0.9) is block
    assert longer(block, 0.9) is block
    assert len(shorter(block, 0.0)) < SAMPLES < len(longer(block, 0.0))


def test_silence_is_cut_and_drawn_out_by_10_ms() -> None:
    block = np.zeros(SAMPLES, np.int16)
    assert (len(shorter(block, 0.9)), len(longer(block, 0.9))) == (SAMPLES - LONGEST, SAMPLES + LONGEST)


@pytest.mark.parametrize("length", [0, 1, 119, 120, 239, 240, 480, 2880])
def test_blocks_of_any_length_are_taken(length: int) -> None:
    block = voice(200, length)
    assert len(shorter(block, 0.5)) <= length <= len(longer(block, 0.5))


@pytest.mark.parametrize("hz", [8_000, 11_025, 16_000, 22_050, 44_100, 96_000])
def test_nothing_is_lost_between_rates(hz: int) -> None:
    out, back = Rate(RATE_HZ, hz), Rate(hz, RATE_HZ)
    wave = voice(300, RATE_HZ)
    made = np.concatenate([back.convert(out.convert(wave[at : at + 480])) for at in range(0, RATE_HZ, 480)])
    assert len(made) == pytest.approx(RATE_HZ, abs=RATE_HZ // 50)
    assert np.abs(made).max() == pytest.approx(np.abs(wave).max(), rel=0.15)


def test_the_same_rate_costs_nothing() -> None:
    wave = voice(300)
    assert Rate(RATE_HZ, RATE_HZ).convert(wave) is wave


@given(st.lists(st.integers(-32768, 32767), max_size=50), st.sampled_from([16, 32]), st.sampled_from([1, 2, 4]))
def test_what_is_written_for_a_card_reads_the_same(samples: list[int], bits: int, channels: int) -> None:
    wave = np.array(samples, np.int16)
    data = to_card(wave, bits, channels)
    assert len(data) == len(samples) * channels * bits // 8
    assert np.array_equal(from_card(data, bits, channels), wave)


def packets(wave: Samples) -> list[bytes]:
    encoder = OpusEncoder()
    return [encoder.encode(wave[at : at + SAMPLES].tobytes(), at) for at in range(0, len(wave), SAMPLES)]


def test_packets_all_have_one_size_whatever_is_said() -> None:
    chance = np.random.default_rng(1)
    wave = np.concatenate([voice(150, 9600), np.zeros(9600), chance.integers(-20_000, 20_000, 9600)]).astype(np.int16)
    assert {len(packet) for packet in packets(wave)} == {120}
    assert {duration(packet) for packet in packets(wave)} == {SAMPLES}


@pytest.mark.parametrize(
    ("payload", "samples"),
    [
        (b"", 0),
        (b"\x00", 480),  # SILK, 10 ms
        (b"\x18", 2880),  # SILK, 60 ms
        (b"\x60", 480),  # hybrid, 10 ms
        (b"\x78", 960),  # hybrid, 20 ms
        (b"\x80", 120),  # CELT, 2.5 ms
        (b"\xf8", 960),  # CELT, 20 ms
        (b"\xf9", 1920),  # two frames
        (b"\xfa\x05", 1920),
        (b"\xfb", 0),  # a number of frames, but none given
        (b"\xfb\x03", 2880),
        (b"\xfb\x80", 0),
        (b"\xfb\x07", 0),  # longer than 120 ms
        (b"\x1b\x02", 5760),
        (b"\x1b\x03", 0),
    ],
)
def test_how_long_a_packet_is(payload: bytes, samples: int) -> None:
    assert duration(payload) == samples


def test_what_is_lost_is_made_up_from_what_was_heard_and_fades() -> None:
    decoder = OpusDecoder()
    before = np.concatenate(
        [made for packet in packets(voice(200, 48_000)) if (made := decoder.decode(packet)) is not None]
    )
    level = float(np.sqrt(np.mean(before[-960:].astype(float) ** 2)))
    first = decoder.conceal(960).astype(float)
    assert len(first) == 960
    assert np.sqrt(np.mean(first**2)) > level / 3, "not silence"
    jump = abs(float(first[0]) - float(before[-1]))
    assert jump < 2 * np.abs(np.diff(before[-960:].astype(float))).max(), "joined to what was heard"
    later = [decoder.conceal(960).astype(float) for _ in range(10)][-1]
    assert np.sqrt(np.mean(later**2)) < level / 3


def test_concealment_before_anything_was_heard_is_silence() -> None:
    assert not OpusDecoder().conceal(480)[:480].any()


def test_what_is_no_opus_is_none_and_the_next_packet_is_heard() -> None:
    decoder = OpusDecoder()
    assert decoder.decode(b"\x7b\xff" + bytes(3)) is None
    heard = decoder.decode(packets(voice(200))[0])
    assert heard is not None
    assert len(heard) * 2 == BLOCK_BYTES
