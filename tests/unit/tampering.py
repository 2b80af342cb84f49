"""Ways to spoil a document: at every position in turn, and in whatever way Hypothesis thinks of.

`DOORWARD_FUZZ=100` (`make fuzz`) tries a hundred times as many of the latter.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st

from protocol.errors import ConfigError, PeerError

T = TypeVar("T")

TIMES = int(os.environ.get("DOORWARD_FUZZ", "1"))

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def examples(count: int) -> settings:
    """This many examples, or `DOORWARD_FUZZ` times as many; a shared machine may be slow at any of them."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    return settings(max_examples=count * TIMES, deadline=None, suppress_health_check=slow)


def refuse(judge: Callable[[str], T], changed: str, unchanged: Callable[[T], bool] = lambda _: False) -> None:
    """Fails unless `judge` raises an error of ours for `changed`, or finds nothing changed in it."""
    try:
        found = judge(changed)
    except (PeerError, ConfigError):
        return
    assert unchanged(found), f"was accepted: {changed!r}"


def everywhere(
    document: str, others: Callable[[str], Iterable[str]], positions: Iterable[int] | None = None
) -> Iterator[str]:
    """At each position: what stands there gone, doubled, the document cut off, and each of `others` in its place."""
    for at in range(len(document)) if positions is None else positions:
        before, old, after = document[:at], document[at], document[at + 1 :]
        yield before
        yield before + after
        yield before + old + old + after
        yield from (before + new + after for new in others(old) if new != old)


def other_sextets(old: str) -> Iterable[str]:
    """Each of the six bits turned that a character of base64url stands for, and what has no place in it."""
    value = BASE64URL.find(old)
    turned = [BASE64URL[value ^ 1 << bit] for bit in range(6)] if value >= 0 else ["A"]
    return [*turned, ".", "=", "\n", "\u0161"]


def other_octets(old: str) -> Iterable[str]:
    """Each bit of a byte turned; bytes are characters here, as in Latin-1."""
    return [chr(ord(old) ^ 1 << bit) for bit in range(8)]


@st.composite
def tampered(draw: st.DrawFn, document: str, characters: st.SearchStrategy[str]) -> str:
    """The document with one to four changes: characters replaced, put in, left out, cut off, repeated, a bit turned."""
    pieces = st.lists(characters, min_size=1, max_size=8).map("".join)
    changed = document
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(changed)))
        match draw(st.sampled_from(["replace", "insert", "delete", "truncate", "repeat", "flip"])):
            case "replace":
                piece = draw(pieces)
                changed = changed[:at] + piece + changed[at + len(piece) :]
            case "insert":
                changed = changed[:at] + draw(pieces) + changed[at:]
            case "delete":
                changed = changed[:at] + changed[at + draw(st.integers(1, 64)) :]
            case "truncate":
                changed = changed[:at]
            case "repeat":
                start = draw(st.integers(0, len(document)))
                changed = changed[:at] + document[start : start + draw(st.integers(1, 64))] + changed[at:]
            case _ if at < len(changed):
                changed = changed[:at] + chr(ord(changed[at]) ^ 1 << draw(st.integers(0, 7))) + changed[at + 1 :]
    assume(changed != document)
    return changed
