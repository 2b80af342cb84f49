"""The WebSocket endpoints: connections in, effects out. Every limit of protocol section 6 is kept here."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from cryptography import x509

from protocol.certificates import device_identity, fingerprint, operator_identity
from protocol.codec import MESSAGE_LIMIT, encode
from protocol.errors import PeerError
from protocol.messages import ErrorMessage, parse_from_answerer, parse_from_device
from protocol.operator import parse_from_operator
from signaling.adapters.publishing import Publishing
from signaling.config import Config
from signaling.core.effects import LOGGED, Drop, Effect, KeepKeys, Note, Notify, Said, Send, Subscribe
from signaling.core.hub import Hub
from signaling.core.limits import AddressLimiter, Bucket, Offences

SUBPROTOCOL = "doorward.v1"

OUTBOX = 256
"""Messages waiting for a slow connection; it is dropped when there are more."""

CLOSE_S = 1.0
"""For a goodbye; then the connection is cut, since whoever is dropped may not be listening."""

log = structlog.get_logger()


@dataclass(eq=False, slots=True)
class Connection:
    """One WebSocket with its outbox and its allowance; compared by identity."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    bucket: Bucket
    offences: Offences = field(default_factory=Offences)
    outbox: asyncio.Queue[Said | Drop] = field(default_factory=lambda: asyncio.Queue(OUTBOX))
    ended: bool = False


class Endpoints:
    """Drives a Hub from aiohttp's handlers. All of it runs on one loop: the hub needs no lock."""

    def __init__(
        self, config: Config, hub: Hub, publishing: Publishing, wake: Callable[[Subscribe | Notify | KeepKeys], None]
    ) -> None:
        self._config = config
        self._wake = wake
        self._hub = hub
        self._publishing = publishing
        self._addresses = AddressLimiter(config.limits.unauthenticated_per_s)
        self._open: set[Connection] = set()
        own = [f"https://{host}" for host in config.people.hosts]
        self._origins = frozenset([*own, *config.people.origins])

    async def device(self, request: web.Request) -> web.StreamResponse:
        """`/device`: the certificate is judged before the WebSocket is opened."""
        self._limit_address(request)
        try:
            certificate = _certificate_of(request)
            mark = fingerprint(certificate)
            device = self._hub.admit(device_identity(certificate), mark)
        except (PeerError, ValueError) as error:
            raise _forbidden("device-refused", error) from error
        connection = await self._accept(request)
        try:
            self.perform(self._hub.device_connected(connection, device, mark, int(time.time())))
            await self._serve(
                connection,
                lambda text: self._hub.from_device(connection, device, parse_from_device(text)),
            )
        finally:
            self.perform(self._hub.device_gone(connection, device))
        return connection.socket

    async def operator(self, request: web.Request) -> web.StreamResponse:
        """`/operator`: as for devices, but the certificate is the operator's."""
        self._limit_address(request)
        try:
            self._hub.admit_operator(operator_identity(_certificate_of(request)))
        except (PeerError, ValueError) as error:
            raise _forbidden("operator-refused", error) from error
        connection = await self._accept(request)
        try:
            self.perform(self._hub.operator_connected(connection))
            await self._serve(
                connection,
                lambda text: self._publishing.from_operator(connection, parse_from_operator(text)),
            )
        finally:
            self.perform(self._hub.operator_gone(connection))
        return connection.socket

    async def answerer(self, request: web.Request) -> web.StreamResponse:
        """`/answerer`: a challenge first; who has not logged in after ten seconds goes."""
        self._limit_address(request)
        if request.headers.get("Origin") not in self._origins:
            raise web.HTTPForbidden(text="this page's origin is not one of this site's")
        connection = await self._accept(request)
        deadline = asyncio.get_running_loop().call_later(self._config.limits.login_s, self._late, connection)
        try:
            self.perform(self._hub.person_connected(connection))
            await self._serve(
                connection,
                lambda text: self._hub.from_person(connection, parse_from_answerer(text)),
            )
        finally:
            deadline.cancel()
            self.perform(self._hub.person_gone(connection))
        return connection.socket

    def perform(self, effects: list[Effect]) -> None:
        """Do what the hub wants done."""
        for effect in effects:
            match effect:
                case Send(to, message) if isinstance(to, Connection):
                    self._queue(to, message)
                case Drop(connection, code, why) if isinstance(connection, Connection):
                    self._drop(connection, code, why)
                case Subscribe() | Notify() | KeepKeys():
                    self._wake(effect)
                case Note(level, event, fields):
                    getattr(log, level)(event, **fields)

    async def close(self) -> None:
        """Say goodbye to everyone; a connection that does not listen is not waited for."""
        for connection in list(self._open):
            self._drop(connection, 1001, "going away")
        await asyncio.sleep(0)

    # One connection

    async def _accept(self, request: web.Request) -> Connection:
        offered = [word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        if SUBPROTOCOL not in offered:
            raise web.HTTPBadRequest(text=f"this endpoint speaks the WebSocket subprotocol {SUBPROTOCOL}")
        socket = web.WebSocketResponse(
            protocols=[SUBPROTOCOL],
            heartbeat=self._config.limits.ping_s * 2 / 3,  # a ping, and a third of the time for its answer
            max_msg_size=MESSAGE_LIMIT,
            compress=False,
            timeout=CLOSE_S,
        )
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        await socket.prepare(request)
        bucket = Bucket.full(self._config.limits.messages_per_s, time.monotonic())
        connection = Connection(socket, transport, bucket)
        self._open.add(connection)
        return connection

    async def _serve(self, connection: Connection, handle: Callable[[str], list[Effect]]) -> None:
        sender = asyncio.create_task(self._send(connection))
        try:
            async for received in connection.socket:
                if received.type is WSMsgType.BINARY:
                    self._drop(connection, WSCloseCode.UNSUPPORTED_DATA, "text only")
                if connection.ended or received.type is not WSMsgType.TEXT:
                    break
                if not connection.bucket.take(time.monotonic()):
                    self._drop(connection, 1008, "too many messages")
                    break
                try:
                    self.perform(handle(received.data))
                except PeerError as error:
                    self._offended(connection, error)
        finally:
            self._open.discard(connection)
            if not connection.ended:
                sender.cancel()
            (end,) = await asyncio.gather(sender, return_exceptions=True)
            if connection.socket.close_code == WSCloseCode.ABNORMAL_CLOSURE:
                connection.transport.abort()  # what it has not taken by now it will not take
            if isinstance(end, Exception):
                log.error("sending-failed", exc_info=end)

    async def _send(self, connection: Connection) -> None:
        try:
            while True:
                item = await connection.outbox.get()
                if isinstance(item, Drop):
                    await connection.socket.close(code=item.code, message=item.why.encode())
                    return
                await connection.socket.send_str(encode(item))
        except ConnectionError:
            return  # the reader sees the end as well
        except Exception:
            connection.transport.abort()  # nobody is left to send: the reader shall not go on alone
            raise

    def _queue(self, connection: Connection, message: Said) -> None:
        if connection.ended:
            return
        if connection.outbox.qsize() >= OUTBOX - 1:
            log.warning("slow-connection-dropped")
            connection.ended = True
            connection.transport.abort()  # a goodbye would wait behind all that it has not read
            return
        connection.outbox.put_nowait(message)

    def _drop(self, connection: Connection, code: int, why: str) -> None:
        if not connection.ended:
            connection.ended = True
            connection.outbox.put_nowait(Drop(connection, code, why))
            asyncio.get_running_loop().call_later(CLOSE_S, connection.transport.abort)

    def _offended(self, connection: Connection, error: PeerError) -> None:
        log.info("malformed-message", why=str(error)[:LOGGED])
        self._queue(connection, ErrorMessage(code="malformed", message=str(error)[:256]))
        if connection.offences.one_too_many(time.monotonic()):
            self._drop(connection, 1008, "malformed messages")

    def _late(self, connection: Connection) -> None:
        if not self._hub.is_logged_in(connection):
            self._drop(connection, 1008, "login took too long")

    def _limit_address(self, request: web.Request) -> None:
        if not self._addresses.allow(request.remote or "", time.monotonic()):
            raise web.HTTPTooManyRequests(text="too many connections from this address", headers={"Retry-After": "1"})


def _certificate_of(request: web.Request) -> x509.Certificate:
    """What the client showed in the handshake; PeerError or ValueError if that is none."""
    tls = request.transport.get_extra_info("ssl_object") if request.transport else None
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    if der is None:
        raise PeerError("certificate: none was shown")
    return x509.load_der_x509_certificate(der)


def _forbidden(event: str, error: Exception) -> web.HTTPForbidden:
    log.warning(event, why=str(error)[:LOGGED])
    return web.HTTPForbidden(text="this certificate is not admitted")
