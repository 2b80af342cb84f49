"""Every message of the protocol (sections 3 to 5), as tagged structs; unions say who may send what to whom."""

from typing import Annotated, Literal, cast

from msgspec import UNSET, Meta, Struct, UnsetType

from protocol.candidates import Candidate
from protocol.codec import CONTROL_LIMIT, MESSAGE_LIMIT, decode_union
from protocol.ids import CallId, Id, Positive, Token

Sdp = Annotated[str, Meta(max_length=32 * 1024)]
Jws = Annotated[str, Meta(max_length=12 * 1024)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Text = Annotated[str, Meta(max_length=256)]

Reason = Literal["bye", "replaced", "full", "fingerprint", "proof", "roster", "hello", "linked", "timeout", "error"]
Outcome = Literal["answered", "missed", "declined", "failed"]
May = Literal["talk", "open", "view"]
Phase = Literal["idle", "ringing", "talking", "busy"]
Fault = Literal[
    "camera", "microphone", "loudspeaker", "buttons", "strike", "clock", "certificate", "storage",
    "offline", "roster", "tamper", "keypad", "left-open", "forced",
]  # fmt: skip
LATER_FAULTS: frozenset[Fault] = frozenset({"tamper", "keypad", "left-open", "forced"})
"""Not in the first make of version 1: a page of that make is not told of them (section 5)."""

Contact = Literal["closed", "open"]
RefusalCode = Literal["not-allowed", "not-now", "answered-elsewhere", "unknown", "too-fast", "fault"]


class Message(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """Something that travels: an object whose `type` says what it is."""


class IceServer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The W3C `RTCIceServer`, with `urls` always a list."""

    urls: Annotated[list[Text], Meta(max_length=8)]
    username: Text | UnsetType = UNSET
    credential: Text | UnsetType = UNSET


IceServerList = Annotated[list[IceServer], Meta(max_length=8)]


class Presence(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One session of one answerer, as the device is told of it."""

    session: Token
    answerer: Id


class DeviceOnline(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    device: Id
    online: bool


# Both directions, every channel


class RosterMessage(Message, frozen=True, tag="roster"):
    jws: Jws


class RosterKeyMessage(Message, frozen=True, tag="roster-key"):
    """A successor of the roster key (section 8, rule 16); always sent before the rosters that it signed."""

    jws: Jws


class ErrorMessage(Message, frozen=True, tag="error"):
    code: Text
    message: Text


# Device and server


class DeviceWelcome(Message, frozen=True, tag="welcome"):
    ice_servers: IceServerList
    roster: Jws | None
    answerers: Annotated[list[Presence], Meta(max_length=1024)]
    time: Positive


class Arrived(Message, frozen=True, tag="arrived"):
    session: Token
    answerer: Id


class Left(Message, frozen=True, tag="left"):
    session: Token


class IceServers(Message, frozen=True, tag="ice-servers"):
    ice_servers: IceServerList


class Offer(Message, frozen=True, tag="offer"):
    session: Token
    link: Token
    sdp: Sdp


class Answer(Message, frozen=True, tag="answer"):
    session: Token
    link: Token
    sdp: Sdp
    proof: Jws


class Close(Message, frozen=True, tag="close"):
    session: Token
    link: Token
    reason: Reason


class DeviceCandidate(Message, frozen=True, tag="candidate"):
    session: Token
    link: Token
    candidate: Candidate | None


class Ring(Message, frozen=True, tag="ring"):
    call: CallId
    button: Id
    answerers: Annotated[list[Id], Meta(max_length=64)]


class RingEnded(Message, frozen=True, tag="ring-ended"):
    call: CallId


class RosterAccepted(Message, frozen=True, tag="roster-accepted"):
    jws: Jws


ToDevice = (
    DeviceWelcome
    | Arrived
    | Left
    | RosterMessage
    | RosterKeyMessage
    | IceServers
    | Answer
    | Close
    | DeviceCandidate
    | ErrorMessage
)
FromDevice = Offer | Close | Ring | RingEnded | DeviceCandidate | RosterAccepted

# Answerer and server


class Challenge(Message, frozen=True, tag="challenge"):
    nonce: Token
    site: Id


class LoginMessage(Message, frozen=True, tag="login"):
    jws: Jws


class AnswererWelcome(Message, frozen=True, tag="welcome"):
    session: Token
    ice_servers: IceServerList
    rosters: Annotated[list[Jws], Meta(max_length=64)]
    devices: Annotated[list[DeviceOnline], Meta(max_length=64)]
    push_key: Text | None


class DevicePresence(Message, frozen=True, tag="device"):
    device: Id
    online: bool


class AnswererOffer(Message, frozen=True, tag="offer"):
    device: Id
    link: Token
    sdp: Sdp


class AnswererAnswer(Message, frozen=True, tag="answer"):
    device: Id
    link: Token
    sdp: Sdp
    proof: Jws


class AnswererCandidate(Message, frozen=True, tag="candidate"):
    device: Id
    link: Token
    candidate: Candidate | None


class AnswererClose(Message, frozen=True, tag="close"):
    device: Id
    link: Token
    reason: Reason


class PushKeys(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a push is encrypted for (RFC 8291): an uncompressed point of P-256 and 16 bytes, base64url."""

    p256dh: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{87}\Z")]
    auth: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{22}\Z")]


class Subscription(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where and how a browser is woken, as its `PushSubscription` has it."""

    endpoint: Annotated[str, Meta(max_length=1024, pattern=r"\Ahttps://[!-~]+\Z")]
    keys: PushKeys


class PushSubscribe(Message, frozen=True, tag="push-subscribe"):
    subscription: Subscription


class PushUnsubscribe(Message, frozen=True, tag="push-unsubscribe"):
    pass


ToAnswerer = (
    Challenge
    | AnswererWelcome
    | AnswererOffer
    | DevicePresence
    | RosterMessage
    | RosterKeyMessage
    | AnswererCandidate
    | AnswererClose
    | ErrorMessage
)
FromAnswerer = LoginMessage | AnswererAnswer | AnswererCandidate | AnswererClose | PushSubscribe | PushUnsubscribe

# The control channel of a link


class Hello(Message, frozen=True, tag="hello"):
    """The first message of each end (section 8, rule 8): every member is compared."""

    v: Literal[1]
    link: Token
    site: Id
    device: Id
    answerer: Id
    serial: Positive


class DoorState(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`contact` only where the door has one, for those who may open it, on pages that know it."""

    open_until: Positive | None
    contact: Contact | UnsetType = UNSET


class You(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    may: list[May]


class State(Message, frozen=True, tag="state"):
    """Everything this link may know of the door; sent whole after every change.

    `watching`: others of this person's household who see the picture now; left out where there is nobody, and for pages
    that do not know it.
    """

    phase: Phase
    call: CallId | None
    button: Id | None
    since: Positive
    answered_by: Id | None
    video: bool
    audio: bool
    doors: dict[Id, DoorState]
    you: You
    faults: list[Fault]
    watching: list[Id] | UnsetType = UNSET


class Done(Message, frozen=True, tag="done"):
    id: Positive


class Refused(Message, frozen=True, tag="refused"):
    id: Positive
    code: RefusalCode
    message: Text


class LinkClose(Message, frozen=True, tag="close"):
    reason: Reason


class Ping(Message, frozen=True, tag="ping"):
    id: Positive


class AnswerCall(Message, frozen=True, tag="answer"):
    id: Positive
    call: CallId


class Decline(Message, frozen=True, tag="decline"):
    id: Positive
    call: CallId


class HangUp(Message, frozen=True, tag="hang-up"):
    id: Positive
    call: CallId


class OpenDoor(Message, frozen=True, tag="open-door"):
    id: Positive
    door: Id
    call: CallId


class View(Message, frozen=True, tag="view"):
    id: Positive
    on: bool


class AskHistory(Message, frozen=True, tag="history"):
    id: Positive


class AskSnapshot(Message, frozen=True, tag="snapshot"):
    id: Positive
    call: CallId


class PastCall(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One call that rang whom it is told; `at` is when, and `snapshot` whether there is a picture of it."""

    call: CallId
    button: Id
    at: Positive
    outcome: Outcome
    answered_by: Id | None
    snapshot: bool


class History(Message, frozen=True, tag="history"):
    id: Positive
    calls: Annotated[list[PastCall], Meta(max_length=100)]


class Snapshot(Message, frozen=True, tag="snapshot"):
    """`size` bytes of JPEG follow, in binary messages of at most 16 KiB."""

    id: Positive
    size: Positive


Command = AnswerCall | Decline | HangUp | OpenDoor | View | AskHistory | AskSnapshot | Ping
ToDoor = Hello | Command | Done | RosterMessage | RosterKeyMessage | LinkClose
FromDoor = Hello | State | Done | Refused | History | Snapshot | RosterMessage | RosterKeyMessage | LinkClose | Ping


# Text in, checked message out. PeerError for an unknown `type` or a member of the wrong shape.


def parse_to_device(text: str | bytes) -> ToDevice:
    return cast("ToDevice", decode_union(text, ToDevice, MESSAGE_LIMIT))


def parse_from_device(text: str | bytes) -> FromDevice:
    return cast("FromDevice", decode_union(text, FromDevice, MESSAGE_LIMIT))


def parse_to_answerer(text: str | bytes) -> ToAnswerer:
    return cast("ToAnswerer", decode_union(text, ToAnswerer, MESSAGE_LIMIT))


def parse_from_answerer(text: str | bytes) -> FromAnswerer:
    return cast("FromAnswerer", decode_union(text, FromAnswerer, MESSAGE_LIMIT))


def parse_to_door(text: str | bytes) -> ToDoor:
    return cast("ToDoor", decode_union(text, ToDoor, CONTROL_LIMIT))
