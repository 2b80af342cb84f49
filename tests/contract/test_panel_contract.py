"""The panel's contract, on the fake and on gpiozero with simulated pins; then what only real pins can show."""

import queue
import threading
import time
from collections.abc import Iterator
from unittest import mock

import pytest

from device.adapters.gpio import MAX_STRIKE_S, GpiozeroPanel, PanelWiring, StrikeLine
from device.core.events import Edge, Event, HardwareFault, StrikeLowered, StrikeReleased
from device.errors import HardwareError
from tests.fakes.panel import FakePanel
from tests.harness.processes import SCALE

OPEN_S = 0.15

WIRING = PanelWiring(
    pins="mock",
    buttons={"flat-1": 17, "flat-2": 5},
    doors={"main": StrikeLine(27, OPEN_S), "gate": StrikeLine(23, OPEN_S)},
    lamp=22,
)


class Inbox:
    """What was posted, from whatever thread."""

    def __init__(self) -> None:
        self._events: queue.Queue[Event] = queue.Queue()

    def post(self, event: Event) -> None:
        self._events.put(event)

    def next(self) -> Event:
        return self._events.get(timeout=5 * SCALE)

    @property
    def empty(self) -> bool:
        return self._events.empty()


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def gpio(inbox: Inbox) -> Iterator[GpiozeroPanel]:
    panel = GpiozeroPanel(WIRING, inbox.post)
    panel.open()
    yield panel
    panel.close()


@pytest.fixture(params=["fake", "gpiozero"])
def panel(request: pytest.FixtureRequest, inbox: Inbox) -> Iterator[FakePanel | GpiozeroPanel]:
    made = (
        FakePanel(set(WIRING.buttons), set(WIRING.doors), inbox.post)
        if request.param == "fake"
        else GpiozeroPanel(WIRING, inbox.post)
    )
    made.open()
    yield made
    made.close()


def let_time_pass(panel: FakePanel | GpiozeroPanel, door: str) -> None:
    """On simulated pins it passes by itself."""
    if isinstance(panel, FakePanel):
        panel.lower(door)


def test_every_edge_is_reported(panel: FakePanel | GpiozeroPanel, inbox: Inbox) -> None:
    for pressed in (True, False, True, False):
        panel.press_edge("flat-2", pressed)
        edge = inbox.next()
        assert isinstance(edge, Edge)
        assert (edge.button, edge.pressed) == ("flat-2", pressed)
    assert inbox.empty


def test_a_strike_is_released_and_lowered(panel: FakePanel | GpiozeroPanel, inbox: Inbox) -> None:
    panel.release_strike("main", OPEN_S)
    assert inbox.next() == StrikeReleased("main")
    let_time_pass(panel, "main")
    assert inbox.next() == StrikeLowered("main")
    panel.release_strike("main", OPEN_S)
    assert inbox.next() == StrikeReleased("main")


def test_asked_twice_it_is_lowered_once(panel: FakePanel | GpiozeroPanel, inbox: Inbox) -> None:
    panel.release_strike("main", OPEN_S)
    panel.release_strike("main", OPEN_S)
    assert [inbox.next(), inbox.next()] == [StrikeReleased("main")] * 2
    let_time_pass(panel, "main")
    assert inbox.next() == StrikeLowered("main")
    assert inbox.empty


def test_doors_are_independent(panel: FakePanel | GpiozeroPanel, inbox: Inbox) -> None:
    panel.release_strike("main", OPEN_S)
    assert inbox.next() == StrikeReleased("main")
    panel.release_strike("gate", OPEN_S)
    assert inbox.next() == StrikeReleased("gate")
    let_time_pass(panel, "main")
    assert inbox.next() == StrikeLowered("main")
    let_time_pass(panel, "gate")
    assert inbox.next() == StrikeLowered("gate")


def test_an_unknown_door_is_refused(panel: FakePanel | GpiozeroPanel, inbox: Inbox) -> None:
    with pytest.raises(HardwareError, match="cellar"):
        panel.release_strike("cellar", OPEN_S)
    assert inbox.empty


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_senseless_time_is_refused(panel: FakePanel | GpiozeroPanel, inbox: Inbox, seconds: float) -> None:
    with pytest.raises(HardwareError):
        panel.release_strike("main", seconds)
    assert inbox.empty


def test_closing_lowers_and_may_be_repeated(panel: FakePanel | GpiozeroPanel, inbox: Inbox) -> None:
    panel.release_strike("main", OPEN_S)
    assert inbox.next() == StrikeReleased("main")
    panel.close()
    panel.close()
    assert inbox.next() == StrikeLowered("main")
    assert inbox.empty


def test_every_lamp_pattern_can_be_asked_for(panel: FakePanel | GpiozeroPanel) -> None:
    panel.lamp("on")
    panel.lamp("ringing")
    panel.lamp("failed")
    panel.lamp("off")


# What only pins can show


def test_an_edge_carries_its_time_on_the_monotonic_clock(gpio: GpiozeroPanel, inbox: Inbox) -> None:
    before = time.monotonic()
    gpio.press_edge("flat-1", True)
    edge = inbox.next()
    assert isinstance(edge, Edge)
    assert before <= edge.at <= time.monotonic()


def test_the_strike_is_high_for_its_time_and_low_again(gpio: GpiozeroPanel, inbox: Inbox) -> None:
    assert gpio.levels()["door.main"] is False
    gpio.release_strike("main", OPEN_S)
    inbox.next()
    assert gpio.levels()["door.main"] is True
    assert gpio.levels()["door.gate"] is False
    inbox.next()
    assert gpio.levels()["door.main"] is False
    (up, rose), (down, fell) = gpio.transitions("main")
    assert (up, down) == (True, False)
    assert fell - rose == pytest.approx(OPEN_S, abs=0.1 * SCALE)


def test_no_request_opens_for_longer_than_the_door_allows(gpio: GpiozeroPanel, inbox: Inbox) -> None:
    gpio.release_strike("main", 3600.0)
    inbox.next()
    assert inbox.next() == StrikeLowered("main")
    (_, rose), (_, fell) = gpio.transitions("main")
    assert fell - rose < OPEN_S + 0.2 * SCALE


def test_no_configuration_opens_for_longer_than_the_hard_bound(inbox: Inbox) -> None:
    wiring = PanelWiring("mock", {}, {"main": StrikeLine(27, 3600.0)})
    panel = GpiozeroPanel(wiring, inbox.post)
    panel.open()
    waited: list[float | None] = []

    def wait(_: threading.Event, timeout: float | None = None) -> bool:
        waited.append(timeout)
        return False

    with mock.patch.object(threading.Event, "wait", wait):
        panel.release_strike("main", 3600.0)
        assert [inbox.next(), inbox.next()] == [StrikeReleased("main"), StrikeLowered("main")]
    panel.close()
    assert MAX_STRIKE_S in waited
    assert 3600.0 not in waited


def test_a_second_request_does_not_extend_the_first(gpio: GpiozeroPanel, inbox: Inbox) -> None:
    gpio.release_strike("main", OPEN_S)
    inbox.next()
    threading.Event().wait(OPEN_S / 2)
    gpio.release_strike("main", OPEN_S)
    inbox.next()
    assert inbox.next() == StrikeLowered("main")
    (_, rose), (_, fell) = gpio.transitions("main")
    assert fell - rose < OPEN_S * 1.4 + 0.1 * (SCALE - 1)


def test_a_strike_is_lowered_although_reporting_it_fails() -> None:
    lowered = threading.Event()

    def post(event: Event) -> None:
        if event == StrikeReleased("main"):
            raise RuntimeError("the event loop is closed")
        if event == StrikeLowered("main"):
            lowered.set()

    panel = GpiozeroPanel(WIRING, post)
    panel.open()
    panel.release_strike("main", OPEN_S)
    assert lowered.wait(5 * SCALE)
    assert panel.levels()["door.main"] is False
    panel.close()


def test_a_pin_that_fails_is_a_fault_of_the_strike(gpio: GpiozeroPanel, inbox: Inbox) -> None:
    with mock.patch("gpiozero.DigitalOutputDevice.on", side_effect=OSError("the line is gone")):
        gpio.release_strike("main", OPEN_S)
        fault = inbox.next()
    assert isinstance(fault, HardwareFault)
    assert fault.what == "strike"
    assert "main" in fault.detail
    assert inbox.next() == StrikeLowered("main")


def test_the_lamp_blinks_and_stops(gpio: GpiozeroPanel) -> None:
    gpio.lamp("on")
    assert gpio.levels()["lamp"] is True
    gpio.lamp("failed")
    seen: set[bool] = set()
    deadline = time.monotonic() + 5 * SCALE
    while seen != {True, False} and time.monotonic() < deadline:
        seen.add(gpio.levels()["lamp"])
        threading.Event().wait(0.01)
    assert seen == {True, False}
    gpio.lamp("off")
    assert gpio.levels()["lamp"] is False


def test_a_pressed_button_reads_low(gpio: GpiozeroPanel) -> None:
    assert gpio.levels()["button.flat-1"] is True
    gpio.press_edge("flat-1", True)
    assert gpio.levels()["button.flat-1"] is False


def test_a_line_that_is_taken_is_named(inbox: Inbox) -> None:
    wiring = PanelWiring("mock", {"flat-1": 27}, {"main": StrikeLine(27, OPEN_S)})
    panel = GpiozeroPanel(wiring, inbox.post)
    with pytest.raises(HardwareError, match=r"button\.flat-1: GPIO 27"):
        panel.open()
    panel.close()


def test_a_missing_gpio_library_is_a_hardware_error(inbox: Inbox) -> None:
    with mock.patch.dict("sys.modules", {"gpiozero.pins.lgpio": None}):
        panel = GpiozeroPanel(PanelWiring("lgpio", {"flat-1": 17}, {}), inbox.post)
        with pytest.raises(HardwareError, match="gpio"):
            panel.open()


def test_panels_do_not_share_pins(gpio: GpiozeroPanel, inbox: Inbox) -> None:
    other = GpiozeroPanel(WIRING, inbox.post)
    other.open()
    other.press_edge("flat-1", True)
    assert gpio.levels()["button.flat-1"] is True
    other.close()
