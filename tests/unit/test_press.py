"""Debouncing: one finger, one press."""

from hypothesis import given
from hypothesis import strategies as st

from device.core.events import Edge, Event, Instant, Pressed, Stuck, Tick, Unstuck
from device.core.press import CHATTER, CHATTER_S, LOCKOUT_S, STILL_S, STUCK_S, Press


def feed(press: Press, *edges: tuple[float, bool]) -> list[Event]:
    events: list[Event] = []
    for at, closed in edges:
        events += press.handle(Edge("flat-1", closed, at), Instant(at, at))
    return events


def test_a_press_is_reported_at_its_leading_edge() -> None:
    assert feed(Press({}), (1.0, True)) == [Pressed("flat-1")]


def test_bounce_on_the_way_in_and_out_is_one_press() -> None:
    bounces = [(1.0 + i * 0.002, i % 2 == 0) for i in range(9)]
    release = [(1.3 + i * 0.002, i % 2 == 1) for i in range(9)]
    assert feed(Press({}), *bounces, *release) == [Pressed("flat-1")]


def test_two_presses_apart_are_two() -> None:
    assert len(feed(Press({}), (1.0, True), (1.1, False), (1.3, True))) == 2


def test_a_release_counts_only_once_it_has_settled() -> None:
    press = Press({})
    feed(press, (1.0, True), (1.1, False))
    assert press.deadline == 1.1 + LOCKOUT_S
    assert feed(press, (1.1 + LOCKOUT_S / 2, True)) == []


def test_bounce_that_is_heard_of_late_is_still_bounce() -> None:
    press = Press({})
    feed(press, (1.0, True), (1.1, False))
    late = Instant(1.1 + 2 * LOCKOUT_S, 0)
    assert press.handle(Tick(), late) == []
    assert press.handle(Edge("flat-1", True, 1.102), late) == []
    assert press.handle(Edge("flat-1", False, 1.104), late) == []
    assert feed(press, (1.5, True)) == [Pressed("flat-1")]


def test_a_stuck_button_is_reported_once_and_once_when_it_comes_free() -> None:
    press = Press({})
    feed(press, (1.0, True))
    assert press.deadline == 1.0 + STUCK_S
    stuck = Instant(1.0 + STUCK_S, 0)
    assert press.handle(Tick(), stuck) == [Stuck("flat-1")]
    assert press.handle(Tick(), stuck) == []
    feed(press, (40.0, False))
    assert press.handle(Tick(), Instant(40.0 + LOCKOUT_S, 0)) == [Unstuck("flat-1")]


def test_a_contact_that_bounces_without_end_is_stuck_too() -> None:
    press = Press({})
    bounces = [(1.0 + i * 0.02, i % 2 == 0) for i in range(int((STUCK_S + 1) / 0.02))]
    assert feed(press, *bounces) == [Pressed("flat-1"), Stuck("flat-1")]
    assert press.handle(Tick(), Instant(bounces[-1][0] + LOCKOUT_S, 0)) == [Unstuck("flat-1")]


# A contact that chatters: wet, or loose


def presses(count: int, begin: float = 1.0, every_s: float = 1.5) -> list[tuple[float, bool]]:
    return [(begin + i * every_s + gap, closed) for i in range(count) for gap, closed in ((0.0, True), (0.2, False))]


def test_a_contact_that_chatters_is_stuck_and_rings_no_more() -> None:
    press = Press({"flat-1": 1.5})
    events = feed(press, *presses(CHATTER + 30))
    assert events == [Pressed("flat-1")] * CHATTER + [Stuck("flat-1")]


def test_a_contact_that_chattered_is_believed_when_it_was_still_for_a_while() -> None:
    press = Press({})
    feed(press, *presses(CHATTER + 10))
    last = 1.0 + (CHATTER + 9) * 1.5 + 0.2
    assert press.deadline == last + STILL_S
    again = last + STILL_S - 1
    assert feed(press, (again, True), (again + 0.2, False)) == [], "not yet"
    assert press.handle(Tick(), Instant(last + STILL_S, 0)) == []
    assert press.handle(Tick(), Instant(again + 0.2 + STILL_S, 0)) == [Unstuck("flat-1")]
    assert feed(press, *presses(CHATTER, begin=300.0)) == [Pressed("flat-1")] * CHATTER, "as if nothing had been"


def test_a_chattering_contact_that_stays_closed_at_last_is_still_stuck() -> None:
    press = Press({"flat-1": 1.5})
    feed(press, *presses(CHATTER + 1))
    last = 1.0 + CHATTER * 1.5 + 0.2
    feed(press, (last + STILL_S - 1, True))
    assert press.deadline is None
    assert press.handle(Tick(), Instant(1000.0, 0)) == []


def test_one_that_is_believed_and_chatters_is_reported_once_and_goes_on() -> None:
    press = Press({}, believing=True)
    many = CHATTER + 10
    assert feed(press, *presses(many)) == [
        *[Pressed("flat-1")] * (CHATTER + 1), Stuck("flat-1"), *[Pressed("flat-1")] * (many - CHATTER - 1),
    ]  # fmt: skip
    last = 1.0 + (many - 1) * 1.5 + 0.2
    assert press.handle(Tick(), Instant(last + LOCKOUT_S, 0)) == []
    assert press.deadline == last + STILL_S
    assert press.handle(Tick(), Instant(last + STILL_S, 0)) == [Unstuck("flat-1")]
    assert press.deadline is None
    assert feed(press, *presses(CHATTER, begin=300.0)) == [Pressed("flat-1")] * CHATTER, "as if nothing had been"


def test_who_hammers_at_the_button_in_a_hurry_is_no_chatter() -> None:
    assert feed(Press({}), *presses(60, every_s=0.3)) == [Pressed("flat-1")] * 60


def test_twenty_visitors_in_a_minute_whom_somebody_saw_to_are_twenty_visitors() -> None:
    press = Press({})
    for number in range(3 * CHATTER):
        assert feed(press, *presses(1, begin=1.0 + 1.5 * number)) == [Pressed("flat-1")]
        press.attended()


def test_a_button_that_is_pressed_often_all_day_does_not_chatter() -> None:
    every_s = CHATTER_S / CHATTER + 0.01
    assert feed(Press({}), *presses(500, every_s=every_s)) == [Pressed("flat-1")] * 500


def test_buttons_do_not_disturb_each_other() -> None:
    press = Press({})
    now = Instant(1.0, 1.0)
    both = press.handle(Edge("flat-1", True, 1.0), now) + press.handle(Edge("flat-2", True, 1.0), now)
    assert both == [Pressed("flat-1"), Pressed("flat-2")]


@given(st.lists(st.floats(0.0001, LOCKOUT_S * 0.9), max_size=40))
def test_no_burst_of_bounce_makes_two_presses(gaps: list[float]) -> None:
    at, edges = 1.0, [(1.0, True)]
    for index, gap in enumerate(gaps):
        at += gap
        edges.append((at, index % 2 == 1))
    assert feed(Press({}), *edges) == [Pressed("flat-1")]
