"""A signaling server for the operator alone, which answers everything and lies where it is told to."""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from msgspec.structs import replace
from websockets import Subprotocol
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from protocol.codec import decode, encode
from protocol.jws import payload_of
from protocol.operator import (
    AcceptedMessage,
    DeviceStatus,
    FromOperator,
    KeyPublished,
    Publish,
    Published,
    PublishKey,
    Status,
    parse_from_operator,
)
from protocol.roster import Roster
from protocol.roster_key import RosterKey
from tests.pki import Made
from tests.unit.site_folders import Home

Answer = Callable[[FromOperator], Sequence[object]]


@dataclass
class OperatorServer:
    """`heard`: every message, and `clients`: every certificate that it was shown."""

    accepted: str | None = None
    answer: Answer | None = None
    heard: list[FromOperator] = field(default_factory=list)
    clients: list[x509.Certificate] = field(default_factory=list)

    def serve(self, connection: ServerConnection) -> None:
        der = connection.socket.getpeercert(binary_form=True)  # type: ignore[attr-defined] # it is an SSLSocket
        self.clients.append(x509.load_der_x509_certificate(der))
        with contextlib.suppress(ConnectionClosed):
            for text in connection:
                message = parse_from_operator(text)
                self.heard.append(message)
                for reply in (self.answer or self.right)(message):
                    connection.send(reply if isinstance(reply, str) else encode(reply))

    def right(self, message: FromOperator) -> Sequence[object]:
        """What a good server says, with `accepted` as what the device is said to have confirmed."""
        match message:
            case Publish(jws=jws):
                roster = decode(payload_of(jws), Roster)
                return [Published(device=roster.device, serial=roster.serial)]
            case PublishKey(jws=jws):
                return [KeyPublished(sequence=decode(payload_of(jws), RosterKey).sequence)]
            case _:
                rosters = [decode(payload_of(one.jws), Roster) for one in self.heard if isinstance(one, Publish)]
                devices = [
                    DeviceStatus(device=one.device, online=True, serial=one.serial, accepted=self.accepted)
                    for one in rosters
                ]
                said = [AcceptedMessage(jws=self.accepted)] if self.accepted else []
                return [Status(devices=devices, answerers=[]), *said]


@contextlib.contextmanager
def serving(home: Home, made: Made, folder: Path) -> Iterator[OperatorServer]:
    """It listens where `home` looks for its server, with the certificate `made`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(home.path / "ca.pem")
    (folder / "server-with-key.pem").write_text(made.with_key)
    context.load_cert_chain(folder / "server-with-key.pem")
    server = OperatorServer()
    protocols = [Subprotocol("doorward.v1")]
    with serve(server.serve, "127.0.0.1", 0, ssl=context, subprotocols=protocols) as listening:
        with home.folder.change():
            record = home.folder.record()
            port = listening.socket.getsockname()[1]
            home.folder.write_record(replace(record, hosts=["127.0.0.1"], devices_port=port))
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield server
        listening.shutdown()
        thread.join()
