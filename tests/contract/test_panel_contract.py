"""The panel's contract, on the fake and on gpiozero with simulated pins; then what only real pins can show."""

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from typing import get_args
from unittest import mock

import gpiozero
import pytest

from device.adapters.gpio import MAX_STRIKE_S, GpiozeroPanel, KeypadLines, LampLines, PanelWiring, StrikeLine
from device.adapters.gpio.keypad import MatrixKeypad
from device.adapters.gpio.pins import RecordingPin
from device.core.events import (
    ContactEdge,
    Edge,
    Event,
    ExitEdge,
    HardwareFault,
    KeyPressed,
    StrikeFailed,
    StrikeLowered,
    StrikeReleased,
    StrikeStuck,
    TamperEdge,
)
from device.errors import HardwareError
from device.ports import LampPattern
from tests.fakes.panel import FakePanel
from tests.harness.processes import SCALE

OPEN_S = 0.15

WIRING = PanelWiring(
    pins="mock",
    buttons={"flat-1": 17, "flat-2": 5},
    doors={"main": StrikeLine(27, OPEN_S), "gate": StrikeLine(23, OPEN_S)},
    lamp=LampLines(22, second_bcm=24),
    exits={"main": 12},
    contacts={"main": 16, "gate": 26},
    tamper=25,
    keypad=KeypadLines([9, 10, 11, 13], [4, 7, 8]),
)


class Inbox:
    """What was posted, from whatever thread."""

    def __init__(self) -> None:
        self._events: queue.Queue[Event] = queue.Queue()

    def post(self, event: Event) -> None:
        self._events.put(event)

    def next(self) -> Event:
        return self._events.get(timeout=5 * SCALE)

    def next_of(self, *kinds: type) -> Event:
        """The next one of these kinds; what a panel says of its contacts when it is opened comes before."""
        while True:
            event = self.next()
            if isinstance(event, kinds):
                return event

    def clear(self) -> None:
        while not self.empty:
            self._events.get()

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
    inbox.clear()
    yield panel
    panel.close()


@pytest.fixture(params=["fake", "gpiozero"])
def panel(request: pytest.FixtureRequest, inbox: Inbox) -> Iterator[FakePanel | GpiozeroPanel]:
    make = FakePanel if request.param == "fake" else GpiozeroPanel
    made = make(WIRING, inbox.post)
    made.open()
    inbox.clear()
    yield made
    made.close()


def let_time_pass(panel: FakePanel | GpiozeroPanel, door: str) -> None:
    """On simulated pins it passes by itself."""
    if isinstance(panel, FakePanel):
        panel.lower(door)


@contextlib.contextmanager
def out_of_order(panel: FakePanel | GpiozeroPanel, what: str) -> Iterator[None]:
    """Outputs cannot be raised (`dead`), or lowered (`jammed`), while inside."""
    if isinstance(panel, FakePanel):
        setattr(panel, what, True)
        yield
        setattr(panel, what, False)
        return
    verb = "on" if what == "dead" else "off"
    with mock.patch(f"gpiozero.DigitalOutputDevice.{verb}", side_effect=OSError("the line is gone")):
        yield


def let_keys_settle(panel: FakePanel | GpiozeroPanel) -> None:
    """Until the scan has looked four times more, or is over: what it was going to report, it has reported."""
    if isinstance(panel, FakePanel):
        return
    rows = [panel._pin(pin) for pin in (9, 10, 11, 13)]
    scans: list[None] = []
    real = MatrixKeypad._scan

    def counting(keypad: MatrixKeypad) -> frozenset[str]:
        seen = real(keypad)
        scans.append(None)
        return seen

    deadline = time.monotonic() + 5 * SCALE
    with mock.patch.object(MatrixKeypad, "_scan", counting):
        while len(scans) < 4 and not all(row.function == "output" for row in rows):
            assert time.monotonic() < deadline, "the scan goes on"
            threading.Event().wait(0.002)


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
    for door in ("main", "gate"):
        panel.release_strike(door, OPEN_S)
    for door in ("main", "gate"):
        let_time_pass(panel, door)
    # On a busy machine the one may be shut before the other is open.
    said = [inbox.next() for _ in range(4)]
    for door in ("main", "gate"):
        released, lowered = StrikeReleased(door), StrikeLowered(door)
        assert [event for event in said if event in (released, lowered)] == [released, lowered]


def test_a_strike_that_cannot_be_raised_says_which_and_works_when_it_can(
    panel: FakePanel | GpiozeroPanel, inbox: Inbox
) -> None:
    with out_of_order(panel, "dead"):
        panel.release_strike("main", OPEN_S)
        failed = inbox.next()
        assert inbox.next() == StrikeLowered("main")
    assert isinstance(failed, StrikeFailed)
    assert failed.door == "main"
    assert "main" in failed.detail
    panel.release_strike("main", OPEN_S)
    assert inbox.next() == StrikeReleased("main")


def test_a_strike_that_cannot_be_lowered_says_which_and_is_lowered_when_it_can(
    panel: FakePanel | GpiozeroPanel, inbox: Inbox
) -> None:
    with out_of_order(panel, "jammed"):
        panel.release_strike("main", OPEN_S)
        assert inbox.next() == StrikeReleased("main")
        let_time_pass(panel, "main")
        stuck = inbox.next()
        assert isinstance(stuck, StrikeStuck)
        assert stuck.door == "main"
        panel.release_strike("main", OPEN_S)
        assert inbox.next() == StrikeReleased("main"), "it is up"
    let_time_pass(panel, "main")
    assert inbox.next() == StrikeLowered("main")
    assert inbox.empty


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


@pytest.mark.parametrize("pattern", get_args(LampPattern))
def test_every_lamp_pattern_can_be_asked_for(panel: FakePanel | GpiozeroPanel, pattern: LampPattern) -> None:
    panel.lamp(pattern)
    panel.lamp("off")


@contextlib.contextmanager
def held(panel: FakePanel | GpiozeroPanel, *lines: str) -> Iterator[None]:
    """These inputs are closed while the panel is opened inside."""
    if isinstance(panel, FakePanel):
        panel.held = set(lines)
        yield
        panel.held = set()
        return
    pins = {f"GPIO{number}" for name, number in WIRING.lines().items() if name in lines}
    real = RecordingPin._set_pull

    def pull(pin: RecordingPin, value: str) -> None:
        real(pin, value)
        if pin.info.name in pins:
            pin.drive_low()  # a finger is stronger than a pull-up

    with mock.patch.object(RecordingPin, "_set_pull", pull):
        yield


def opened_anew(panel: FakePanel | GpiozeroPanel, inbox: Inbox, *lines: str) -> list[Event]:
    """What a panel says when it is opened while `lines` are closed."""
    panel.close()
    inbox.clear()
    with held(panel, *lines):
        panel.open()
    seen = [inbox.next() for _ in range(6)]
    assert inbox.empty, "each input once"
    return seen


def test_contacts_and_tamper_loop_are_reported_as_they_are_when_the_panel_is_opened(
    panel: FakePanel | GpiozeroPanel, inbox: Inbox
) -> None:
    seen = opened_anew(panel, inbox)
    contacts = {event.door: event.open for event in seen if isinstance(event, ContactEdge)}
    assert contacts == {"main": True, "gate": True}, "a line that nothing pulls down is a cut wire"
    assert [event.broken for event in seen if isinstance(event, TamperEdge)] == [True]


def test_who_holds_a_button_down_while_the_panel_is_opened_is_noticed(
    panel: FakePanel | GpiozeroPanel, inbox: Inbox
) -> None:
    seen = opened_anew(panel, inbox, "button.flat-2")
    assert {edge.button: edge.pressed for edge in seen if isinstance(edge, Edge)} == {"flat-1": False, "flat-2": True}
    panel.press_edge("flat-2", False)
    edge = inbox.next()
    assert isinstance(edge, Edge)
    assert (edge.button, edge.pressed) == ("flat-2", False)


def test_an_exit_button_that_is_held_while_the_panel_is_opened_was_found_so_and_not_pressed(
    panel: FakePanel | GpiozeroPanel, inbox: Inbox
) -> None:
    seen = opened_anew(panel, inbox, "exit.main")
    assert [(edge.pressed, edge.found) for edge in seen if isinstance(edge, ExitEdge)] == [(True, True)]
    for pressed in (False, True):
        panel.drive("exit.main", pressed)
        edge = inbox.next()
        assert isinstance(edge, ExitEdge)
        assert (edge.pressed, edge.found) == (pressed, False)


def test_an_exit_button_is_reported_for_its_door(panel: FakePanel | GpiozeroPanel, inbox: Inbox) -> None:
    for pressed in (True, False):
        panel.drive("exit.main", pressed)
        edge = inbox.next()
        assert isinstance(edge, ExitEdge)
        assert (edge.door, edge.pressed) == ("main", pressed)
    assert inbox.empty


def test_a_contact_and_the_tamper_loop_are_closed_when_low(panel: FakePanel | GpiozeroPanel, inbox: Inbox) -> None:
    panel.drive("contact.gate", closed=True)
    panel.drive("tamper", closed=True)
    contact, tamper = inbox.next(), inbox.next()
    assert isinstance(contact, ContactEdge)
    assert isinstance(tamper, TamperEdge)
    assert (contact.door, contact.open, tamper.broken) == ("gate", False, False)
    panel.drive("tamper", closed=False)
    broken = inbox.next()
    assert isinstance(broken, TamperEdge)
    assert broken.broken


@pytest.mark.parametrize("key", list("123456789*0#"))
def test_each_key_is_reported_once_however_long_it_is_held(
    panel: FakePanel | GpiozeroPanel, inbox: Inbox, key: str
) -> None:
    panel.press_key(key, pressed=True)
    assert inbox.next() == KeyPressed(key)
    let_keys_settle(panel)
    panel.press_key(key, pressed=False)
    let_keys_settle(panel)
    assert inbox.empty
    panel.press_key(key, pressed=True)
    assert inbox.next() == KeyPressed(key)


def test_a_second_key_while_one_is_down_is_none(panel: FakePanel | GpiozeroPanel, inbox: Inbox) -> None:
    panel.press_key("5", pressed=True)
    assert inbox.next() == KeyPressed("5")
    panel.press_key("9", pressed=True)
    let_keys_settle(panel)
    panel.press_key("5", pressed=False)
    let_keys_settle(panel)
    panel.press_key("9", pressed=False)
    let_keys_settle(panel)
    assert inbox.empty


@pytest.mark.parametrize("line", ["exit.gate", "button.flat-9", "door.main", "lamp"])
def test_only_inputs_can_be_driven(panel: FakePanel | GpiozeroPanel, line: str) -> None:
    with pytest.raises(HardwareError, match=line):
        panel.drive(line, closed=True)


# What only pins can show


def test_a_line_that_another_program_holds_keeps_the_levels_of_all_others_untold(
    gpio: GpiozeroPanel, inbox: Inbox
) -> None:
    """Until all are ours none is watched: what was told of one that was given back might not be so any more."""
    gpio.close()
    inbox.clear()
    with (
        held(gpio, "button.flat-1"),
        mock.patch.object(GpiozeroPanel, "_open_keypad", side_effect=OSError("busy")),
        pytest.raises(HardwareError, match="busy"),
    ):
        gpio.open()
    assert inbox.empty


def test_a_level_that_changes_between_being_read_and_being_told_is_told_again(
    gpio: GpiozeroPanel, inbox: Inbox
) -> None:
    real = gpiozero.DigitalInputDevice.is_active
    let_go: list[None] = []

    def is_active(device: gpiozero.DigitalInputDevice) -> bool:
        active = bool(real.fget(device))
        if active and device.when_activated is not None and not let_go:
            let_go.append(None)
            device.pin.drive_high()  # its edge is told before the level that was read
        return active

    gpio.close()
    inbox.clear()
    with held(gpio, "button.flat-1"), mock.patch.object(gpiozero.DigitalInputDevice, "is_active", property(is_active)):
        gpio.open()
    told = [event.pressed for event in (inbox.next() for _ in range(8)) if event.__class__ is Edge]
    assert inbox.empty
    assert told == [False, True, False, False], "the edge, the level that was read, what it is, and flat-2"


def test_an_edge_carries_its_time_on_the_monotonic_clock(gpio: GpiozeroPanel, inbox: Inbox) -> None:
    before = time.monotonic()
    gpio.press_edge("flat-1", True)
    edge = inbox.next()
    assert isinstance(edge, Edge)
    assert before <= edge.at <= time.monotonic()


def test_an_edge_carries_the_time_that_the_pin_driver_gives_it_however_late_it_is_told(
    gpio: GpiozeroPanel, inbox: Inbox
) -> None:
    happened = time.monotonic() - 3.0
    pin = gpio._pin(gpio._wiring.buttons["flat-1"])
    for state, pressed in ((False, True), (True, False)):
        pin.when_changed(happened, state)  # as lgpio's thread does, with the kernel's time of the event
        edge = inbox.next()
        assert isinstance(edge, Edge)
        assert edge.pressed == pressed
        assert happened <= edge.at < happened + 1.0


@pytest.mark.parametrize("off_s", [-1_700_000_000.0, 1_700_000_000.0])
def test_an_edge_on_another_clock_happened_now(gpio: GpiozeroPanel, inbox: Inbox, off_s: float) -> None:
    before = time.monotonic()
    gpio._pin(gpio._wiring.buttons["flat-1"]).when_changed(before + off_s, False)
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


def test_a_line_that_answers_to_nothing_is_tried_to_be_lowered_and_is_not_said_to_be_released(
    gpio: GpiozeroPanel, inbox: Inbox
) -> None:
    with out_of_order(gpio, "dead"), out_of_order(gpio, "jammed"):
        gpio.release_strike("main", OPEN_S)
        assert [type(inbox.next()) for _ in range(2)] == [StrikeFailed, StrikeStuck]
        gpio.release_strike("main", OPEN_S)
        assert isinstance(inbox.next(), StrikeFailed)
    assert inbox.next() == StrikeLowered("main")


def test_a_stuck_strike_is_lowered_although_nobody_can_be_told() -> None:
    lowered = threading.Event()

    def post(event: Event) -> None:
        match event:
            case StrikeStuck():
                raise RuntimeError("the event loop is closed")
            case StrikeLowered():
                lowered.set()

    panel = GpiozeroPanel(WIRING, post)
    panel.open()
    tries = iter([OSError("busy"), OSError("busy")])
    real = gpiozero.DigitalOutputDevice.off

    def off(device: gpiozero.DigitalOutputDevice) -> None:
        if device.value and (error := next(tries, None)) is not None:
            raise error
        real(device)

    with mock.patch("gpiozero.DigitalOutputDevice.off", off):
        panel.release_strike("main", OPEN_S)
        assert lowered.wait(5 * SCALE)
    assert panel.levels()["door.main"] is False
    panel.close()


def test_a_strike_that_cannot_be_lowered_at_the_end_keeps_no_other_up(gpio: GpiozeroPanel, inbox: Inbox) -> None:
    gpio.release_strike("main", OPEN_S)
    gpio.release_strike("gate", OPEN_S)
    pins = {door: gpio._pin(pin) for door, pin in (("main", 27), ("gate", 23))}
    real = gpiozero.DigitalOutputDevice.off

    def off(device: gpiozero.DigitalOutputDevice) -> None:
        if device.pin is pins["main"]:
            raise OSError("the line is gone")
        real(device)

    with mock.patch("gpiozero.DigitalOutputDevice.off", off):
        gpio.close()
    assert pins["gate"].changes[-1][0] is False
    said = [inbox.next() for _ in range(4)]
    assert StrikeLowered("gate") in said
    assert StrikeLowered("main") not in said


def wait_for_level(gpio: GpiozeroPanel, line: str, level: bool) -> None:
    deadline = time.monotonic() + 5 * SCALE
    while gpio.levels()[line] is not level:
        assert time.monotonic() < deadline, f"{line} is not {level}"
        threading.Event().wait(0.005)


def test_the_lamp_blinks_and_stops(gpio: GpiozeroPanel) -> None:
    gpio.lamp("watched")
    wait_for_level(gpio, "lamp", True)
    gpio.lamp("failed")
    for level in (True, False, True, False):
        wait_for_level(gpio, "lamp", level)
    gpio.lamp("off")
    wait_for_level(gpio, "lamp", False)


def test_the_second_lamp_says_speak_and_come_in_and_nothing_else(gpio: GpiozeroPanel) -> None:
    gpio.lamp("talking")
    wait_for_level(gpio, "lamp.second", True)
    gpio.lamp("released")
    for level in (False, True, False):
        wait_for_level(gpio, "lamp.second", level)
    gpio.lamp("ringing")
    wait_for_level(gpio, "lamp.second", False)
    wait_for_level(gpio, "lamp", True)
    assert gpio.levels()["lamp.second"] is False


def test_a_lamp_that_fails_is_said_so_and_the_door_goes_on(gpio: GpiozeroPanel, inbox: Inbox) -> None:
    with mock.patch("gpiozero.DigitalOutputDevice.on", side_effect=OSError("the line is gone")):
        gpio.lamp("watched")
        fault = inbox.next()
    assert isinstance(fault, HardwareFault)
    assert fault.what == "lamp"
    gpio.release_strike("main", OPEN_S)
    assert inbox.next() == StrikeReleased("main")


def test_a_keypad_that_fails_is_said_so(gpio: GpiozeroPanel, inbox: Inbox) -> None:
    with mock.patch("gpiozero.pins.mock.MockPin._set_function", side_effect=OSError("the line is gone")):
        gpio.press_key("1", pressed=True)
        fault = inbox.next()
    assert isinstance(fault, HardwareFault)
    assert fault.what == "keypad"


def test_no_two_rows_of_the_keypad_are_driven_at_once_while_it_is_scanned(gpio: GpiozeroPanel, inbox: Inbox) -> None:
    rows = [gpio._pin(pin) for pin in (9, 10, 11, 13)]
    driven: list[int] = []
    real = RecordingPin._get_state

    def watch(pin: RecordingPin) -> bool:
        if pin not in rows and threading.current_thread().name == "keypad":
            driven.append(sum(row.function == "output" for row in rows))
        return real(pin)

    with mock.patch.object(RecordingPin, "_get_state", watch):
        gpio.press_key("8", pressed=True)
        assert inbox.next() == KeyPressed("8")
        scanning = list(driven)
    assert scanning
    assert set(scanning) <= {1, 4}, "one row, or all of them at rest"
    assert scanning.count(1) > 12


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
