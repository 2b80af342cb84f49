"""A panel that does what the test says."""

from collections.abc import Callable

from device.core.events import Edge, Event, StrikeLowered, StrikeReleased
from device.errors import HardwareError
from device.ports import LampPattern


class FakePanel:
    """`device.ports.Panel` whose time passes when `lower` is called."""

    def __init__(self, buttons: set[str], doors: set[str], post: Callable[[Event], None]) -> None:
        self._buttons = buttons
        self._doors = doors
        self._post = post
        self.opened = False
        self.pattern: LampPattern = "off"
        self.released: dict[str, float] = {}

    def open(self) -> None:
        self.opened = True

    def lamp(self, pattern: LampPattern) -> None:
        self.pattern = pattern

    def release_strike(self, door: str, seconds: float) -> None:
        if not self.opened or door not in self._doors or not seconds > 0:
            raise HardwareError(f"door {door}: cannot be opened for {seconds} s")
        self.released.setdefault(door, seconds)
        self._post(StrikeReleased(door))

    def close(self) -> None:
        for door in tuple(self.released):
            self.lower(door)
        self.opened = False

    def lower(self, door: str) -> None:
        """The strike's time is over."""
        if self.released.pop(door, None) is not None:
            self._post(StrikeLowered(door))

    def press_edge(self, button: str, pressed: bool) -> None:
        if button not in self._buttons:
            raise HardwareError(f"button {button}: there is none of that name")
        self._post(Edge(button, pressed, 0.0))
