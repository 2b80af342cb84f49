"""A panel that does what the test says."""

from collections.abc import Callable

from device.adapters.gpio import PanelWiring
from device.core.events import (
    ContactEdge,
    Edge,
    Event,
    ExitEdge,
    KeyPressed,
    StrikeFailed,
    StrikeLowered,
    StrikeReleased,
    StrikeStuck,
    TamperEdge,
)
from device.errors import HardwareError
from device.ports import LampPattern


class FakePanel:
    """`device.ports.Panel` whose time passes when `lower` is called; of `wiring` it has the names.

    `dead` and `jammed`: no strike can be raised, or lowered; `held`: the inputs that are closed while it is opened.
    """

    def __init__(self, wiring: PanelWiring, post: Callable[[Event], None]) -> None:
        self._wiring = wiring
        self._post = post
        self.opened = self.dead = self.jammed = False
        self.pattern: LampPattern = "off"
        self.released: dict[str, float] = {}
        self.held: set[str] = set()
        self._closed: dict[str, bool] = {}
        self._keys: set[str] = set()

    def open(self) -> None:
        self.opened = True
        self._closed = {
            **{f"button.{button}": False for button in self._wiring.buttons},
            **{f"exit.{door}": False for door in self._wiring.exits},
            **{f"contact.{door}": False for door in self._wiring.contacts},
            **({} if self._wiring.tamper is None else {"tamper": False}),
        }
        for line in self._closed:
            self._closed[line] = line in self.held
            self._say(line, closed=self._closed[line], found=True)

    def lamp(self, pattern: LampPattern) -> None:
        self.pattern = pattern

    def release_strike(self, door: str, seconds: float) -> None:
        if not self.opened or door not in self._wiring.doors or not seconds > 0:
            raise HardwareError(f"door {door}: cannot be opened for {seconds} s")
        if self.dead:
            self._post(StrikeFailed(door, f"door {door}: dead"))
            self._post(StrikeLowered(door))
            return
        self.released.setdefault(door, seconds)
        self._post(StrikeReleased(door))

    def close(self) -> None:
        self.jammed = False
        for door in tuple(self.released):
            self.lower(door)
        self.opened = False

    def lower(self, door: str) -> None:
        """The strike's time is over, or it is tried once more to lower it."""
        if self.jammed:
            self._post(StrikeStuck(door, f"door {door}: jammed"))
            return
        if self.released.pop(door, None) is not None:
            self._post(StrikeLowered(door))

    def press_edge(self, button: str, pressed: bool) -> None:
        self.drive(f"button.{button}", pressed)

    def drive(self, line: str, closed: bool) -> None:
        if line not in self._closed:
            raise HardwareError(f"{line}: there is no input of that name")
        if self._closed[line] != closed:
            self._closed[line] = closed
            self._say(line, closed=closed)

    def press_key(self, key: str, pressed: bool) -> None:
        if self._wiring.keypad is None or key not in "0123456789*#":
            raise HardwareError(f"key {key}: there is no such key")
        if pressed and not self._keys:
            self._post(KeyPressed(key))
        (self._keys.add if pressed else self._keys.discard)(key)

    def _say(self, line: str, *, closed: bool, found: bool = False) -> None:
        kind, _, name = line.partition(".")
        match kind:
            case "button":
                self._post(Edge(name, closed, 0.0))
            case "exit":
                self._post(ExitEdge(name, closed, 0.0, found))
            case "contact":
                self._post(ContactEdge(name, not closed, 0.0))
            case _:
                self._post(TamperEdge(not closed, 0.0))
