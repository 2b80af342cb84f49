"""What has happened: past facts, posted to the inbox by adapters and effects. Frozen; times are monotonic seconds."""

from dataclasses import dataclass, field

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
    """A button's contact changed at monotonic time `at`, or is read for the first time; raw, bouncing."""

    button: str
    pressed: bool
    at: float


@dataclass(frozen=True, slots=True)
class ExitEdge:
    """The exit button of `door` changed; raw, bouncing. `found`: it is read for the first time, whenever it changed."""

    door: str
    pressed: bool
    at: float
    found: bool = False


@dataclass(frozen=True, slots=True)
class ContactEdge:
    """The contact of `door` changed, or is read for the first time; raw, bouncing. A cut wire reads as open."""

    door: str
    open: bool
    at: float


@dataclass(frozen=True, slots=True)
class TamperEdge:
    """The tamper loop changed, or is read for the first time; raw, bouncing. A cut wire reads as broken."""

    broken: bool
    at: float


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """One of `0123456789*#` on the keypad, debounced by the scan; it is not shown, since it is part of a code."""

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StrikeReleased:
    door: str


@dataclass(frozen=True, slots=True)
class StrikeLowered:
    door: str


@dataclass(frozen=True, slots=True)
class StrikeFailed:
    """The strike of `door` was to be released and was not: the door is as shut as before."""

    door: str
    detail: str


@dataclass(frozen=True, slots=True)
class StrikeStuck:
    """The strike of `door` could not be lowered: the door may be open. StrikeLowered follows if it is after all."""

    door: str
    detail: str


@dataclass(frozen=True, slots=True)
class HardwareFault:
    """`what` is one of camera, microphone, loudspeaker, buttons, keypad, codes (their file); lamp is only logged."""

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
class Held:
    """Still pressed after the time that makes a long press; `Pressed` was reported when it began."""

    button: str


@dataclass(frozen=True, slots=True)
class Stuck:
    button: str


@dataclass(frozen=True, slots=True)
class Unstuck:
    button: str


# The door and its surroundings, settled


@dataclass(frozen=True, slots=True)
class ExitPressed:
    """Somebody inside wants out through `door`."""

    door: str


@dataclass(frozen=True, slots=True)
class ContactIs:
    door: str
    open: bool


@dataclass(frozen=True, slots=True)
class TamperIs:
    broken: bool


# The keypad


@dataclass(frozen=True, slots=True)
class Typing:
    """A code is being entered, or no longer."""

    on: bool


@dataclass(frozen=True, slots=True)
class CodeJudged:
    """Whose code it was that was typed; None: nobody's."""

    name: str | None


@dataclass(frozen=True, slots=True)
class CodeAccepted:
    """The code called `name` was typed at `door`."""

    door: str
    name: str


@dataclass(frozen=True, slots=True)
class CodeRefused:
    """Nobody's code was typed, or no more are taken for now."""


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
    """Both hellos were exchanged: this answerer can be shown, heard and obeyed.

    `plain`: the page is of an earlier make, which knows nothing of contacts and alarms (protocol section 5).
    """

    link: str
    answerer: str
    plain: bool = False


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
class SoundStarted:
    """From now on tones are heard, but for what HardwareFault says of the loudspeaker. Posted once."""


@dataclass(frozen=True, slots=True)
class Warned:
    """A fault that is not a piece of hardware: storage, clock, certificate, codes, guesses (of codes)."""

    what: str
    on: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A deadline has come."""


Hardware = (
    Edge
    | ExitEdge
    | ContactEdge
    | TamperEdge
    | KeyPressed
    | StrikeReleased
    | StrikeLowered
    | StrikeFailed
    | StrikeStuck
    | HardwareFault
    | HardwareBack
)
Event = (
    Hardware
    | Pressed
    | Held
    | Stuck
    | Unstuck
    | ExitPressed
    | ContactIs
    | TamperIs
    | Typing
    | CodeJudged
    | CodeAccepted
    | CodeRefused
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
    | SoundStarted
    | Warned
    | Tick
)
