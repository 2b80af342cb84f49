"""What a link's path can take, and which stream it is sent because of it. Time is an argument."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.adapters.webrtc.capacity import BEST_OF_S, LATE_S, SETTLE_S, Capacity
from device.adapters.webrtc.choice import (
    FIRST_WAIT_S,
    FLOOR_BPS,
    H264,
    LONGEST_WAIT_S,
    QUIET_S,
    VP8,
    Choice,
    floors,
)
from device.ports import Stream, StreamFormat

CEILING = 2_000_000
FORMATS: Mapping[Stream, StreamFormat] = {
    "main": StreamFormat(1280, 720, 30, CEILING),
    "small": StreamFormat(640, 360, 15, 400_000),
    "vp8": StreamFormat(640, 360, 15, 400_000),
}
FLOORS = floors(FORMATS)


class Path:
    """A viewer, its path, and the link's choice, a tenth of a second at a time."""

    def __init__(self, rungs: tuple[Stream, ...] = tuple(H264)) -> None:
        self.now = 100.0
        self.capacity = Capacity(FLOOR_BPS)
        self.choice = Choice(rungs, FLOORS)
        self.choice.begin(self.now)
        self._begin()

    def gets(self) -> Stream | None:
        return self.choice.stream

    def send(self, seconds: float, bitrate_bps: int | None = None) -> None:
        """Send so much, or what the encoder makes of it by itself; nothing while there is no stream."""
        until = self.now + seconds
        while self.now < until:
            self.now += 0.1
            stream = self.gets()
            if stream is not None:
                self.capacity.sent((bitrate_bps or self._encoded(stream)) // 80, self.now)

    def estimate(self, bitrate_bps: int) -> None:
        self.capacity.estimated(bitrate_bps, self.now)
        self._judge()

    def report(self, lost: float = 0.0, trip_s: float | None = 0.02) -> None:
        self.capacity.reported(lost, trip_s, self.now)
        self._judge()

    def quiet(self, seconds: float) -> None:
        """All is well for so long: a report a second."""
        for _ in range(round(seconds)):
            self.send(1.0)
            self.report()

    def _encoded(self, stream: Stream) -> int:
        ceiling = FORMATS[stream].bitrate_bps
        return max(FLOORS[stream], min(ceiling, self.capacity.limit or ceiling))

    def _judge(self) -> None:
        """As `LinkMedia` does."""
        before = self.gets()
        self.choice.judge(self.capacity, self.now)
        if self.gets() != before:
            if self.choice.went_up:
                self.capacity.reset()
            self._begin()

    def _begin(self) -> None:
        stream = self.gets()
        if stream is not None:
            self.capacity.begin(FORMATS[stream].bitrate_bps, self.now)


@pytest.fixture
def path() -> Path:
    made = Path()
    made.send(2.0)
    return made


# What a path can take


def test_an_estimate_above_what_is_sent_is_no_limit() -> None:
    path = Path()
    path.send(2.0, 1_000_000)
    path.estimate(1_100_000)
    assert path.capacity.limit is None


def test_an_estimate_of_a_still_picture_is_no_limit() -> None:
    path = Path()
    path.send(2.0, 90_000)
    path.estimate(30_000)
    assert path.capacity.limit is None


def test_an_estimate_that_only_has_to_catch_up_is_no_limit(path: Path) -> None:
    """The picture was still, and the estimate small; now it moves, and the estimate grows by its eight per cent."""
    path = Path()
    path.send(2.0, 90_000)
    path.estimate(130_000)
    path.send(2.0)
    for _ in range(10):
        path.send(1.0)
        path.estimate(int(130_000 * 1.08))
    assert (path.capacity.limit, path.gets()) == (None, "main")


def test_an_estimate_that_fell_below_what_is_sent_is_believed_and_followed(path: Path) -> None:
    path.estimate(1_500_000)
    assert path.capacity.limit == 1_500_000
    path.send(1.0)
    path.estimate(1_700_000)
    assert path.capacity.limit == 1_700_000
    path.estimate(CEILING)
    assert path.capacity.limit is None


def test_what_was_sent_long_ago_does_not_count(path: Path) -> None:
    path.now += 8.0
    path.estimate(1_000_000)
    assert path.capacity.limit is None


def test_a_view_that_ended_limits_nobody(path: Path) -> None:
    path.estimate(1_000_000)
    path.capacity.reset()
    assert path.capacity.limit is None


def test_losses_are_believed_and_forgotten_slowly(path: Path) -> None:
    path.report(lost=0.05)
    assert path.capacity.limit is None, "radio loses so much by itself"
    path.report(lost=0.3)
    assert path.capacity.limit == pytest.approx(1_400_000, rel=0.1)
    limit = path.capacity.limit
    path.send(1.0, 1_400_000)
    path.report(lost=0.05)
    assert path.capacity.limit == limit, "neither congested nor quiet"
    path.report()
    assert limit is not None
    assert path.capacity.limit == pytest.approx(limit * 1.08, rel=0.01)
    path.quiet(6)
    assert path.capacity.limit is None


def test_a_queue_that_fills_is_believed_the_second_time(path: Path) -> None:
    path.report(trip_s=0.05)
    path.report(trip_s=0.05 + LATE_S * 1.5)
    assert path.capacity.limit is None
    path.report(trip_s=0.05 + LATE_S * 1.5)
    assert path.capacity.limit == pytest.approx(0.8 * CEILING, rel=0.1)


def test_a_path_that_became_longer_is_known_by_that_after_a_while(path: Path) -> None:
    path.report(trip_s=0.05)
    path.now += BEST_OF_S + 1
    for _ in range(5):
        path.send(1.0)
        path.report(trip_s=0.5)
    assert path.capacity.limit is None


# Which stream


def test_a_viewer_who_can_take_most_of_it_keeps_the_full_size(path: Path) -> None:
    path.estimate(FLOORS["main"] + 1)
    assert path.gets() == "main"


def test_a_slow_viewer_is_moved_down_at_once(path: Path) -> None:
    path.estimate(FLOORS["main"] - 1)
    assert path.gets() == "small"


def test_what_limited_the_full_size_does_not_limit_the_small_one_unless_it_is_less(path: Path) -> None:
    path.estimate(500_000)
    assert (path.gets(), path.capacity.limit) == ("small", None)
    slower = Path()
    slower.send(2.0)
    slower.estimate(300_000)
    assert (slower.gets(), slower.capacity.limit) == ("small", 300_000)


def test_a_path_that_recovers_gets_the_full_size_back_and_keeps_it(path: Path) -> None:
    path.estimate(500_000)
    path.quiet(FIRST_WAIT_S - 1)
    assert path.gets() == "small"
    path.quiet(2)
    assert path.gets() == "main"
    path.estimate(600_000)  # it has yet to grow
    path.quiet(60)
    assert path.gets() == "main"


def test_a_path_that_shows_congestion_is_left_alone(path: Path) -> None:
    path.estimate(500_000)
    for _ in range(10):
        path.send(3.0)
        path.report(lost=0.2)
    assert path.gets() == "small"
    path.quiet(QUIET_S + 15)  # the limit has to grow away
    assert path.gets() == "main"


def test_a_limit_that_binds_keeps_it_small_and_one_that_does_not_does_not(path: Path) -> None:
    path.estimate(300_000)
    for _ in range(int(FIRST_WAIT_S) + 5):
        path.send(1.0, 300_000)
        path.estimate(305_000)
    assert path.gets() == "small"
    for _ in range(4):
        path.send(1.0, 60_000)  # nothing moves in the picture
        path.report()
    assert path.gets() == "main"


def _fail(path: Path) -> float:
    """Until it is tried again, and fails again; how long it took."""
    went_down = path.now
    while path.gets() == "small":
        path.quiet(1)
        assert path.now - went_down < LONGEST_WAIT_S + 10
    waited = path.now - went_down
    path.send(2.0)
    path.estimate(250_000)
    assert path.gets() == "small"
    path.estimate(600_000)
    return waited


def test_attempts_that_fail_become_rarer_and_one_that_succeeds_is_forgotten(path: Path) -> None:
    path.estimate(250_000)
    path.estimate(600_000)
    waits = [_fail(path) for _ in range(6)]
    assert waits == pytest.approx([10, 20, 40, 80, 120, 120], abs=1.5)
    path.quiet(LONGEST_WAIT_S + 1)
    assert path.gets() == "main"
    path.quiet(60)
    path.estimate(250_000)
    path.estimate(600_000)
    assert _fail(path) == pytest.approx(FIRST_WAIT_S, abs=1.5)


def test_a_hopeless_path_loses_its_picture_and_gets_another_try(path: Path) -> None:
    path.estimate(100_000)
    assert path.gets() == "small", "the full size may have been what choked it"
    path.send(1.0)
    path.estimate(60_000)
    assert path.gets() == "small"
    path.send(SETTLE_S)
    path.estimate(60_000)
    assert path.gets() is None
    path.now = path.choice.retry_at
    path._judge()
    assert path.gets() == "small"


def test_what_the_full_size_lost_is_not_held_against_the_small_one(path: Path) -> None:
    """The path takes 350 kbit/s; its queue was full of the full size when the link was moved."""
    path.report(lost=0.85)
    assert path.gets() == "small"
    path.send(1.0)
    path.report(lost=0.85)
    for _ in range(20):
        path.send(1.2, 260_000)
        path.report(lost=0.02)
        path.estimate(290_000)
    assert (path.gets(), path.capacity.limit) == ("small", 290_000)


def test_losses_alone_do_not_take_the_picture_away_unless_they_are_most_of_it(path: Path) -> None:
    for _ in range(30):
        path.send(1.0)
        path.report(lost=0.4)
    assert path.gets() == "small"
    for _ in range(30):
        path.send(1.0, 130_000)
        path.report(lost=0.8)
        if path.gets() is None:
            return
    pytest.fail("it was sent on and on")


def test_the_next_view_begins_where_the_last_one_was_forced_to_for_a_while(path: Path) -> None:
    path.estimate(500_000)
    path.now += 3
    path.choice.begin(path.now)
    assert path.gets() == "small"
    path.now += FIRST_WAIT_S
    path.choice.begin(path.now)
    assert path.gets() == "main"


def test_a_browser_without_h264_gets_vp8_or_nothing() -> None:
    path = Path(tuple(VP8))
    assert path.gets() == "vp8"
    path.send(3.0)
    path.estimate(50_000)
    assert path.gets() is None
    path.now = path.choice.retry_at
    path._judge()
    assert path.gets() == "vp8"


def test_the_full_size_is_worth_more_than_the_small_one_at_least() -> None:
    close = {**FORMATS, "main": StreamFormat(848, 480, 15, 500_000)}
    assert floors(close)["main"] == 400_000
    assert floors(FORMATS)["main"] == 0.4 * CEILING


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("estimate"), st.integers(0, 10_000_000)),
            st.tuples(st.just("report"), st.floats(0, 1)),
            st.tuples(st.just("late"), st.floats(0, 3)),
        ),
        max_size=200,
    )
)
def test_whatever_a_page_reports_it_is_moved_at_most_once_in_the_settling_time(told: list[tuple[str, float]]) -> None:
    path = Path()
    moves: list[float] = []
    for kind, value in told:
        before = path.gets()
        path.send(0.3)
        match kind:
            case "estimate":
                path.estimate(int(value))
            case "report":
                path.report(lost=value)
            case _:
                path.report(trip_s=value)
        assert path.gets() in ("main", "small", None)
        assert path.capacity.limit is None or path.capacity.limit >= 0
        if path.gets() != before:
            moves.append(path.now)
    downs_and_ups = list(zip(moves, moves[2:], strict=False))
    assert all(later - earlier >= SETTLE_S - 0.2 for earlier, later in downs_and_ups)
