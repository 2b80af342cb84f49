"""Everything that is wired to an input, debounced: bell buttons, exit buttons, door contacts and the tamper loop."""

from device.core.events import (
    ContactEdge,
    ContactIs,
    Edge,
    Event,
    ExitEdge,
    ExitPressed,
    Instant,
    Pressed,
    Stuck,
    TamperEdge,
    TamperIs,
    Unstuck,
)
from device.core.press import Press
from device.core.rules import PanelRules
from device.core.settle import Settle

TAMPER = "tamper"
CONTACT = "contact."

RawEdge = Edge | ExitEdge | ContactEdge | TamperEdge


class Inputs:
    """`handle` takes raw edges and ticks, and returns what they mean."""

    def __init__(self, rules: PanelRules) -> None:
        self._bells = Press(rules.long_press_s)
        self._exits = Press({}, believing=True)
        self._levels: Settle[str] = Settle()

    def handle(self, event: Event, now: Instant) -> list[Event]:
        """Each input by its own clock: an edge says when it was, however late it is heard of."""
        match event:
            case Edge():
                return self._bells.handle(event, now)
            case ExitEdge(door, pressed, at, found):
                events = self._exit_events(Edge(door, pressed, at), now)
                # Held down before we were there to see it: glue or a short more often than a hand, and no start of the
                # daemon opens a door. It is stuck in due time, and free, and works again, once it was let go.
                return [event for event in events if not (found and event == ExitPressed(door))]
            case ContactEdge(door, is_open, at):
                self._levels.edge(CONTACT + door, is_open, at)
            case TamperEdge(broken, at):
                self._levels.edge(TAMPER, broken, at)
            case _:
                return [*self._bells.handle(event, now), *self._exit_events(event, now), *self._settled(now)]
        return self._settled(now)

    def attended(self) -> None:
        """Somebody saw to whoever is at the door."""
        self._bells.attended()

    @property
    def deadline(self) -> float | None:
        times = [self._bells.deadline, self._exits.deadline, self._levels.deadline]
        return min((at for at in times if at is not None), default=None)

    def _exit_events(self, event: Event, now: Instant) -> list[Event]:
        events: list[Event] = []
        for found in self._exits.handle(event, now):
            match found:
                case Pressed(door):
                    events.append(ExitPressed(door))
                case Stuck(door):
                    events.append(Stuck(f"exit.{door}"))
                case Unstuck(door):
                    events.append(Unstuck(f"exit.{door}"))
        return events

    def _settled(self, now: Instant) -> list[Event]:
        return [
            TamperIs(level) if name == TAMPER else ContactIs(name.removeprefix(CONTACT), level)
            for name, level in self._levels.settled(now.mono)
        ]
