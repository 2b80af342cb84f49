"""What the hub wants done: sent, closed, or logged. Connections are any hashable value of the caller's."""

from collections.abc import Hashable
from dataclasses import dataclass

from protocol.messages import ToAnswerer, ToDevice
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


Effect = Send | Drop | Note
