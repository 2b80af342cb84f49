"""What the hub wants done: sent, closed, or logged. Connections are any hashable value of the caller's."""

from collections.abc import Hashable
from dataclasses import dataclass

from protocol.messages import Subscription, ToAnswerer, ToDevice
from protocol.operator import ToOperator

LOGGED = 200
"""Characters of a stranger's words that reach the log."""

Connection = Hashable
Said = ToDevice | ToAnswerer | ToOperator


@dataclass(frozen=True, slots=True)
class Send:
    to: Connection
    message: Said


@dataclass(frozen=True, slots=True)
class Drop:
    """Close a connection: WebSocket close code and a word for the log and the peer."""

    connection: Connection
    code: int
    why: str


@dataclass(frozen=True, slots=True)
class Note:
    level: str
    event: str
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Keep where the browser with this key is woken; None: nowhere."""

    key: str
    subscription: Subscription | None


@dataclass(frozen=True, slots=True)
class Notify:
    """Wake the browsers with these keys, as far as they wish it; `ringing` false withdraws that."""

    keys: tuple[str, ...]
    device: str
    call: str
    ringing: bool


@dataclass(frozen=True, slots=True)
class KeepKeys:
    """Only these keys stand on a roster: whatever is kept for another is to be deleted (section 8, rule 15)."""

    keys: frozenset[str]


Effect = Send | Drop | Note | Subscribe | Notify | KeepKeys
