"""What the core wants done: imperatives, performed by `device.performer`. Frozen, comparable, free of I/O."""

from dataclasses import dataclass, field
from typing import Literal

from device.ports import LampPattern, ToneName
from protocol.candidates import Candidate
from protocol.messages import FromDevice, FromDoor, IceServer, Outcome
from protocol.roster import SignedRoster


@dataclass(frozen=True, slots=True)
class Tell:
    """Send to the signaling server; nothing happens while it is away."""

    message: FromDevice


@dataclass(frozen=True, slots=True)
class OpenLink:
    link: str
    ice_servers: tuple[IceServer, ...]


@dataclass(frozen=True, slots=True)
class AcceptAnswer:
    link: str
    sdp: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class AddCandidate:
    link: str
    candidate: Candidate | None


@dataclass(frozen=True, slots=True)
class SendControl:
    link: str
    message: FromDoor


@dataclass(frozen=True, slots=True)
class CloseLink:
    link: str


@dataclass(frozen=True, slots=True)
class ShowVideo:
    link: str
    on: bool


@dataclass(frozen=True, slots=True)
class Talk:
    link: str
    on: bool


@dataclass(frozen=True, slots=True)
class Lamp:
    pattern: LampPattern


@dataclass(frozen=True, slots=True)
class Tone:
    name: ToneName | None


@dataclass(frozen=True, slots=True)
class ReleaseStrike:
    door: str
    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the process: what has to be done now, only a fresh one can do. The service manager lowers the strikes then,
    over lines of its own, and starts the daemon anew.
    """

    why: str


@dataclass(frozen=True, slots=True)
class JudgeCode:
    """Find out whose code this is; CodeJudged follows. The digits are shown nowhere."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeepRoster:
    """Keep the roster, and with it what led from the pinned roster key to the one that signed it."""

    signed: SignedRoster
    successions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordCall:
    """A line of the call journal; `at` is whole seconds UTC, `rang` the answerers whom it rang."""

    call: str
    button: str
    at: int
    outcome: Outcome
    answered_by: str | None
    rang: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Take a picture of the visitor in `after_s` seconds, and hold it until `SettleSnapshot`; `at` as in RecordCall."""

    call: str
    button: str
    at: int
    after_s: float


@dataclass(frozen=True, slots=True)
class SettleSnapshot:
    """Keep the call's picture on the card, though it may still have to be taken; or forget it."""

    call: str
    keep: bool


@dataclass(frozen=True, slots=True)
class TellHistory:
    """Answer command `id`: the calls that rang `answerer`."""

    link: str
    id: int
    answerer: str


@dataclass(frozen=True, slots=True)
class SendSnapshot:
    """Answer command `id` with the picture of `call`, if that call rang `answerer`."""

    link: str
    id: int
    answerer: str
    call: str


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the operator's log; never a key, a token, an SDP or a visitor."""

    level: Literal["debug", "info", "warning", "error", "critical"]
    event: str
    fields: dict[str, object] = field(default_factory=dict)


Effect = (
    Tell
    | OpenLink
    | AcceptAnswer
    | AddCandidate
    | SendControl
    | CloseLink
    | ShowVideo
    | Talk
    | Lamp
    | Tone
    | ReleaseStrike
    | GiveUp
    | JudgeCode
    | KeepRoster
    | RecordCall
    | TakeSnapshot
    | SettleSnapshot
    | TellHistory
    | SendSnapshot
    | Note
)
