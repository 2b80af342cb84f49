"""The control socket: a door to the running daemon for its own user and root (support, tests, demonstration).

One JSON object a line in, one a line out: `{"do": "press", "button": ID}`, `{"do": "status"}`, `{"do": "metrics"}`,
`{"do": "roster", "jws": JWS}` (a roster, or a succession of the roster key, that came by another way) and
`{"do": "restart"}` (as soon as nobody is at the door); with simulated pins also
`{"do": "edge", "button": ID, "pressed": true}`, `{"do": "line", "line": "exit.ID", "closed": true}` (or `contact.ID`,
`tamper`), `{"do": "type", "keys": "582913#"}` and `{"do": "pins"}`.
"""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from protocol.codec import parse_json
from protocol.errors import DoorwardError, PeerError

LINE = 16 * 1024
"""Bytes of a request."""

REPLY = 1024 * 1024
"""Bytes of a reply."""

LOOK_AGAIN_S = 0.2

AGAIN_S = 10.0
"""Between two attempts to make a socket that cannot be made."""

REMEDY = "make the folder, or name another control_socket; the door works without it, support does not"

Request = dict[str, object]
Handler = Callable[[Request], Mapping[str, object]]

log = structlog.get_logger()


class ControlSocket:
    """Serves `handle`, which raises PeerError for a request it cannot do."""

    def __init__(self, path: Path, handle: Handler) -> None:
        self._path = path
        self._handle = handle
        self._missing = False

    async def run(self) -> None:
        """Listen until cancelled; only the socket's owner can ever connect (0600 before it listens).

        What cannot be made is logged, once, and tried again: a door that nobody can ask is still a door.
        """
        listener = self._listen()
        while listener is None:
            await asyncio.sleep(AGAIN_S)
            listener = self._listen()
        server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LINE)
        try:
            async with server:
                await server.serve_forever()
        finally:
            self._path.unlink(missing_ok=True)

    def _listen(self) -> socket.socket | None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            listener.bind(str(self._path))
            self._path.chmod(0o600)  # not by umask, which is the whole process's: other threads make files meanwhile
        except OSError as error:
            listener.close()
            said = log.debug if self._missing else log.error
            said("control-socket", why=f"{self._path}: {error.strerror or error}", remedy=REMEDY)
            self._missing = True
            return None
        if self._missing:
            log.info("control-socket-made")
        return listener

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._reply(line)).encode() + b"\n")
                await writer.drain()
        except (ValueError, ConnectionError):
            return  # a line over the limit, or a peer that went away: nothing is owed to it
        finally:
            writer.close()

    def _reply(self, line: bytes) -> Mapping[str, object]:
        try:
            request = parse_json(line, LINE)
            if not isinstance(request, dict):
                raise PeerError("a request is an object with a member `do`")
            return {"ok": True, **self._handle(request)}
        except DoorwardError as error:  # a request that cannot be done, or hardware that does not do it
            return {"ok": False, "error": str(error)}


async def ask(path: Path, request: Request, wait_s: float = 0.0) -> Request:
    """Send one request to a running daemon; DoorwardError if there is none within `wait_s`, or it says no."""
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=REPLY)
    except OSError as error:
        if wait_s > 0:
            await asyncio.sleep(LOOK_AGAIN_S)
            return await ask(path, request, wait_s - LOOK_AGAIN_S)
        raise DoorwardError(f"{path}: no daemon answers: {error.strerror}; is doorward-device running?") from error
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        reply = parse_json(await asyncio.wait_for(reader.readline(), 10), REPLY)
    except (OSError, TimeoutError, ValueError, PeerError) as error:
        raise DoorwardError(f"{path}: the daemon does not answer: {error or type(error).__name__}") from error
    finally:
        writer.close()
    if not isinstance(reply, dict) or not reply.get("ok"):
        raise DoorwardError(f"{path}: {reply.get('error') if isinstance(reply, dict) else 'no answer'}")
    return reply
