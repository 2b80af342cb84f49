"""Inputs: exit buttons, contacts and the tamper loop, debounced; presses have a test of their own."""

from hypothesis import given
from hypothesis import strategies as st

from device.core.events import (
    ContactEdge,
    ContactIs,
    Edge,
    Event,
    ExitEdge,
    ExitPressed,
    Held,
    Instant,
    Pressed,
    Stuck,
    TamperEdge,
    TamperIs,
    Tick,
    Unstuck,
)
from device.core.inputs import Inputs
from device.core.press import LOCKOUT_S, STUCK_S
from device.core.rules import PanelRules
from device.core.settle import SETTLE_S


def at(mono: float) -> Instant:
    return Instant(mono, mono)


def feed(inputs: Inputs, *events: ContactEdge | TamperEdge | ExitEdge | Edge) -> list[Event]:
    return [out for event in events for out in inputs.handle(event, at(event.at))]


def test_an_exit_button_is_debounced_like_a_bell_and_is_none() -> None:
    inputs = Inputs(PanelRules())
    bounces = [ExitEdge("main", i % 2 == 0, 1.0 + i * 0.002) for i in range(9)]
    assert feed(inputs, *bounces) == [ExitPressed("main")]


def test_an_exit_button_that_sticks_releases_once_and_is_a_fault() -> None:
    inputs = Inputs(PanelRules())
    feed(inputs, ExitEdge("main", True, 1.0))
    assert inputs.handle(Tick(), at(1.0 + STUCK_S)) == [Stuck("exit.main")]
    feed(inputs, ExitEdge("main", False, 60.0))
    assert inputs.handle(Tick(), at(60.0 + LOCKOUT_S)) == [Unstuck("exit.main")]


def test_an_exit_button_that_is_found_held_opens_nothing_is_stuck_in_due_time_and_works_once_it_was_let_go() -> None:
    inputs = Inputs(PanelRules())
    found = [ExitEdge("main", True, 1.0, found=True), ExitEdge("main", False, 1.01), ExitEdge("main", True, 1.02)]
    assert feed(inputs, *found) == [], "nor does its bounce"
    assert inputs.handle(Tick(), at(1.02 + STUCK_S)) == [Stuck("exit.main")]
    feed(inputs, ExitEdge("main", False, 60.0))
    assert inputs.handle(Tick(), at(60.0 + LOCKOUT_S)) == [Unstuck("exit.main")]
    assert feed(inputs, ExitEdge("main", True, 70.0)) == [ExitPressed("main")]


def test_nobody_who_hammers_at_an_exit_button_is_shut_in_but_somebody_hears_of_it() -> None:
    inputs = Inputs(PanelRules())
    edges = [
        ExitEdge("main", closed, 1.0 + i * 1.5 + gap) for i in range(60) for gap, closed in ((0, True), (0.2, False))
    ]
    events = feed(inputs, *edges)
    assert events.count(ExitPressed("main")) == 60
    assert events.count(Stuck("exit.main")) == len(events) - 60 == 1


def test_a_bell_button_that_is_found_held_was_pressed() -> None:
    inputs = Inputs(PanelRules())
    assert feed(inputs, Edge("flat-1", True, 1.0)) == [Pressed("flat-1")]
    assert feed(inputs, Edge("flat-2", False, 1.0)) == []
    assert inputs.handle(Tick(), at(1.0 + STUCK_S)) == [Stuck("flat-1")]


def test_a_level_counts_once_it_has_settled() -> None:
    inputs = Inputs(PanelRules())
    assert feed(inputs, ContactEdge("main", False, 1.0)) == []
    assert inputs.deadline == 1.0 + SETTLE_S
    assert inputs.handle(Tick(), at(1.0 + SETTLE_S)) == [ContactIs("main", False)]
    assert inputs.deadline is None


def test_a_leaf_that_rattles_is_reported_by_what_it_comes_to() -> None:
    inputs = Inputs(PanelRules())
    feed(inputs, ContactEdge("main", False, 0.0))
    inputs.handle(Tick(), at(1.0))
    rattle = [ContactEdge("main", i % 2 == 0, 2.0 + i * 0.05) for i in range(20)]
    assert feed(inputs, *rattle) == []
    assert inputs.handle(Tick(), at(4.0)) == [], "it is as it was"


def test_contacts_and_tamper_loop_are_told_apart() -> None:
    inputs = Inputs(PanelRules())
    feed(inputs, ContactEdge("main", True, 1.0), ContactEdge("tamper", True, 1.0), TamperEdge(False, 1.0))
    settled = inputs.handle(Tick(), at(2.0))
    assert settled == [ContactIs("main", True), ContactIs("tamper", True), TamperIs(False)]


@given(st.lists(st.tuples(st.floats(0.0001, 0.3), st.booleans()), max_size=60))
def test_what_is_believed_is_what_was_there_for_the_whole_time(steps: list[tuple[float, bool]]) -> None:
    """Ticks come when they were asked for. Nothing is reported twice, and each report was true for SETTLE_S."""
    inputs = Inputs(PanelRules())
    now, level, since, believed = 1.0, False, 1.0, None
    feed(inputs, TamperEdge(False, now))
    for gap, to in [*steps, (1.0, level)]:
        end = now + gap
        while inputs.deadline is not None and inputs.deadline <= end:
            now = inputs.deadline
            for event in inputs.handle(Tick(), at(now)):
                assert event == TamperIs(level)
                assert now - since >= SETTLE_S * 0.999
                assert believed is not level
                believed = level
        now = end
        if to is not level:
            level, since = to, now
        assert feed(inputs, TamperEdge(to, now)) == []


# The long press


LONG = PanelRules(long_press_s={"flat-1": 1.5})


def test_a_long_press_is_a_press_first_and_held_later() -> None:
    inputs = Inputs(LONG)
    assert feed(inputs, Edge("flat-1", True, 1.0)) == [Pressed("flat-1")]
    assert inputs.deadline == 2.5
    assert inputs.handle(Tick(), at(2.5)) == [Held("flat-1")]
    assert inputs.handle(Tick(), at(3.0)) == [], "once"


def test_letting_go_in_time_is_no_long_press() -> None:
    inputs = Inputs(LONG)
    feed(inputs, Edge("flat-1", True, 1.0), Edge("flat-1", False, 2.0))
    assert inputs.handle(Tick(), at(9.0)) == []


def test_bounce_does_not_begin_the_time_anew() -> None:
    inputs = Inputs(LONG)
    feed(inputs, Edge("flat-1", True, 1.0), Edge("flat-1", False, 1.4), Edge("flat-1", True, 1.42))
    assert inputs.handle(Tick(), at(2.5)) == [Held("flat-1")]


def test_a_button_without_a_long_press_is_never_held() -> None:
    inputs = Inputs(LONG)
    feed(inputs, Edge("flat-2", True, 1.0))
    assert inputs.handle(Tick(), at(10.0)) == []
