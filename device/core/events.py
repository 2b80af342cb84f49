"""What has happened: past facts, posted to the inbox by adapters and effects. Frozen; times are monotonic seconds."""

from dataclasses import dataclass

from protocol.messages import Command, DeviceWelcome, ToDevice
from protocol.roster import Roster


@dataclass(frozen=True, slots=True)
class Instant:
    """Now, twice: `mono` for durations, `utc` for what carries a date. Both in seconds.

    `utc` never runs backwards past what was once known (protocol section 8, rule 5).
    """

    mono: float
    utc: float


# Hardware


@dataclass(frozen=True, slots=True)
class Edge:
    """A button's contact changed at monotonic time `at`; raw, bouncing."""

    button: str
    pressed: bool
    at: float


@dataclass(frozen=True, slots=True)
class StrikeReleased:
    door: str


@dataclass(frozen=True, slots=True)
class StrikeLowered:
    door: str


@dataclass(frozen=True, slots=True)
class HardwareFault:
    """`what` is one of camera, microphone, loudspeaker, buttons, strike."""

    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class HardwareBack:
    what: str


# The button, debounced


@dataclass(frozen=True, slots=True)
class Pressed:
    button: str


@dataclass(frozen=True, slots=True)
class Stuck:
    button: str


@dataclass(frozen=True, slots=True)
class Unstuck:
    button: str


# Signaling


@dataclass(frozen=True, slots=True)
class SignalingUp:
    welcome: DeviceWelcome


@dataclass(frozen=True, slots=True)
class SignalingDown:
    why: str


@dataclass(frozen=True, slots=True)
class SignalingSaid:
    message: ToDevice


# Connections, as the transport sees them


@dataclass(frozen=True, slots=True)
class LinkOffered:
    link: str
    sdp: str


@dataclass(frozen=True, slots=True)
class LinkOpened:
    """`control` is open and the peer's certificate is the one the proof named."""

    link: str


@dataclass(frozen=True, slots=True)
class LinkMessage:
    link: str
    text: str


@dataclass(frozen=True, slots=True)
class LinkLost:
    link: str
    why: str


# Links, as the call sees them


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Both hellos were exchanged: this answerer can be shown, heard and obeyed."""

    link: str
    answerer: str


@dataclass(frozen=True, slots=True)
class LinkDown:
    link: str
    answerer: str


@dataclass(frozen=True, slots=True)
class Commanded:
    """A person's command, with its `id` already judged to be the next one."""

    link: str
    command: Command


@dataclass(frozen=True, slots=True)
class RosterChanged:
    """The roster now in force, or None when there is none, or it has expired."""

    roster: Roster | None


@dataclass(frozen=True, slots=True)
class RosterKept:
    """The roster of this digest is on the card: a power cut does not bring an older one back."""

    digest: str


# The machine itself


@dataclass(frozen=True, slots=True)
class Warned:
    """A fault that is not a piece of hardware: storage, clock, certificate."""

    what: str
    on: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A deadline has come."""


Hardware = Edge | StrikeReleased | StrikeLowered | HardwareFault | HardwareBack
Event = (
    Hardware
    | Pressed
    | Stuck
    | Unstuck
    | SignalingUp
    | SignalingDown
    | SignalingSaid
    | LinkOffered
    | LinkOpened
    | LinkMessage
    | LinkLost
    | LinkUp
    | LinkDown
    | Commanded
    | RosterChanged
    | RosterKept
    | Warned
    | Tick
)
