"""The panel beside the door: buttons, contacts, keypad, lamps and strikes, as gpiozero devices.

Inputs are reported raw: gpiozero's `bounce_time` means another thing with every pin driver, so debouncing is the
core's.
"""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gpiozero
import structlog

from device.adapters.gpio.keypad import MatrixKeypad
from device.adapters.gpio.lamp import Lamp
from device.adapters.gpio.pins import RecordingPin, pin_factory
from device.adapters.gpio.rhythm import DARK, FIRST, SECOND
from device.adapters.gpio.strike import Strike
from device.adapters.gpio.wiring import KEYS, KeypadLines, PanelWiring
from device.core.events import ContactEdge, Edge, Event, ExitEdge, TamperEdge
from device.errors import HardwareError
from device.ports import LampPattern

log = structlog.get_logger()

LATE_S = 30.0
"""As late as an edge may be told; longer, and it is the clock that is wrong, not the thread that was waiting."""

RISE_S = 0.01
"""For a pull-up of 50 kΩ, switched on this moment, to raise a line that has a long cable: with 20 nF it takes 2 ms."""

MakeEvent = Callable[[bool, float], Event]
"""From whether the line is low and when it became so (monotonic seconds)."""


class GpiozeroPanel:
    """`device.ports.Panel` on real pins ("lgpio") or simulated ones ("mock").

    `post` is called from gpiozero's threads and from the strikes' own; it must be thread-safe.
    """

    def __init__(self, wiring: PanelWiring, post: Callable[[Event], None]) -> None:
        self._wiring = wiring
        self._post = post
        self._factory: Any = None  # gpiozero carries no types
        self._inputs: dict[str, Any] = {}
        self._found: dict[str, MakeEvent] = {}
        self._strikes: dict[str, Strike] = {}
        self._lamps: dict[str, Lamp] = {}
        self._keypad: MatrixKeypad | None = None
        self._claiming = "gpio"

    def open(self) -> None:
        """Claim every line, strikes low first, and then tell how each input is.

        HardwareError names the line that could not be had.
        """
        wiring = self._wiring
        self._claiming = "gpio"
        try:
            self._factory = pin_factory(wiring.pins)
            for door, line in wiring.doors.items():
                self._strikes[door] = Strike(door, self._output(f"door.{door}", line.pin_bcm), line.open_s, self._post)
            for name, pin_bcm in wiring.lines().items():
                if name in ("lamp", "lamp.second"):
                    self._lamps[name] = Lamp(name, self._output(name, pin_bcm), self._post)
            for button, pin_bcm in wiring.buttons.items():
                self._listen(f"button.{button}", pin_bcm, partial(Edge, button))
            for door, pin_bcm in wiring.exits.items():
                self._listen(f"exit.{door}", pin_bcm, partial(ExitEdge, door), partial(ExitEdge, door, found=True))
            for door, pin_bcm in wiring.contacts.items():
                self._listen(f"contact.{door}", pin_bcm, partial(_contact, door))
            if wiring.tamper is not None:
                self._listen("tamper", wiring.tamper, lambda low, at: TamperEdge(not low, at))
            if wiring.keypad is not None:
                self._keypad = self._open_keypad(wiring.keypad)
            self._claiming = "gpio"
            self._report_levels()
        except Exception as error:  # gpiozero, lgpio and the kernel share no base class
            self.close()
            raise HardwareError(
                f"{self._claiming}: {error}; check the wiring table, and that no other program holds the line"
            ) from error

    def lamp(self, pattern: LampPattern) -> None:
        """Show `pattern` from now on; nothing happens where there is no lamp."""
        if "lamp" in self._lamps:
            self._lamps["lamp"].show(FIRST[pattern])
        if "lamp.second" in self._lamps:
            self._lamps["lamp.second"].show(SECOND.get(pattern, DARK))

    def release_strike(self, door: str, seconds: float) -> None:
        """Energise the strike of `door` for `seconds`, at most its configured time.

        Posts StrikeReleased when the line is high and StrikeLowered when it is low again. Asked while the
        strike is open, the first request's end stands: StrikeReleased is posted at once, and no second
        StrikeLowered follows. StrikeFailed in place of StrikeReleased where the line cannot be raised, and before
        StrikeLowered a StrikeStuck where it cannot be lowered at once: that is tried until it can, or `close`.
        HardwareError if there is no such door or the time is not positive.
        """
        strike = self._strikes.get(door)
        if strike is None:
            raise HardwareError(f"door {door}: no open strike of that name; see [door.*] in the configuration")
        if not (math.isfinite(seconds) and seconds > 0):
            raise HardwareError(f"door {door}: cannot open for {seconds} s; give a positive time")
        strike.release(seconds)

    def close(self) -> None:
        """Lower every strike, put the lamps out, give the lines back. Twice is once."""
        for door, strike in self._strikes.items():
            try:
                strike.close()
            except Exception as error:  # noqa: BLE001 - whatever a pin driver raises: the other doors are to be lowered
                log.critical("strike-not-lowered", door=door, why=str(error))
        if self._keypad is not None:
            self._keypad.close()
        for device in (*self._lamps.values(), *self._inputs.values()):
            device.close()
        self._strikes, self._keypad, self._lamps, self._inputs = {}, None, {}, {}
        if self._factory is not None:
            self._factory.close()
            self._factory = None

    # Simulation and support

    def levels(self) -> dict[str, bool]:
        """Every line's electrical level, read back, by the names of `PanelWiring.lines`. A pressed button is low."""
        return {name: bool(self._pin(pin_bcm).state) for name, pin_bcm in self._wiring.lines().items()}

    def drive(self, line: str, closed: bool) -> None:
        """Close the simulated contact on an input line (`button.ID`, `exit.ID`, `contact.ID`, `tamper`), or open it.

        HardwareError on real pins.
        """
        self._must_be_simulated(line)
        if line not in self._inputs:
            raise HardwareError(f"{line}: no open input of that name; there are: {', '.join(self._inputs)}")
        pin = self._inputs[line].pin
        if closed:
            pin.drive_low()
        else:
            pin.drive_high()

    def press_edge(self, button: str, pressed: bool) -> None:
        """Pull the simulated button's line low, or let it go. HardwareError on real pins."""
        self.drive(f"button.{button}", pressed)

    def press_key(self, key: str, pressed: bool) -> None:
        """Join row and column of a key of the simulated keypad, or part them. HardwareError on real pins."""
        self._must_be_simulated(f"key {key}")
        lines = self._wiring.keypad
        found = [(r, c) for r, row in enumerate(KEYS) for c, name in enumerate(row) if name == key]
        if lines is None or not found:
            raise HardwareError(f"key {key}: there is no such key, or no keypad; see [keypad] in the configuration")
        (row, number) = found[0]
        column = self._pin(lines.columns_bcm[number])
        (column.closed.add if pressed else column.closed.discard)(self._pin(lines.rows_bcm[row]))
        column.settle()

    def transitions(self, door: str) -> tuple[tuple[bool, float], ...]:
        """The last level changes of a simulated strike: (high, monotonic seconds), oldest first."""
        pin = self._pin(self._wiring.doors[door].pin_bcm)
        return tuple(pin.changes) if isinstance(pin, RecordingPin) else ()

    def _must_be_simulated(self, what: str) -> None:
        if self._wiring.pins != "mock":
            raise HardwareError(f"{what}: only simulated pins can be driven; use the real panel")

    def _pin(self, pin_bcm: int) -> Any:
        if self._factory is None:
            raise HardwareError("gpio: the panel is not open")
        return self._factory.pin(pin_bcm)

    # Claiming

    def _output(self, name: str, pin_bcm: int) -> Any:
        self._claiming = f"{name}: GPIO {pin_bcm}"
        return gpiozero.DigitalOutputDevice(pin_bcm, initial_value=False, pin_factory=self._factory)

    def _input(self, name: str, pin_bcm: int) -> Any:
        self._claiming = f"{name}: GPIO {pin_bcm}"
        return gpiozero.DigitalInputDevice(pin_bcm, pull_up=True, pin_factory=self._factory)

    def _listen(self, name: str, pin_bcm: int, event: MakeEvent, found: MakeEvent | None = None) -> None:
        """Each edge carries the time that the kernel gave it: this thread may have its turn much later.

        `found` is what is said of the level that is there when all lines are ours, where that is another thing.
        """
        device = self._inputs[name] = self._input(name, pin_bcm)
        device.when_activated = lambda: self._post(event(True, _began(device.active_time)))
        device.when_deactivated = lambda: self._post(event(False, _began(device.inactive_time)))
        self._found[name] = found or event

    def _report_levels(self) -> None:
        """How every input is now: who holds a button down made no edge that anybody was there to hear.

        Read again after it was said, since the line may have changed in between and its edge been told before.
        """
        time.sleep(RISE_S)
        for name, device in self._inputs.items():
            told: bool | None = None
            while told is not (low := bool(device.is_active)):
                self._post(self._found[name](low, time.monotonic()))
                told = low

    def _open_keypad(self, lines: KeypadLines) -> MatrixKeypad:
        rows: list[Any] = []
        columns: list[Any] = []
        try:
            for number, pin_bcm in enumerate(lines.rows_bcm, 1):
                rows.append(self._output(f"keypad.row-{number}", pin_bcm))
            for number, pin_bcm in enumerate(lines.columns_bcm, 1):
                columns.append(self._input(f"keypad.column-{number}", pin_bcm))
        except Exception:
            for device in (*rows, *columns):
                device.close()
            raise
        return MatrixKeypad(rows, columns, self._post)


def _began(lasting_s: float | None) -> float:
    """When that began which has been so for `lasting_s`, on the monotonic clock.

    A kernel whose edges are on another clock gives nonsense: no visitor is to be left standing for that.
    """
    if lasting_s is None or not 0.0 <= lasting_s <= LATE_S:
        lasting_s = 0.0
    return time.monotonic() - lasting_s


def _contact(door: str, low: bool, at: float) -> ContactEdge:
    """A reed that the magnet of a shut door holds closed."""
    return ContactEdge(door, not low, at)
