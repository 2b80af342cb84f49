"""The operator's connections, and what the operator is told of the house (protocol section 3; section 8, rule 12)."""

from collections.abc import Collection, Mapping

from protocol.errors import PeerError
from protocol.operator import AcceptedMessage, AnswererStatus, DeviceStatus, Status
from protocol.roster import SignedRoster
from signaling.core.effects import Connection, Effect, Note, Send

MOST_DEVICES = 64
"""Devices of a site that a status, and a person's welcome, have room for."""

MOST_ANSWERERS = 256
"""Answerers in a status: with `MOST_DEVICES` confirmations it still fits one message."""

CONFIRMATION = 512
"""Characters of a device's confirmation: one with the longest names has 434."""


class Operators:
    """Passes on what devices confirm, and remembers each one's last word; whether it is true, the operator judges."""

    def __init__(self) -> None:
        self._connections: list[Connection] = []
        self._confirmed: dict[str, str] = {}

    def connected(self, connection: Connection) -> list[Effect]:
        self._connections.append(connection)
        return [Note("info", "operator-up", {})]

    def gone(self, connection: Connection) -> list[Effect]:
        self._connections.remove(connection)
        return [Note("info", "operator-down", {})]

    def confirmed(self, device: str, jws: str) -> list[Effect]:
        """A device says which roster it holds; PeerError if it says more than that can take."""
        if len(jws) > CONFIRMATION:
            raise PeerError(f"roster-accepted: {len(jws)} characters, a confirmation has at most {CONFIRMATION}")
        self._confirmed[device] = jws
        told = [Send(connection, AcceptedMessage(jws=jws)) for connection in self._connections]
        return [*told, Note("info", "roster-accepted", {"device": device})]

    def status(
        self, rosters: Mapping[str, SignedRoster], online: Collection[str], sessions: Mapping[str, int]
    ) -> Status:
        """Every device that has a roster or is here, and everybody whom a roster names, by id."""
        devices = sorted({*rosters, *online})[:MOST_DEVICES]
        answerers = sorted({name for signed in rosters.values() for name in signed.roster.answerers})[:MOST_ANSWERERS]
        return Status(
            devices=[
                DeviceStatus(
                    device=device,
                    online=device in online,
                    serial=rosters[device].roster.serial if device in rosters else None,
                    accepted=self._confirmed.get(device),
                )
                for device in devices
            ],
            answerers=[AnswererStatus(answerer=name, sessions=sessions.get(name, 0)) for name in answerers],
        )
