"""From bouncing contacts to presses.

A press is reported at its leading edge, so bounce costs the visitor nothing; whatever the contact does within
`LOCKOUT_S` after its last change is bounce. A contact that stays closed is reported once as held, where that means
something, and after `STUCK_S` as stuck. So is one that chatters, since it is wet or loose: it would ring without end.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from device.core.events import Edge, Event, Held, Instant, Pressed, Stuck, Unstuck

LOCKOUT_S = 0.05
"""Contacts of door buttons settle within 5 to 20 ms; a finger cannot press twice in 50."""

STUCK_S = 30.0
"""Nobody holds a door button for half a minute; ice and vandals do."""


CHATTER, CHATTER_S = 20, 60.0
"""More presses than this within this time are no finger's, unless somebody came in between. Those within a second of
another are one: somebody who is in a hurry, or a child, makes twenty in no time, and stops.
"""

STILL_S = 10.0
"""A contact that chattered is believed again when it was open for so long: whoever comes after somebody who hammered at
it is not left with nothing.
"""


@dataclass(slots=True)
class _Contact:
    closed: bool = False  # as last seen, bouncing
    down: bool = False  # as reported
    down_at: float = 0.0
    held: bool = False
    settled_at: float | None = None  # when an open contact counts as released
    released_at: float | None = None  # when it counted as that last
    held_at: float | None = None
    stuck_at: float | None = None
    stuck: bool = False
    chatters: bool = False
    still_at: float | None = None  # when one that chatters, and is believed all the same, counts as still
    pressed_at: deque[float] = field(default_factory=lambda: deque(maxlen=CHATTER + 1))  # a second apart, at least


class Press:
    """Debounces every button of the panel; `long_press_s` says after how long which button counts as held.

    `believing`: each press counts, also of one that chatters and is reported as stuck. For the way out: who hammers at
    an exit button is in a hurry, and not to be shut in; but of a wet one, which opens again and again, somebody should
    hear.
    """

    def __init__(self, long_press_s: Mapping[str, float], *, believing: bool = False) -> None:
        self._long_press_s = long_press_s
        self._believing = believing
        self._contacts: dict[str, _Contact] = {}

    def handle(self, event: Event, now: Instant) -> list[Event]:
        if isinstance(event, Edge):
            return self._settle(event.at) + self._edge(event)
        return self._settle(now.mono)

    def attended(self) -> None:
        """Somebody saw to the visitor: what was pressed before does not count as chatter."""
        for contact in self._contacts.values():
            contact.pressed_at.clear()

    @property
    def deadline(self) -> float | None:
        times = [
            at
            for contact in self._contacts.values()
            for at in (contact.settled_at, contact.held_at, contact.stuck_at, contact.still_at)
        ]
        return min((at for at in times if at is not None), default=None)

    def _edge(self, edge: Edge) -> list[Event]:
        contact = self._contacts.setdefault(edge.button, _Contact())
        contact.closed = edge.pressed
        if not edge.pressed:
            contact.held_at = None
            doubted = contact.chatters and not self._believing
            contact.settled_at = edge.at + (STILL_S if doubted else LOCKOUT_S) if contact.down else None
            contact.still_at = edge.at + STILL_S if contact.chatters and self._believing else None
            return []
        contact.settled_at = contact.still_at = None
        if not contact.stuck and contact.stuck_at is None:
            contact.stuck_at = edge.at + STUCK_S
        fresh = not contact.down
        if fresh and contact.released_at is not None and edge.at < contact.released_at:
            contact.down, fresh = True, False  # bounce that we heard of late: it was not released yet
        if fresh:
            contact.down, contact.down_at, contact.held = True, edge.at, False
            if _chatters(contact, edge.at) and not contact.chatters:
                contact.chatters = contact.stuck = True
                contact.stuck_at = None
                return [Pressed(edge.button), Stuck(edge.button)] if self._believing else [Stuck(edge.button)]
        after_s = self._long_press_s.get(edge.button)
        if after_s is not None and not contact.held and not contact.chatters:
            contact.held_at = contact.down_at + after_s
        return [Pressed(edge.button)] if fresh else []

    def _settle(self, now: float) -> list[Event]:
        events: list[Event] = []
        for button, contact in self._contacts.items():
            if contact.settled_at is not None and contact.settled_at <= now:
                contact.released_at, contact.settled_at = contact.settled_at, None
                contact.down, contact.stuck_at = False, None
                if not (contact.chatters and self._believing):
                    events += _freed(button, contact)
            if contact.still_at is not None and contact.still_at <= now:
                contact.still_at = None
                events += _freed(button, contact)
            if contact.held_at is not None and contact.held_at <= now:
                contact.held_at = None
                contact.held = True
                events.append(Held(button))
            if contact.stuck_at is not None and contact.stuck_at <= now:
                contact.stuck_at = None
                contact.stuck = True
                events.append(Stuck(button))
        return events


def _freed(button: str, contact: _Contact) -> list[Event]:
    """It was let go, or came to rest."""
    was_stuck, contact.stuck = contact.stuck, False
    if contact.chatters:
        contact.chatters = False
        contact.pressed_at.clear()
    return [Unstuck(button)] if was_stuck else []


def _chatters(contact: _Contact, at: float) -> bool:
    """Remember a press, and whether there were too many in too short a time."""
    pressed = contact.pressed_at
    if pressed and at - pressed[-1] < 1.0:
        return False
    pressed.append(at)
    return len(pressed) > CHATTER and at - pressed[0] <= CHATTER_S
