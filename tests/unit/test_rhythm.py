"""The lamp's rhythms: told apart without colours, and harmless to people with photosensitive epilepsy."""

from itertools import combinations
from typing import get_args

import pytest

from device.adapters.gpio.rhythm import FIRST, SECOND, STEADY, Rhythm
from device.ports import LampPattern

PATTERNS: tuple[LampPattern, ...] = get_args(LampPattern)


def flashes(rhythm: Rhythm, seconds: float) -> list[float]:
    """When the lamp lights up within that time."""
    at, starts = 0.0, []
    while rhythm and at < seconds:
        for number, length in enumerate(rhythm):
            if number % 2 == 0:
                starts.append(at)
            at += length
    return starts


def looks(rhythm: Rhythm) -> tuple[bool, float, int, float]:
    """What an eye can tell: whether it ever goes out, the longest light, flashes in a row, and how long it is dark."""
    if rhythm in ((), STEADY):
        return (rhythm == STEADY, 0.0, 0, 0.0)
    lights, darks = rhythm[::2], rhythm[1::2]
    return (False, max(lights), len(lights), max(darks))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_rhythm_flashes_more_than_three_times_in_any_second(pattern: LampPattern) -> None:
    starts = flashes(FIRST[pattern], 20.0)
    for start in starts:
        assert sum(start <= other < start + 1.0 for other in starts) <= 3, "WCAG 2.2, 2.3.1"


@pytest.mark.parametrize(("one", "other"), list(combinations(PATTERNS, 2)))
def test_any_two_states_can_be_told_apart_in_grey(one: LampPattern, other: LampPattern) -> None:
    """They differ in how many flashes come in a row, or by half as much again in light or darkness."""
    first, second = looks(FIRST[one]), looks(FIRST[other])
    if first[0] != second[0] or first[2] != second[2]:
        return
    assert any(max(a, b) >= 1.5 * min(a, b) for a, b in ((first[1], second[1]), (first[3], second[3])))


def test_while_a_camera_is_live_the_lamp_is_never_dark_for_long() -> None:
    assert FIRST["watched"] == STEADY
    live: tuple[LampPattern, ...] = ("ringing", "talking", "released", "failed")
    for pattern in live:
        assert max(FIRST[pattern][1::2]) <= 1.0


@pytest.mark.parametrize("table", [FIRST, SECOND])
def test_every_step_is_long_enough_to_be_seen(table: dict[LampPattern, Rhythm]) -> None:
    assert all(step >= 0.1 for rhythm in table.values() for step in rhythm)
    assert all(len(rhythm) % 2 == 0 for rhythm in table.values() if rhythm != STEADY)
