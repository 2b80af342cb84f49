"""Whom the relay talks to: real doors and pages over their connections, and pages that it has made up."""

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import web

from protocol.ids import new_token
from tests.harness.processes import SCALE

Message = dict[str, Any]
SOON_S = 8.0
"""Long enough for what happens at once, on a busy machine."""


class End:
    """Somebody at the other end of a connection; what was said is kept, and `expect` looks back as well as ahead."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.heard: list[Message] = []
        self.gone = asyncio.Event()
        self._news = asyncio.Event()

    def hears(self, message: Message) -> None:
        self.heard.append(message)
        self._news.set()

    async def expect(self, kind: str, within_s: float = SOON_S, **members: object) -> Message:
        """The first message of this kind with these members; TimeoutError says what came instead."""
        seen = 0
        try:
            async with asyncio.timeout(within_s * SCALE):
                while True:
                    for message in self.heard[seen:]:
                        if message.get("type") == kind and members.items() <= message.items():
                            return message
                    seen = len(self.heard)
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            kinds = [message.get("type") for message in self.heard]
            raise TimeoutError(f"{self.name} never said {kind} {members}, but {kinds}") from error


class Connected(End):
    """A real device or a real page, over its WebSocket."""

    def __init__(self, name: str, socket: web.WebSocketResponse) -> None:
        super().__init__(name)
        self._socket = socket

    async def say(self, message: Message | str | bytes) -> None:
        """A message, or whatever else; nothing happens once it is gone."""
        with contextlib.suppress(ConnectionError):
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def hang_up(self) -> None:
        await self._socket.close()


class Page(Connected):
    """A real page that has logged in, its login as it signed it, and its session."""

    def __init__(self, answerer: str, socket: web.WebSocketResponse, login: str) -> None:
        super().__init__(answerer, socket)
        self.session = new_token()
        self.login = login


class Pretended(End):
    """A page that does not exist. What the door says to it is kept; `say` speaks to the door in its name."""

    def __init__(self, answerer: str, door: Connected) -> None:
        super().__init__(f"{door.name} to {answerer}")
        self.answerer = answerer
        self.session = new_token()
        self.door = door

    async def say(self, kind: str, link: str, **members: object) -> None:
        await self.door.say({"type": kind, "session": self.session, "link": link, **members})
