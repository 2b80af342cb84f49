"""What each person is told of the call: the `state` message of protocol section 5, made from phase and surroundings."""

from dataclasses import dataclass, field

from msgspec import UNSET

from device.core.faults import FAULTS
from protocol.messages import LATER_FAULTS, Contact, DoorState, Fault, May, State, You
from protocol.messages import Phase as PhaseName
from protocol.roster import Roster


@dataclass(frozen=True, slots=True)
class Idle:
    """Nobody is at the door; `since` is in whole seconds UTC, here and below."""

    since: int


@dataclass(frozen=True, slots=True)
class Ringing:
    since: int
    call: str
    button: str
    rung: tuple[str, ...]
    declined: frozenset[str]


@dataclass(frozen=True, slots=True)
class Talking:
    since: int
    call: str
    button: str
    rung: tuple[str, ...]
    link: str
    answerer: str
    rang_at: int


Phase = Idle | Ringing | Talking


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody looks in, under a call id of its own, at most `until` (monotonic seconds)."""

    call: str
    until: float


@dataclass(frozen=True, slots=True)
class Picture:
    """What surrounds the call: who is linked, who looks in under which call id, which doors are open until when.

    `plain`: links of pages that know nothing of contacts, alarms and who else is watching.
    """

    roster: Roster | None = None
    links: dict[str, str] = field(default_factory=dict)
    views: dict[str, Look] = field(default_factory=dict)
    doors: dict[str, int] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    faults: frozenset[Fault] = frozenset()
    plain: frozenset[str] = frozenset()
    typing: bool = False

    @property
    def reaches_nobody(self) -> bool:
        """A press would fail now, whoever it is for."""
        return "roster" in self.faults or ("offline" in self.faults and not self.links)

    def rights(self, answerer: str) -> list[May]:
        entry = self.roster.answerers.get(answerer) if self.roster else None
        return list(entry.may) if entry else []

    def rung(self, phase: Phase, answerer: str) -> bool:
        """Whether the ring still waits for this person."""
        return isinstance(phase, Ringing) and self.concerns(phase, answerer) and answerer not in phase.declined

    def concerns(self, phase: Phase, answerer: str) -> bool:
        """Whether this person may know of the call: rung by it, under the roster now in force."""
        if isinstance(phase, Idle) or self.roster is None:
            return False
        return (
            answerer in phase.rung and answerer in self.roster.rung_by(phase.button) and "talk" in self.rights(answerer)
        )

    def shows_video(self, phase: Phase, link: str) -> bool:
        if isinstance(phase, Talking):
            return phase.link == link
        return self.rung(phase, self.links[link]) or link in self.views

    def watching(self, phase: Phase, answerer: str) -> list[str]:
        """Who else of this person's household is sent the picture now. A household is whom one button rings: what
        neighbours do is nobody's business.
        """
        buttons = self.roster.buttons.values() if self.roster else ()
        household = {who for button in buttons if answerer in button.rings for who in button.rings} - {answerer}
        return sorted({who for link, who in self.links.items() if who in household and self.shows_video(phase, link)})


def state_for(phase: Phase, picture: Picture, link: str, doors: set[str]) -> State:
    """The whole state as `link` may see it; whom the call does not concern sees `busy` and nothing of it."""
    answerer = picture.links[link]
    look = picture.views.get(link)
    call: str | None = look.call if look else None
    button: str | None = None
    answered_by: str | None = None
    name: PhaseName = "busy"
    match phase:
        case Idle():
            name = "idle"
        case Ringing() if picture.rung(phase, answerer):
            name, call, button = "ringing", phase.call, phase.button
        case Talking() if picture.concerns(phase, answerer) or link == phase.link:
            name, call, button, answered_by = "talking", phase.call, phase.button, phase.answerer
        case _:
            call = None
    known = picture.roster.doors if picture.roster else {}
    rights = picture.rights(answerer)
    plain = link in picture.plain
    hidden = LATER_FAULTS if plain else frozenset()
    if "open" not in rights:  # whether a door stands open is for those to know who may open it
        hidden |= {"left-open", "forced"}
    contacts = picture.contacts if "open" in rights and not plain else {}
    watching = picture.watching(phase, answerer) if name != "busy" and not plain else []
    return State(
        phase=name,
        call=call,
        button=button,
        since=max(1, phase.since) if name != "busy" else 1,
        answered_by=answered_by,
        video=picture.shows_video(phase, link),
        audio=isinstance(phase, Talking) and phase.link == link,
        doors={
            door: DoorState(open_until=picture.doors.get(door), contact=contacts.get(door, UNSET))
            for door in sorted(known)
            if door in doors
        },
        you=You(may=rights),
        faults=[fault for fault in FAULTS if fault in picture.faults - hidden],
        watching=watching or UNSET,
    )
