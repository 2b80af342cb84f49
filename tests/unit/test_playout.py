"""Jitter buffer and playout in simulated time: what a network does to packets, and what is heard of it."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.media.jitter import MARGIN_S, START_S, STRAYS
from device.media.opus import RATE_HZ
from device.media.playout import BLOCK, SLACK_S, Playout

Samples = npt.NDArray[np.int16]

FRAME = 960
PACKET_S = 0.02
HZ = 200
"""Of what the sender says; it repeats itself with every packet."""

SINE: Samples = (10_000 * np.sin(2 * np.pi * HZ * np.arange(FRAME) / RATE_HZ)).astype(np.int16)
STEEPEST = int(np.abs(np.diff(SINE.astype(int))).max())


class FakeDecoder:
    """Every packet is a sine, and concealment is the same sine: any jump that is heard is the buffer's own."""

    def __init__(self) -> None:
        self.decoded: list[int] = []
        self.concealed = 0

    def decode(self, payload: bytes) -> Samples | None:
        self.decoded.append(int.from_bytes(payload[1:], "big"))
        return SINE

    def conceal(self, samples: int) -> Samples:
        self.concealed += samples
        return np.zeros(samples, np.int16)


def packet(number: int) -> bytes:
    return b"\x78" + number.to_bytes(3, "big")


@dataclass
class Scene:
    """A sender whose packet `number` takes `delay(number)` seconds, or is lost (None), and a door that plays.

    `fast_ppm`: how much faster the sound card's clock is than the sender's. `pulled_at_once`: as many blocks as the
    card takes at a time.
    """

    delay: Callable[[int], float | None]
    fast_ppm: float = 0.0
    pulled_at_once: int = 1
    first_timestamp: int = 0
    decoder: FakeDecoder = field(default_factory=FakeDecoder)
    now: float = 0.0
    heard: list[Samples | None] = field(default_factory=list)
    reserves: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.playout = Playout(self.decoder)

    def run(self, seconds: float, keep: bool = True) -> None:
        count = int(seconds / PACKET_S)
        arrivals = sorted(
            (number * PACKET_S + delay, number) for number in range(count) if (delay := self.delay(number)) is not None
        )
        step = 0.01 * self.pulled_at_once / (1 + self.fast_ppm * 1e-6)
        coming = iter(arrivals)
        following = next(coming, None)
        blocks = int(seconds / step)
        for index in range(blocks):
            self.now = index * step
            while following is not None and following[0] <= self.now:
                at, number = following
                timestamp = (self.first_timestamp + number * FRAME) & 0xFFFF_FFFF
                self.playout.put(timestamp, packet(number), at)
                following = next(coming, None)
            for _ in range(self.pulled_at_once):
                block = self.playout.block(self.now)
                if keep:
                    self.heard.append(block)
            if (reserve := self.playout.buffer.reserve_s) is not None:
                self.reserves.append(reserve)

    @property
    def sound(self) -> Samples:
        """What was heard, from the first sound on."""
        first = next(index for index, block in enumerate(self.heard) if block is not None)
        return np.concatenate([np.zeros(BLOCK, np.int16) if block is None else block for block in self.heard[first:]])


def steady(_: int) -> float:
    return 0.05


def test_over_a_steady_network_everything_is_heard_in_order_with_hardly_any_delay() -> None:
    scene = Scene(steady)
    scene.run(20)
    counts = scene.playout.buffer.counts
    assert (counts.lost, counts.stalled, counts.late) == (0, 0, 0)
    assert scene.decoder.decoded == list(range(len(scene.decoder.decoded)))
    assert scene.reserves[-1] <= MARGIN_S + SLACK_S
    assert np.abs(np.diff(scene.sound.astype(int))).max() <= STEEPEST * 1.5, "no click at any seam"


@pytest.mark.parametrize("jitter_s", [0.01, 0.03, 0.06])
def test_the_delay_is_what_the_network_needs_and_no_more(jitter_s: float) -> None:
    chance = random.Random(1)
    scene = Scene(lambda _: 0.05 + chance.random() * jitter_s)
    scene.run(60)
    counts = scene.playout.buffer.counts
    assert counts.late * FRAME + counts.stalled < 0.03 * 60 * RATE_HZ
    assert jitter_s * 0.9 <= np.median(scene.reserves[-1000:]) <= jitter_s + MARGIN_S + SLACK_S + 0.005


def test_more_delay_at_once_when_the_network_becomes_worse_and_less_again_slowly() -> None:
    chance = random.Random(2)
    scene = Scene(lambda number: 0.05 + chance.random() * (0.08 if 500 < number < 1000 else 0.002))
    scene.run(60)
    at = [np.median(scene.reserves[int(second * 100) : int(second * 100) + 50]) for second in (9, 13, 40, 58)]
    assert at[0] < 0.025
    assert at[1] > 0.07
    assert at[2] < 0.03
    assert at[3] < 0.03


def test_what_a_late_packet_has_cost_is_in_the_reserve_at_once() -> None:
    scene = Scene(lambda number: 0.05 if number < 500 else 0.13)
    scene.run(12)
    assert max(scene.reserves[900:990]) < 0.03
    assert 0.06 < min(scene.reserves[1025:1040]) < 0.1


def test_what_was_left_out_is_taken_from_the_reserve_at_once() -> None:
    scene = Scene(steady)
    scene.run(5)
    buffer = scene.playout.buffer
    before = buffer.reserve_s or 0.0
    buffer.shortened(RATE_HZ // 100)
    assert buffer.reserve_s == pytest.approx(before - 0.01)
    buffer.shortened(-RATE_HZ // 50)
    assert buffer.reserve_s == pytest.approx(before + 0.01)


def test_a_lost_packet_is_concealed_and_costs_no_delay() -> None:
    scene = Scene(lambda number: None if number % 10 == 5 else 0.05)
    scene.run(20)
    assert scene.decoder.concealed == pytest.approx(100 * FRAME, rel=0.05)
    assert scene.reserves[-1] <= MARGIN_S + SLACK_S
    assert set(range(len(scene.decoder.decoded))) - set(scene.decoder.decoded) <= set(range(5, 1000, 10))


def test_swapped_packets_are_put_in_order() -> None:
    scene = Scene(lambda number: 0.05 + (0.03 if number % 7 == 3 else 0.0))
    scene.run(20)
    assert scene.decoder.decoded == sorted(scene.decoder.decoded)
    settled = [number for number in scene.decoder.decoded if number > 200]
    assert settled == list(range(201, settled[-1] + 1))


def test_a_packet_twice_is_heard_once() -> None:
    scene = Scene(steady)
    put = scene.playout.put

    def twice(timestamp: int, payload: bytes, at: float) -> None:
        put(timestamp, payload, at)
        put(timestamp, payload, at)

    scene.playout.put = twice  # type: ignore[method-assign]
    scene.run(5)
    assert scene.decoder.decoded == list(range(len(scene.decoder.decoded)))
    assert scene.playout.buffer.counts.twice > 200


def test_a_copy_that_comes_much_later_makes_no_delay() -> None:
    scene = Scene(steady)
    scene.run(3)
    before = scene.playout.buffer.wanted_s
    number = scene.decoder.decoded[-10]
    for _ in range(20):
        scene.playout.put(number * FRAME, packet(number), scene.now)
    scene.playout.block(scene.now)
    assert scene.playout.buffer.wanted_s == before


def test_a_freeze_is_bridged_then_silent_and_what_comes_in_one_burst_is_not_all_played() -> None:
    scene = Scene(lambda number: 0.05 + max(0.0, 6.0 - number * PACKET_S) if 250 <= number < 300 else 0.05)
    scene.run(30)
    silent = [index for index, block in enumerate(scene.heard) if block is None and index > 100]
    assert 5.2 <= silent[0] / 100 <= 5.4
    assert 5.95 <= silent[-1] / 100 <= 6.15
    assert scene.playout.buffer.counts.overflowed > 30
    assert scene.reserves[-1] <= 0.03
    assert len(scene.decoder.decoded) > 1500 - 60


@pytest.mark.parametrize("start", [0, 2**32 - 5 * FRAME, 2**31 - 5 * FRAME, 12345])
def test_timestamps_wrap(start: int) -> None:
    scene = Scene(steady, first_timestamp=start)
    scene.run(3)
    assert scene.decoder.decoded == list(range(len(scene.decoder.decoded)))
    assert len(scene.decoder.decoded) > 140
    assert scene.playout.buffer.counts.restarts == 0


@pytest.mark.parametrize("jump", [2**31, 77_777_777, -96_000, -5 * FRAME, 20 * RATE_HZ])
def test_a_sender_that_begins_anew_is_heard(jump: int) -> None:
    scene = Scene(steady)
    scene.run(3)
    known = len(scene.decoder.decoded)
    for number in range(100):
        at = scene.now + 0.02
        for half in (0.01, 0.02):
            scene.playout.block(scene.now + half)
        scene.now = at
        scene.playout.put((150 + number) * FRAME + jump & 0xFFFF_FFFF, packet(5000 + number), at)
    new = [number for number in scene.decoder.decoded[known:] if number >= 5000]
    assert new == list(range(new[0], new[-1] + 1))
    assert new[0] <= 5000 + 10
    assert new[-1] >= 5000 + 90


def test_one_lost_packet_from_long_ago_does_not_begin_anything() -> None:
    scene = Scene(steady)
    scene.run(3)
    for _ in range(STRAYS - 1):
        scene.playout.put(77, packet(9999), scene.now)
    scene.playout.block(scene.now)
    assert 9999 not in scene.decoder.decoded
    assert scene.playout.buffer.counts.restarts == 0


def test_what_is_no_opus_is_refused() -> None:
    scene = Scene(steady)
    for junk in (b"", b"\x7f", b"\x7f\x3f" + bytes(20)):
        scene.playout.put(0, junk, 0.0)
    assert scene.playout.block(1.0) is None
    assert scene.playout.buffer.counts.refused == 3


def test_the_first_packet_waits_a_little_and_silence_is_silence() -> None:
    scene = Scene(steady)
    scene.run(1)
    first = next(index for index, block in enumerate(scene.heard) if block is not None)
    assert first / 100 == pytest.approx(0.05 + START_S, abs=0.011)
    assert not Playout(FakeDecoder()).waiting


def test_a_card_that_takes_four_blocks_at_a_time() -> None:
    scene = Scene(steady, pulled_at_once=4)
    scene.run(30)
    counts = scene.playout.buffer.counts
    assert counts.stalled < RATE_HZ // 5, "only until the delay fits"
    assert scene.decoder.decoded == list(range(len(scene.decoder.decoded)))


@pytest.mark.parametrize("ppm", [100, -100])
def test_an_hour_with_a_sound_card_whose_clock_is_off_is_heard_without_a_gap_or_growing_delay(ppm: float) -> None:
    chance = random.Random(3)
    scene = Scene(lambda _: 0.05 + chance.random() * 0.004, fast_ppm=ppm)
    scene.run(3600, keep=False)
    counts = scene.playout.buffer.counts
    assert (counts.late, counts.lost, counts.overflowed, counts.restarts) == (0, 0, 0, 0)
    assert counts.stalled <= RATE_HZ // 100
    assert len(scene.decoder.decoded) >= 3600 / PACKET_S - 5, "nothing was left out"
    assert max(scene.reserves[1000:]) < 0.03, "and nothing piled up"
    assert 30 <= scene.playout.seams <= 200, f"0.36 s are made up for, by periods: {scene.playout.seams}"


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=8), st.integers(0, 3)), max_size=80),
    st.integers(0, 2**32 - 1),
)
def test_whatever_comes_it_goes_on(packets: Iterable[tuple[int, bytes, int]], start: int) -> None:
    playout = Playout(FakeDecoder())
    at = 0.0
    for timestamp, payload, blocks in packets:
        playout.put((start + timestamp % 5 * FRAME) & 0xFFFF_FFFF if timestamp % 2 else timestamp, payload, at)
        for _ in range(blocks):
            block = playout.block(at)
            assert block is None or (block.shape, block.dtype) == ((BLOCK,), np.dtype(np.int16))
            at += 0.01
    for _ in range(200):
        playout.block(at)
        at += 0.01
    assert playout.block(at) is None, "and ends"
    assert playout.buffer._waiting == []


@given(st.lists(st.one_of(st.none(), st.floats(0, 0.3)), min_size=10, max_size=30))
def test_whatever_the_network_does_what_is_heard_is_in_order(delays: list[float | None]) -> None:
    scene = Scene(lambda number: delays[number % len(delays)])
    scene.run(1.5)
    decoded = scene.decoder.decoded
    assert decoded == sorted(set(decoded)) or scene.playout.buffer.counts.restarts
