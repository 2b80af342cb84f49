"""Accepts connections, each counted by address before TLS is begun: a handshake is the dearest thing to ask for.

Whoever connects and then is silent, or does not read what it is sent, is not kept either.
"""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Callable

import structlog

from signaling.core.limits import AddressLimiter

PAGE_CONNECTIONS = 8
"""So many times the rate may come at once: a browser opens six connections for a page and one for its session."""

BACKLOG = 128

MOST_HANDSHAKES = 1024
"""Handshakes at a time, of all addresses together; whoever is one too many is closed unheard."""

log = structlog.get_logger()


class Gate:
    """The listening sockets of one port; `factory` makes the protocol of a connection that has been through TLS.

    `rate` is of connections a second from one address, after a burst that loads pages. A handshake has `handshake_s`;
    a peer that leaves what it was sent untaken for `untaken_s` is cut off.
    """

    def __init__(
        self,
        factory: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext,
        rate: float,
        handshake_s: float,
        untaken_s: float,
    ) -> None:
        self._factory = factory
        self._tls = tls
        self._handshake_s = handshake_s
        self._untaken_s = untaken_s
        self._addresses = AddressLimiter(rate, burst=rate * PAGE_CONNECTIONS)
        self._sockets: list[socket.socket] = []
        self._handshakes: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int) -> int:
        """Listen on every address of `host`; the port, which 0 lets the system choose. OSError if it is taken."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, *_, address in found:
            listening = socket.create_server((address[0], port), family=family, backlog=BACKLOG)
            listening.setblocking(False)
            self._sockets.append(listening)
            port = listening.getsockname()[1]
            loop.add_reader(listening, self._accept, listening)
        return port

    async def close(self) -> None:
        """Accept nobody any more, and give up handshakes that are under way."""
        loop = asyncio.get_running_loop()
        for listening in self._sockets:
            loop.remove_reader(listening)
            listening.close()
        self._sockets.clear()
        for handshake in self._handshakes:
            handshake.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(BACKLOG):
            try:
                connection, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    raise
                self._rest(listening, error)
                return
            allowed = self._addresses.allow(address[0], time.monotonic())
            if not allowed or len(self._handshakes) >= MOST_HANDSHAKES:
                connection.close()
                continue
            handshake = asyncio.create_task(self._shake_hands(connection))
            self._handshakes.add(handshake)
            handshake.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        # tcp(7): ends a connection whose peer acknowledges nothing, or keeps its window closed, for so long.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._untaken_s * 1000))
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._factory, connection, ssl=self._tls, ssl_handshake_timeout=self._handshake_s
            )
        except (OSError, TimeoutError) as error:
            log.debug("handshake-failed", why=str(error)[:200])
        except asyncio.CancelledError:
            connection.close()
            raise

    def _rest(self, listening: socket.socket, error: OSError) -> None:
        """No descriptors are left: the backlog keeps who comes, and in a second there may be some again."""
        log.error("cannot-accept", why=error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(1.0, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)
