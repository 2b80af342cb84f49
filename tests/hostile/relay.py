"""A signaling server that lies.

It has stolen everything the real one has: the certificate and its key, the CA's certificate, the published rosters. It
serves the genuine page, speaks to real devices and real pages as the real server would, and between the two stands a
`Lie`, which passes on, changes, drops, delays, doubles or invents what they say to each other. It also makes up pages
(`pretend`), whose sessions no person has.
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from cryptography import x509

from protocol.certificates import client_identity
from protocol.codec import MESSAGE_LIMIT
from protocol.ids import new_token, unb64url
from protocol.proof import verify_login
from signaling.adapters.page import add_page
from signaling.adapters.tls import devices_context, people_context
from signaling.config import Config, load_config
from tests.harness.processes import SCALE
from tests.hostile.ends import SOON_S, Connected, End, Message, Page, Pretended


class Lie:
    """What becomes of the words of one page and its door. This one is the truth: everything is passed on, unchanged.

    Messages have the shape in which pages speak and hear (`device`, not `session`).
    """

    async def to_door(self, message: Message) -> list[Message]:
        """What the door hears when its page says this."""
        return [message]

    async def to_page(self, message: Message) -> list[Message]:
        """What the page hears when its door says this."""
        return [message]

    def welcome(self, messages: list[Message]) -> list[Message]:
        """What the page hears after its login: the welcome and the rosters."""
        return messages

    introduces = True
    """Whether the doors are told of this page."""


class Relay:
    """Both listeners of the real server. `published` are the rosters by device; `lies` stand by answerer."""

    def __init__(self, stolen: Path, published: Mapping[str, str]) -> None:
        self._config: Config = load_config(stolen)
        self._published = dict(published)
        self._named = {device: _answerers_of(jws) for device, jws in published.items()}
        self.doors: dict[str, Connected] = {}
        self.pages: dict[str, Page] = {}
        self.lies: dict[str, Lie] = {}
        self.door_welcomes: dict[str, deque[Message | str | bytes | None]] = {device: deque() for device in published}
        """What a device hears first when it connects next, instead of an honest welcome; None: nothing at all."""
        self._challenges: dict[str, Message | str | bytes] = {}
        self._sessions: dict[str, End] = {}
        self._arrivals = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def open(self) -> Any:
        """Listen where the real server listened."""
        devices, people = web.Application(), web.Application()
        devices.router.add_get("/device", self._device)
        people.router.add_get("/answerer", self._answerer)
        add_page(people, self._config)
        async with contextlib.AsyncExitStack() as stack:
            for app, where, tls in (
                (devices, self._config.devices, devices_context(self._config)),
                (people, self._config.people, people_context(self._config)),
            ):
                runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
                await runner.setup()
                stack.push_async_callback(runner.cleanup)
                await web.TCPSite(runner, where.listen[0], where.port, ssl_context=tls).start()
            yield self
            for task in self._tasks:
                task.cancel()

    # What it can be asked for

    async def door(self, device: str, *, after: Connected | None = None, within_s: float = SOON_S) -> Connected:
        """The connection of a device; a later one than `after`."""
        await self._arrived(lambda: self.doors.get(device) not in (None, after), f"no {device}", within_s)
        return self.doors[device]

    async def page(self, answerer: str, *, after: Page | None = None, within_s: float = SOON_S) -> Page:
        """The page of an answerer, logged in; a later one than `after`."""
        await self._arrived(lambda: self.pages.get(answerer) not in (None, after), f"no page of {answerer}", within_s)
        return self.pages[answerer]

    async def pretend(self, device: str, answerer: str) -> Pretended:
        """Tell a device that somebody has come who has not."""
        made = Pretended(answerer, await self.door(device))
        self._sessions[made.session] = made
        await made.door.say({"type": "arrived", "session": made.session, "answerer": answerer})
        return made

    async def leave(self, end: Pretended | Page, device: str) -> None:
        """Tell the device that a session has ended."""
        self._sessions.pop(end.session, None)
        await (await self.door(device)).say({"type": "left", "session": end.session})

    def challenge(self, browser: str, said: Message | str | bytes) -> None:
        """What the browser of this name hears first when it connects next, instead of an honest challenge."""
        self._challenges[browser] = said

    async def _arrived(self, there: Any, lacking: str, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s * SCALE):
                while not there():
                    self._arrivals.clear()
                    await self._arrivals.wait()
        except TimeoutError as error:
            raise TimeoutError(f"{lacking} within {within_s} s") from error

    # Devices

    async def _device(self, request: web.Request) -> web.StreamResponse:
        name = _device_of(request)
        socket = await _accept(request)
        end = Connected(name, socket)
        lies = self.door_welcomes[end.name]
        welcome = lies.popleft() if lies else self._door_welcome(end.name)
        if welcome is not None:
            await end.say(welcome)
        self.doors[end.name] = end
        self._arrivals.set()
        async for received in socket:
            if received.type is WSMsgType.TEXT:
                message = json.loads(received.data)
                end.hears(message)
                self._from_door(end.name, message)
        end.gone.set()
        if self.doors.get(end.name) is end:
            del self.doors[end.name]
        return socket

    def _door_welcome(self, device: str) -> Message:
        present = [
            {"session": page.session, "answerer": page.name}
            for page in self.pages.values()
            if self._lie(page.name).introduces and page.name in self._named[device]
        ]
        roster, now = self._published[device], int(time.time())
        return {"type": "welcome", "ice_servers": [], "roster": roster, "answerers": present, "time": now}

    def _from_door(self, device: str, message: Message) -> None:
        end = self._sessions.get(message.pop("session", ""))
        match end:
            case Pretended():
                end.hears(message)
            case Page():
                self._own(self._pass_to_page(end, {**message, "device": device}))

    async def _pass_to_page(self, page: Page, message: Message) -> None:
        for said in await self._lie(page.name).to_page(message):
            await page.say(said)

    # Pages

    async def _answerer(self, request: web.Request) -> web.StreamResponse:
        socket = await _accept(request)
        stranger = Connected("a page", socket)
        honest: Message = {"type": "challenge", "nonce": new_token(), "site": self._config.site}
        await stranger.say(self._challenges.pop(request.headers.get("User-Agent", ""), honest))
        page: Page | None = None
        async for received in socket:
            if received.type is not WSMsgType.TEXT:
                continue
            message = json.loads(received.data)
            if message["type"] == "login":
                page = await self._welcome(socket, message["jws"])
            elif page is not None:
                page.hears(message)
                self._own(self._pass_to_door(page, message))
        if page is not None:
            await self._page_gone(page)
        return socket

    async def _welcome(self, socket: web.WebSocketResponse, jws: str) -> Page:
        login, _ = verify_login(jws)
        page = Page(login.answerer, socket, jws)
        lie = self._lie(page.name)
        mine = [device for device, named in self._named.items() if page.name in named]
        devices = [{"device": device, "online": device in self.doors} for device in mine]
        welcome = {"session": page.session, "ice_servers": [], "rosters": [], "devices": devices, "push_key": None}
        rosters = [{"type": "roster", "jws": self._published[device]} for device in mine]
        self._sessions[page.session] = self.pages[page.name] = page
        for message in lie.welcome([{"type": "welcome", **welcome}, *rosters]):
            await page.say(message)
        self._arrivals.set()
        await self._tell_doors(page, {"type": "arrived", "session": page.session, "answerer": page.name})
        return page

    async def _page_gone(self, page: Page) -> None:
        page.gone.set()
        self._sessions.pop(page.session, None)
        if self.pages.get(page.name) is page:
            del self.pages[page.name]
        await self._tell_doors(page, {"type": "left", "session": page.session})

    async def _tell_doors(self, page: Page, message: Message) -> None:
        if self._lie(page.name).introduces:
            for device, door in list(self.doors.items()):
                if page.name in self._named[device]:
                    await door.say(message)

    async def _pass_to_door(self, page: Page, message: Message) -> None:
        for said in await self._lie(page.name).to_door(dict(message)):
            door = self.doors.get(said.get("device", ""))
            if door is not None:
                plain = {name: value for name, value in said.items() if name != "device"}
                await door.say({**plain, "session": page.session})

    def _lie(self, answerer: str) -> Lie:
        return self.lies.get(answerer) or Lie()

    def _own(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _answerers_of(jws: str) -> set[str]:
    """Whom a roster names; a thief has no need to check its signature."""
    return set(json.loads(unb64url(jws.split(".")[1]))["answerers"])


def _device_of(request: web.Request) -> str:
    """Who the device's certificate says it is."""
    tls = request.transport.get_extra_info("ssl_object") if request.transport else None
    if tls is None:
        raise web.HTTPForbidden
    return client_identity(x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))).device or ""


async def _accept(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=["doorward.v1"], max_msg_size=MESSAGE_LIMIT, compress=False, timeout=1.0)
    await socket.prepare(request)
    return socket
