"""The panel beside the door, through gpiozero: buttons, lamp and strikes.

Buttons are wired to ground (active low, internal pull-up) and reported raw: gpiozero's `bounce_time` means another
thing with every pin driver, so debouncing is the core's. This is the only module that imports gpiozero.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import gpiozero
from gpiozero.pins.mock import MockFactory, MockPin

from device.core.events import Edge, Event, HardwareFault, StrikeLowered, StrikeReleased
from device.errors import HardwareError
from device.ports import LampPattern

MAX_STRIKE_S = 30.0
"""No strike stays energised longer, whatever is asked: coils burn, and a forgotten door is an open door."""

MOCK_BOARD_REVISION = "c03114"
"""What the mock pins pretend to be: a Raspberry Pi 4 Model B, which has the 40-pin header."""

BLINK_S: Mapping[LampPattern, float] = {"ringing": 0.5, "failed": 0.12}
"""Half a period: calm while it rings, hectic when nobody could be reached."""


@dataclass(frozen=True, slots=True)
class StrikeLine:
    """A strike's output and the longest time it may be high, in seconds; at most MAX_STRIKE_S."""

    pin_bcm: int
    open_s: float


@dataclass(frozen=True, slots=True)
class PanelWiring:
    """Which line is what, in BCM numbers. `lamp` None: there is no lamp."""

    pins: Literal["lgpio", "mock"]
    buttons: Mapping[str, int]
    doors: Mapping[str, StrikeLine]
    lamp: int | None = None


class GpiozeroPanel:
    """`device.ports.Panel` on real pins ("lgpio") or simulated ones ("mock").

    `post` is called from gpiozero's threads and from the strikes' own; it must be thread-safe.
    """

    def __init__(self, wiring: PanelWiring, post: Callable[[Event], None]) -> None:
        self._wiring = wiring
        self._post = post
        self._factory: Any = None  # gpiozero carries no types
        self._buttons: dict[str, Any] = {}
        self._strikes: dict[str, _Strike] = {}
        self._lamp: Any = None

    def open(self) -> None:
        """Claim every line, strikes low first. HardwareError names the line that could not be had."""
        wiring = self._wiring
        claiming = "gpio"
        try:
            self._factory = _pin_factory(wiring.pins)
            for door, line in wiring.doors.items():
                claiming = f"door.{door}: GPIO {line.pin_bcm}"
                output = gpiozero.DigitalOutputDevice(line.pin_bcm, initial_value=False, pin_factory=self._factory)
                self._strikes[door] = _Strike(door, output, min(line.open_s, MAX_STRIKE_S), self._post)
            if wiring.lamp is not None:
                claiming = f"lamp: GPIO {wiring.lamp}"
                self._lamp = gpiozero.LED(wiring.lamp, pin_factory=self._factory)
            for button, pin_bcm in wiring.buttons.items():
                claiming = f"button.{button}: GPIO {pin_bcm}"
                self._buttons[button] = self._claim_button(button, pin_bcm)
        except Exception as error:  # gpiozero, lgpio and the kernel share no base class
            self.close()
            raise HardwareError(
                f"{claiming}: {error}; check the wiring table, and that no other program holds the line"
            ) from error

    def lamp(self, pattern: LampPattern) -> None:
        """Show `pattern` from now on; nothing happens where there is no lamp."""
        if self._lamp is None:
            return
        match pattern:
            case "off":
                self._lamp.off()
            case "on":
                self._lamp.on()
            case _:
                self._lamp.blink(BLINK_S[pattern], BLINK_S[pattern], background=True)

    def release_strike(self, door: str, seconds: float) -> None:
        """Energise the strike of `door` for `seconds`, at most its configured time.

        Posts StrikeReleased when the line is high and StrikeLowered when it is low again. Asked while the
        strike is open, the first request's end stands: StrikeReleased is posted at once, and no second
        StrikeLowered follows. HardwareError if there is no such door or the time is not positive.
        """
        strike = self._strikes.get(door)
        if strike is None:
            raise HardwareError(f"door {door}: no open strike of that name; see [door.*] in the configuration")
        if not (math.isfinite(seconds) and seconds > 0):
            raise HardwareError(f"door {door}: cannot open for {seconds} s; give a positive time")
        strike.release(seconds)

    def close(self) -> None:
        """Lower every strike, put the lamp out, give the lines back. Twice is once."""
        for strike in self._strikes.values():
            strike.close()
        self._strikes = {}
        for device in (self._lamp, *self._buttons.values()):
            if device is not None:
                device.close()
        self._lamp, self._buttons = None, {}
        if self._factory is not None:
            self._factory.close()
            self._factory = None

    # Simulation and support

    def levels(self) -> dict[str, bool]:
        """Every line's electrical level, read back: `button.ID`, `door.ID`, `lamp`. A pressed button is low."""
        lines = {f"button.{button}": pin for button, pin in self._wiring.buttons.items()}
        lines |= {f"door.{door}": line.pin_bcm for door, line in self._wiring.doors.items()}
        if self._wiring.lamp is not None:
            lines["lamp"] = self._wiring.lamp
        return {name: bool(self._pin(pin_bcm).state) for name, pin_bcm in lines.items()}

    def press_edge(self, button: str, pressed: bool) -> None:
        """Pull the simulated button's line low, or let it go. HardwareError on real pins."""
        if self._wiring.pins != "mock":
            raise HardwareError(f"button {button}: only simulated pins can be driven; press the real button")
        if button not in self._buttons:
            raise HardwareError(f"button {button}: no open button of that name; see [button.*]")
        pin = self._pin(self._wiring.buttons[button])
        if pressed:
            pin.drive_low()
        else:
            pin.drive_high()

    def transitions(self, door: str) -> tuple[tuple[bool, float], ...]:
        """The last level changes of a simulated strike: (high, monotonic seconds), oldest first."""
        pin = self._pin(self._wiring.doors[door].pin_bcm)
        return tuple(pin.changes) if isinstance(pin, _RecordingPin) else ()

    def _pin(self, pin_bcm: int) -> Any:
        if self._factory is None:
            raise HardwareError("gpio: the panel is not open")
        return self._factory.pin(pin_bcm)

    def _claim_button(self, button: str, pin_bcm: int) -> Any:
        device = gpiozero.DigitalInputDevice(pin_bcm, pull_up=True, pin_factory=self._factory)
        device.when_activated = lambda: self._post(Edge(button, True, time.monotonic()))
        device.when_deactivated = lambda: self._post(Edge(button, False, time.monotonic()))
        return device


class _Strike:
    """One strike: at most one release at a time, each on a thread of its own that always lowers the line."""

    def __init__(self, door: str, output: Any, bound_s: float, post: Callable[[Event], None]) -> None:
        self._door = door
        self._output = output
        self._bound_s = bound_s
        self._post = post
        self._lock = threading.Lock()
        self._lower_now = threading.Event()
        self._thread: threading.Thread | None = None

    def release(self, seconds: float) -> None:
        with self._lock:
            busy = self._thread is not None
            if not busy and not self._lower_now.is_set():
                self._thread = threading.Thread(
                    target=self._one_shot, args=(min(seconds, self._bound_s),), name=f"strike-{self._door}"
                )
                self._thread.start()
        if busy:
            self._post(StrikeReleased(self._door))

    def close(self) -> None:
        self._lower_now.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=2.0)
        self._output.off()
        self._output.close()

    def _one_shot(self, seconds: float) -> None:
        try:
            self._output.on()
            self._post(StrikeReleased(self._door))
            self._lower_now.wait(seconds)
        except Exception as error:  # noqa: BLE001 - whatever a pin driver raises is a fault of the strike
            self._post(HardwareFault("strike", f"door {self._door}: {error}"))
        finally:
            self._lower()

    def _lower(self) -> None:
        try:
            self._output.off()
        except Exception as error:
            self._post(HardwareFault("strike", f"door {self._door}: could not be lowered: {error}"))
            raise
        finally:
            with self._lock:
                self._thread = None
        self._post(StrikeLowered(self._door))


class _RecordingPin(MockPin):  # type: ignore[misc]  # gpiozero carries no types
    """A mock pin that remembers its last changes, and only those: the parent's list has no bound."""

    def __init__(self, factory: Any, info: Any) -> None:
        self.changes: deque[tuple[bool, float]] = deque(maxlen=64)
        self.states: list[Any] = []
        super().__init__(factory, info)

    def _change_state(self, value: Any) -> Any:
        changed = super()._change_state(value)
        if changed:
            self.changes.append((bool(value), time.monotonic()))
            self.states = self.states[-2:]
        return changed


def _pin_factory(pins: Literal["lgpio", "mock"]) -> Any:
    if pins == "mock":
        return MockFactory(revision=MOCK_BOARD_REVISION, pin_class=_RecordingPin)
    # lgpio starts a thread and makes a FIFO in the working directory as soon as it is imported.
    from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415 - only where it is used

    return LGPIOFactory()
