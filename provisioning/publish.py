"""Rosters on their way to the devices: through the server, whose word is not believed, or on a USB stick."""

import asyncio
import secrets
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import websockets
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from websockets.asyncio.client import ClientConnection, connect

from protocol.certificates import check_server_certificate, fingerprint
from protocol.codec import MESSAGE_LIMIT, decode, encode
from protocol.errors import DoorwardError, PeerError
from protocol.jws import payload_of
from protocol.keys import new_key, public_jwk
from protocol.messages import ErrorMessage
from protocol.operator import (
    AcceptedMessage,
    KeyPublished,
    Publish,
    Published,
    PublishKey,
    Status,
    StatusRequest,
    ToOperator,
    parse_to_operator,
)
from protocol.proof import Accepted, verify_accepted
from protocol.roster import SignedRoster
from provisioning.authority import Authority, issue_operator, pem
from provisioning.files import write_file
from provisioning.folder import SiteFolder

ANSWER_S = 10.0

PACE_S = 1 / 15
"""The server takes twenty messages a second from one connection (protocol section 6)."""


@dataclass(frozen=True, slots=True)
class Report:
    """One device: the serial that was published, whether the server has it connected (its word), and whether the
    device has confirmed this very roster with its own signature.
    """

    device: str
    serial: int
    online: bool
    confirmed: bool


async def serials_held(folder: SiteFolder, authority: Authority, now: datetime) -> dict[str, int]:
    """The highest serial of each device that the server or the device itself claims."""
    async with _connected(folder, authority, now) as connection:
        status = await _ask(connection, encode(StatusRequest()), Status, _Judge(folder, {}))
    held: dict[str, int] = {}
    for one in status.devices if isinstance(status, Status) else ():
        claims = [one.serial or 0, _claimed(one.accepted)]
        held[one.device] = max(claims)
    return held


async def publish(folder: SiteFolder, authority: Authority, now: datetime, wait_s: float) -> list[Report]:
    """Send everything, and wait up to `wait_s` for the devices' confirmations.

    DoorwardError says what the server refused, or that it was not reached.
    """
    rosters = folder.rosters()
    async with _connected(folder, authority, now) as connection:
        judge = _Judge(folder, rosters)
        for document in folder.successions():
            await _ask(connection, encode(PublishKey(jws=document)), KeyPublished, judge)
        for signed in rosters.values():
            await _ask(connection, encode(Publish(jws=signed.jws)), Published, judge)
        status = await _ask(connection, encode(StatusRequest()), Status, judge)
        online = {one.device for one in status.devices if one.online} if isinstance(status, Status) else set()
        if isinstance(status, Status):
            for one in status.devices:
                judge.hear(one.accepted)
        present = set(folder.devices())
        try:
            async with asyncio.timeout(wait_s):
                while present & set(rosters) - judge.confirmed:  # who is not connected now may be in a moment
                    judge.take(parse_to_operator(await connection.recv()))
        except (TimeoutError, websockets.ConnectionClosed):
            pass  # what has not come by now is reported as missing
    return [
        Report(device, signed.roster.serial, device in online, device in judge.confirmed)
        for device, signed in rosters.items()
    ]


def publish_offline(folder: SiteFolder, target: Path) -> list[Path]:
    """One file a device: the successions of the roster key, then the roster. `doorward-device roster` takes it in."""
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for device, signed in folder.rosters().items():
        path = target / f"{device}.roster"
        write_file(path, "".join(f"{document}\n" for document in [*folder.successions(), signed.jws]))
        written.append(path)
    return written


class _Judge:
    """Which devices have confirmed their roster: by a signature of a key that stands on that very roster (rule 12)."""

    def __init__(self, folder: SiteFolder, rosters: Mapping[str, SignedRoster]) -> None:
        self.confirmed: set[str] = set()
        self._rosters = rosters
        self._certificates = {device: folder.certificates(device) for device in folder.devices()}

    def take(self, message: ToOperator) -> None:
        if isinstance(message, AcceptedMessage):
            self.hear(message.jws)

    def hear(self, jws: str | None) -> None:
        if jws is None:
            return
        for device, signed in self._rosters.items():
            if any(_confirms(jws, signed, certificate) for certificate in self._certificates.get(device, ())):
                self.confirmed.add(device)


def _confirms(jws: str, signed: SignedRoster, certificate: x509.Certificate) -> bool:
    roster = signed.roster
    if fingerprint(certificate) not in roster.fingerprints:
        return False
    try:
        accepted = verify_accepted(jws, public_jwk(certificate.public_key()))  # type: ignore[arg-type] # P-256: we signed it
    except PeerError:
        return False
    claimed = (accepted.site, accepted.device, accepted.serial, accepted.sha256)
    return claimed == (roster.site, roster.device, roster.serial, signed.digest)


async def _ask(connection: ClientConnection, text: str, kind: type, judge: _Judge) -> ToOperator:
    await asyncio.sleep(PACE_S)
    await connection.send(text)
    async with asyncio.timeout(ANSWER_S):
        while True:
            message = parse_to_operator(await connection.recv())
            if isinstance(message, ErrorMessage):
                raise DoorwardError(f"the server refused: {message.message} ({message.code})")
            if isinstance(message, kind):
                return message
            judge.take(message)


def _claimed(accepted: str | None) -> int:
    """The serial in a confirmation, unverified."""
    try:
        return decode(payload_of(accepted), Accepted).serial if accepted else 0
    except PeerError:
        return 0


@asynccontextmanager
async def _connected(folder: SiteFolder, authority: Authority, now: datetime) -> AsyncIterator[ClientConnection]:
    record = folder.record()
    url = f"{record.devices_address}/operator"
    context = _tls(folder, authority, record.site, now)
    try:
        async with connect(
            url,
            ssl=context,
            subprotocols=[websockets.Subprotocol("doorward.v1")],
            compression=None,
            max_size=MESSAGE_LIMIT,
            open_timeout=ANSWER_S,
            proxy=None,
        ) as connection:
            _check_server(connection)
            yield connection
    except websockets.InvalidStatus as error:
        raise DoorwardError(f"{url}: the server does not admit this operator ({error.response.status_code})") from error
    except (PeerError, websockets.WebSocketException) as error:
        raise DoorwardError(f"{url}: {error}; does the server have this site's CA? (`server files`)") from error
    except ssl.SSLError as error:
        raise DoorwardError(f"{url}: the server's certificate: {error}; `server renew` if it has expired") from error
    except (OSError, TimeoutError) as error:
        raise DoorwardError(f"{url}: not reached: {str(error) or type(error).__name__}") from error


def _check_server(connection: ClientConnection) -> None:
    der = connection.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    check_server_certificate(x509.load_der_x509_certificate(der))


def _tls(folder: SiteFolder, authority: Authority, site: str, now: datetime) -> ssl.SSLContext:
    """TLS 1.3 that trusts the site's CAs alone, with a certificate made for this conversation."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.hostname_checks_common_name = False
    context.load_verify_locations(cadata="".join(pem(ca) for ca in folder.authorities()))
    key = new_key()
    certificate = issue_operator(authority, site, key.public_key(), now)
    password = secrets.token_hex(32).encode()  # OpenSSL reads keys from files only; nobody else can read this one
    encryption = serialization.BestAvailableEncryption(password)
    sealed = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(sealed + pem(certificate).encode())
        file.flush()
        context.load_cert_chain(file.name, password=password)
    return context
