"""What was played, against when it was heard: two clocks that drift, times that jitter, beginnings and gaps."""

import random

import numpy as np
import numpy.typing as npt
import pytest

from device.media.opus import RATE_HZ
from device.media.reference import FRAME, Reference

Samples = npt.NDArray[np.int16]

LAG_S = 0.03
"""From writing to hearing."""


def noise(seconds: float) -> Samples:
    return np.random.default_rng(1).integers(-20_000, 20_000, int(seconds * RATE_HZ)).astype(np.int16)


def place_of(frame: Samples, said: Samples, near: int) -> int:
    """Where in what was said the frame stands, by correlation within 20 ms of `near`."""
    start = max(0, near - 960)
    part = said[start : near + 960 + FRAME].astype(float)
    return start + int(np.correlate(part, frame.astype(float), "valid").argmax())


def test_before_and_after_there_is_silence() -> None:
    reference = Reference()
    assert not reference.frame(5.0).any()
    said = noise(0.1)
    for index in range(10):
        reference.played(said[index * FRAME : (index + 1) * FRAME], 10 + index / 100)
    frames = [reference.frame(9.98 + index / 100) for index in range(14)]
    assert not np.concatenate(frames[:2]).any()
    assert np.array_equal(np.concatenate(frames[2:12]), said)
    assert not np.concatenate(frames[12:]).any()


def test_after_a_rest_nothing_old_is_heard() -> None:
    reference = Reference()
    reference.played(np.full(FRAME, 7, np.int16), 1.0)
    reference.played(np.full(FRAME, 9, np.int16), 1.5)
    heard = [reference.frame(1.0 + index / 100) for index in range(53)]
    assert [index for index, frame in enumerate(heard) if frame.any()] == [0, 50]
    reference.played(np.full(FRAME, 5, np.int16), 60.0)
    assert not reference.frame(59.0).any()
    assert (reference.frame(60.0) == 5).all()


def test_in_a_rest_after_a_long_talk_there_is_silence_not_what_was_said_two_seconds_ago() -> None:
    reference = Reference()
    for index in range(300):
        reference.played(np.full(FRAME, 7, np.int16), 1 + index / 100)
    reference.played(np.full(FRAME, 9, np.int16), 4.5)
    heard = [reference.frame(4.0 + index / 100) for index in range(51)]
    assert [int(frame.max()) for frame in heard] == [0] * 50 + [9]


@pytest.mark.parametrize("said_ppm", [-100, 100])
@pytest.mark.parametrize("ppm", [-100, 100])
def test_the_offset_stays_what_it_is_while_the_cards_clocks_drift_and_the_times_jitter(
    ppm: float, said_ppm: float
) -> None:
    """Three minutes; as much faster than the computer's are the clocks of microphone and loudspeaker."""
    chance, reference, said = random.Random(1), Reference(), noise(180)
    events = sorted(
        [(index * 0.01 / (1 + said_ppm * 1e-6), "say", index) for index in range(18_000)]
        + [(0.5 + index * 0.01 / (1 + ppm * 1e-6), "hear", index) for index in range(17_900)]
    )
    offsets = []
    for at, what, index in events:
        if what == "say":
            block = said[index * FRAME : (index + 1) * FRAME]
            reference.played(block, at + LAG_S + chance.random() * 0.004)
            continue
        frame = reference.frame(at - 0.02 + chance.random() * 0.004)
        assert frame.any()
        if index % 500 == 0 and index > 1000:
            true = (at - 0.02 - LAG_S) * RATE_HZ * (1 + said_ppm * 1e-6)
            offsets.append(place_of(frame, said, round(true)) - true)
    assert max(offsets) - min(offsets) < 60, "less than 1.3 ms, in samples"
    assert abs(np.mean(offsets)) < 0.003 * RATE_HZ


def test_a_slip_is_one_sample_at_a_time() -> None:
    reference, said = Reference(), noise(20)
    for index in range(200):
        reference.played(said[index * FRAME : (index + 1) * FRAME], index / 100)
    starts = []
    for index in range(100):
        frame = reference.frame(0.1 + index / 100 + (0.01 if index > 20 else 0))
        starts.append(place_of(frame, said, round((0.1 + index / 100) * RATE_HZ)))
    assert set(np.diff(starts)) <= {FRAME, FRAME + 1}
