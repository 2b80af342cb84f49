"""What the operator's tool and the server say to each other (protocol section 3; section 8, rules 12 and 16)."""

from typing import Annotated, cast

from msgspec import Meta, Struct

from protocol.codec import MESSAGE_LIMIT, decode_union
from protocol.ids import Id, Positive
from protocol.messages import Count, ErrorMessage, Jws, Message


class Publish(Message, frozen=True, tag="publish"):
    jws: Jws


class PublishKey(Message, frozen=True, tag="publish-key"):
    """A successor of the roster key, which the server keeps, passes on, and verifies rosters with from then on."""

    jws: Jws


class StatusRequest(Message, frozen=True, tag="status"):
    pass


class Published(Message, frozen=True, tag="published"):
    device: Id
    serial: Positive


class KeyPublished(Message, frozen=True, tag="key-published"):
    sequence: Positive


class DeviceStatus(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`serial` of the roster the server has; `accepted` is the device's own last confirmation, a JWS."""

    device: Id
    online: bool
    serial: Positive | None
    accepted: Jws | None


class AnswererStatus(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    answerer: Id
    sessions: Count


class Status(Message, frozen=True, tag="status"):
    devices: Annotated[list[DeviceStatus], Meta(max_length=64)]
    answerers: Annotated[list[AnswererStatus], Meta(max_length=1024)]


class AcceptedMessage(Message, frozen=True, tag="accepted"):
    """A device's confirmation, passed on (section 8, rule 12)."""

    jws: Jws


FromOperator = Publish | PublishKey | StatusRequest
ToOperator = Published | KeyPublished | Status | AcceptedMessage | ErrorMessage


def parse_from_operator(text: str | bytes) -> FromOperator:
    return cast("FromOperator", decode_union(text, FromOperator, MESSAGE_LIMIT))


def parse_to_operator(text: str | bytes) -> ToOperator:
    return cast("ToOperator", decode_union(text, ToOperator, MESSAGE_LIMIT))
