"""The signaling connection: WSS with mutual TLS 1.3, trusting the site's CA and nothing else (protocol section 3)."""

import asyncio
import contextlib
import os
import random
import ssl
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import structlog
import websockets
from cryptography import x509
from websockets.asyncio.client import ClientConnection, connect

from device.core.backoff import Backoff
from device.core.events import Event, SignalingDown, SignalingSaid, SignalingUp
from device.errors import SignalingLost, SignalingRefused
from protocol.certificates import check_server_certificate
from protocol.codec import MESSAGE_LIMIT, encode
from protocol.errors import ConfigError, FileUnreadable, PeerError
from protocol.messages import DeviceWelcome, FromDevice, parse_to_device

SUBPROTOCOL = "doorward.v1"

OPEN_S = 10.0
"""Time for TCP, TLS and the WebSocket handshake together, and again for the welcome."""

PING_S = 5.0
"""A dead server is noticed within twice this."""

OUTBOX = 64
"""Messages waiting to be sent; a connection that cannot take them is given up."""

CLOCK_HINT = "; this device's clock may be wrong: compare it with the certificate's dates"


def tls_context(ca_pem: str, certificate_pem: str, key_path: Path) -> ssl.SSLContext:
    """TLS 1.3 only, the given CA only, the host name checked against subject alternative names only.

    ConfigError for what cannot be used, FileUnreadable for what cannot be read this time. OpenSSL has the certificate
    from a file; in memory, where the service manager made a folder there: a full card is no reason not to start.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.hostname_checks_common_name = False
    try:
        context.load_verify_locations(cadata=ca_pem)
        with tempfile.NamedTemporaryFile("w", suffix=".pem", dir=os.environ.get("RUNTIME_DIRECTORY")) as certificate:
            certificate.write(certificate_pem)
            certificate.flush()
            context.load_cert_chain(certificate.name, key_path)
    except ssl.SSLError as error:
        raise ConfigError(f"{key_path.parent}: certificate and key cannot be used for TLS: {error}") from error
    except OSError as error:
        raise FileUnreadable(f"{key_path.parent}: certificate and key cannot be handed to TLS now: {error}") from error
    return context


async def dial(url: str, context: ssl.SSLContext) -> ClientConnection:
    """A connection whose server was verified. SignalingRefused or SignalingLost say which kind of failure it was."""
    with _told_apart(url):
        connection = await connect(
            url,
            ssl=context,
            subprotocols=[websockets.Subprotocol(SUBPROTOCOL)],
            compression=None,
            max_size=MESSAGE_LIMIT,
            open_timeout=OPEN_S,
            close_timeout=1,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            proxy=None,
        )
        try:
            _check_peer(connection)
        except PeerError:
            await connection.close()
            raise
    return connection


async def probe(url: str, context: ssl.SSLContext) -> None:
    """Whether the server is there, is ours, and admits this device: without a session, which would replace a running
    daemon's. Raises as `dial` does.
    """
    parts = urlsplit(url)
    with _told_apart(url):
        async with asyncio.timeout(OPEN_S):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
            try:
                _check_server(writer.get_extra_info("ssl_object"))
                writer.write(
                    f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
                )
                status = (await reader.readline()).decode("ascii", "replace").split(" ")
            finally:
                writer.close()
    # Without the upgrade that a WebSocket asks for, an admitted device is told that it is a bad request.
    if len(status) < 2 or status[1] in ("401", "403", "404", "429"):
        raise SignalingRefused(f"{url}: the server refused this device ({' '.join(status).strip() or 'closed'})")


@contextlib.contextmanager
def _told_apart(url: str) -> Iterator[None]:
    """SignalingRefused where the server will not have us or is not ours, SignalingLost where it was not reached."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        hint = CLOCK_HINT if error.verify_code in (9, 10) else ""  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED
        raise SignalingRefused(f"{url}: the server's certificate: {error.verify_message}{hint}") from error
    except ssl.SSLError as error:
        raise SignalingRefused(f"{url}: TLS: {error.reason or error}") from error
    except websockets.InvalidStatus as error:
        raise SignalingRefused(f"{url}: the server answered {error.response.status_code}") from error
    except websockets.InvalidMessage as error:
        # Under TLS 1.3 a refused client certificate shows only here, as an end of the stream.
        raise SignalingRefused(f"{url}: the server closed: is this device on its roster?") from error
    except (PeerError, websockets.WebSocketException, ValueError) as error:
        raise SignalingRefused(f"{url}: {error}") from error
    except (OSError, TimeoutError) as error:
        raise SignalingLost(f"{url}: {str(error) or type(error).__name__}") from error


def _check_peer(connection: ClientConnection) -> None:
    _check_server(connection.transport.get_extra_info("ssl_object"))
    if connection.subprotocol != SUBPROTOCOL:
        raise PeerError(f"the server does not speak {SUBPROTOCOL}")


def _check_server(tls: ssl.SSLObject) -> None:
    der = tls.getpeercert(binary_form=True)
    if der is None:
        raise PeerError("the server showed no certificate")
    try:
        check_server_certificate(x509.load_der_x509_certificate(der))
    except ValueError as error:
        raise PeerError(f"the server's certificate cannot be read: {error}") from error


class WebsocketsSignaling:
    """Keeps one connection, for ever. Posts SignalingUp, SignalingSaid and SignalingDown."""

    def __init__(self, url: str, context: ssl.SSLContext, post: Callable[[Event], None]) -> None:
        self._url = url
        self._context = context
        self._post = post
        self._connection: ClientConnection | None = None
        self._outbox: asyncio.Queue[FromDevice] | None = None
        self._log = structlog.get_logger().bind(server=url)

    def send(self, message: FromDevice) -> None:
        """Queue a message; without a connection it is dropped, since the next one starts anew."""
        if self._outbox is None:
            return
        try:
            self._outbox.put_nowait(message)
        except asyncio.QueueFull:
            self._log.warning("signaling-outbox-full")
            self._outbox = None
            if self._connection is not None:
                self._connection.transport.abort()  # the reader sees the end, and a new connection is made

    async def run(self) -> None:
        """Connect, serve, and connect again: soon after a loss, slowly and loudly after a refusal."""
        lost = Backoff(0.25, 8.0, random.random)
        refused = Backoff(5.0, 60.0, random.random)
        said: str | None = None
        while True:
            try:
                await self._serve(lost, refused)
            except SignalingLost as error:
                why, delay, level = str(error), lost.delay(), "warning"
            except SignalingRefused as error:
                why, delay, level = str(error), refused.delay(), "error"
            self._post(SignalingDown(why))
            self._log.log(_LEVELS[level if why != said else "debug"], "signaling-down", why=why)
            said = why
            await asyncio.sleep(delay)

    async def _serve(self, lost: Backoff, refused: Backoff) -> None:
        connection = self._connection = await dial(self._url, self._context)
        sender: asyncio.Task[None] | None = None
        try:
            welcome = parse_to_device(await asyncio.wait_for(connection.recv(), OPEN_S))
            if not isinstance(welcome, DeviceWelcome):
                raise PeerError("its first message is not a welcome")
            outbox = self._outbox = asyncio.Queue(OUTBOX)
            sender = asyncio.create_task(_send(connection, outbox))
            self._post(SignalingUp(welcome))
            lost.reset()
            refused.reset()
            self._log.info("signaling-up")
            async for text in connection:
                self._post(SignalingSaid(parse_to_device(text)))
            raise SignalingLost(f"{self._url}: closed ({connection.close_code})")
        except PeerError as error:
            raise SignalingRefused(f"{self._url}: the server broke the protocol: {error}") from error
        except (websockets.ConnectionClosed, TimeoutError) as error:
            raise SignalingLost(f"{self._url}: {str(error) or 'no welcome'}") from error
        finally:
            self._connection = self._outbox = None
            end = await _ended(sender)
            await connection.close()
            if end is not None:
                raise end


async def _ended(sender: asyncio.Task[None] | None) -> Exception | None:
    """End the sender; what it died of, if it did."""
    if sender is None:
        return None
    sender.cancel()
    (end,) = await asyncio.gather(sender, return_exceptions=True)
    return end if isinstance(end, Exception) else None


async def _send(connection: ClientConnection, outbox: asyncio.Queue[FromDevice]) -> None:
    """Ends with the connection, which the reader notices too."""
    try:
        while True:
            await connection.send(encode(await outbox.get()))
    except websockets.ConnectionClosed:
        return
    except Exception:
        connection.transport.abort()  # the reader shall not go on alone
        raise


_LEVELS = {"debug": 10, "warning": 30, "error": 40}
