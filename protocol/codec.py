"""JSON text to checked values and back: the only way a message enters or leaves.

Stricter than a JSON library by itself: duplicate and unknown members, NaN, lone surrogates and oversized or
deeply nested documents are refused, so that no two implementations can read one text differently.
"""

import json
from typing import Any, NoReturn, TypeVar

import msgspec

from protocol.errors import PeerError, one_line

MESSAGE_LIMIT = 64 * 1024
"""Bytes of a signaling message (protocol section 3)."""

CONTROL_LIMIT = 16 * 1024
"""Bytes of a message on the control channel (protocol section 6)."""

T = TypeVar("T")


def encode(message: object) -> str:
    """`message` as compact JSON text."""
    return msgspec.json.encode(message).decode()


def decode(text: str | bytes, kind: type[T], limit: int = MESSAGE_LIMIT) -> T:
    """`text` as a value of `kind` (a struct, or a union of tagged structs); PeerError names the member at fault."""
    return convert(parse_json(text, limit), kind)


def convert(value: object, kind: type[T]) -> T:
    """A parsed JSON value as a value of `kind`; PeerError names the member at fault."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise PeerError(one_line(str(error))) from error


def decode_union(text: str | bytes, union: Any, limit: int) -> object:
    """`decode` for a union of tagged structs, which the type system cannot pass along."""
    return convert(parse_json(text, limit), union)


def parse_json(text: str | bytes, limit: int = MESSAGE_LIMIT) -> Any:
    """`text` as plain Python values, duplicates refused; PeerError for anything that is not I-JSON (RFC 7493)."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > limit:
        raise PeerError(f"message of {len(data)} bytes: the limit is {limit}")
    try:
        text = data.decode()
        value = json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant, parse_float=_finite)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half a character can only come from an escape
        return value
    except UnicodeDecodeError as error:
        raise PeerError("message is not UTF-8") from error
    except UnicodeEncodeError as error:
        raise PeerError("message holds half a character") from error
    except RecursionError as error:
        raise PeerError("message is nested too deeply") from error
    except ValueError as error:
        raise PeerError(f"message is not JSON: {error}") from error


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member appears twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is out of range")
    return value
