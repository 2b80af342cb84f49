"""A client of the daemon's control socket, for tests that run no event loop."""

import json
import socket
from pathlib import Path


class Control:
    """Presses buttons and reads pins of a running daemon."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, **request: object) -> dict[str, object]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self._path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            reply: dict[str, object] = json.loads(connection.makefile().readline())
        if not reply.pop("ok"):
            raise RuntimeError(str(reply.get("error")))
        return reply

    def press(self, button: str) -> None:
        """A finger on the simulated button: the pin itself goes low, and high again."""
        self.ask(do="edge", button=button, pressed=True)
        self.ask(do="edge", button=button, pressed=False)

    def pins(self) -> dict[str, object]:
        pins = self.ask(do="pins")["pins"]
        if not isinstance(pins, dict):
            raise TypeError("pins is not an object")
        return pins

    def links_up(self) -> int:
        return int(str(self.ask(do="status")["links_up"]))
