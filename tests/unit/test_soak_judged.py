"""When a day on the wall counts as flat."""

from tests.bench.soak.__main__ import figures_of, judged

COMPILES = 300_000
"""Bytes of code that the browser compiles, half of what is left of them each hour."""


def day(*, held: int = 0, nodes: int = 0, listeners: int = 0) -> list[dict[str, int]]:
    """24 hours that each leave so much behind; what is in use goes up and down by some hundred bytes as well."""
    return [
        {
            "heap": 3_500_000 + COMPILES - COMPILES // 2**hour,
            "held": 1_300_000 + hour * 7919 % 900 + held * hour,
            "nodes": 776 + nodes * hour,
            "listeners": 107 + hour * 7 % 40 + listeners * hour,
        }
        for hour in range(24)
    ]


def test_a_day_that_leaves_nothing_behind_is_flat() -> None:
    assert judged(figures_of(day())) == []


def test_what_every_visit_leaves_behind_is_seen() -> None:
    assert ["what the page holds" in one for one in judged(figures_of(day(held=30 * 215)))] == [True]
    assert ["nodes" in one for one in judged(figures_of(day(nodes=30)))] == [True]
    assert ["listeners" in one for one in judged(figures_of(day(listeners=30)))] == [True]


def test_one_odd_hour_moves_nothing() -> None:
    sizes = day()
    sizes[12]["held"] += 500_000
    assert judged(figures_of(sizes)) == []
