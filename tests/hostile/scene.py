"""One attack under way: the people and ends it uses, and everything it gets."""

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Self

from cryptography import x509

from protocol.keys import Jwk, PrivateKey, load_private_key, public_jwk
from protocol.proof import text_digest
from tests.hostile.attack import Attack
from tests.hostile.den import BACK, FRONT, Den
from tests.hostile.door import Daemon, Door
from tests.hostile.ends import Message, Page, Pretended
from tests.hostile.forge import Json, fingerprint_of
from tests.hostile.peers import FakeDoor, FakePage, Haul
from tests.hostile.relay import Lie
from tests.hostile.tab import Tab


@dataclass
class Visit:
    """A real page: its tab, and the relay's end of its connection."""

    tab: Tab
    end: Page


class Secret(Lie):
    """A page of which no door is told: the relay has it for itself."""

    introduces = False

    async def to_door(self, message: Message) -> list[Message]:
        return []


class Scene:
    """Cleans up after its attack when its context ends."""

    def __init__(self, den: Den, attack: Attack) -> None:
        self.den = den
        self.attack = attack
        self.device = BACK if attack.lane == "broken" else FRONT
        self.haul = Haul()
        self.tabs: list[Tab] = []
        self.visits: list[Visit] = []
        self.pretended: list[Pretended] = []
        self.stack = contextlib.AsyncExitStack()
        self.person = den.free[self.device].pop(0)
        self._tasks: list[asyncio.Task[Any]] = []

    @property
    def door(self) -> Door:
        return self.den.doors[self.device]

    @property
    def attacked(self) -> Daemon:
        """Whose log shall tell of it."""
        return self.den.server if self.attack.target == "server" else self.door

    @property
    def true_fingerprint(self) -> str:
        """Of the real door's certificate: it stands on the roster, which everybody may read."""
        return self.den.site.rosters[self.device].fingerprints[0]

    def another_person(self) -> str:
        """Somebody else of the house, for this scene alone."""
        name = self.den.free[self.device].pop(0)
        self.stack.callback(self.den.free[self.device].append, name)
        return name

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.door.keep_ringing)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.stack.aclose()
        self.den.free[self.device].append(self.person)

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let it go on beside, for as long as the scene lasts."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.append(task)
        return task

    # Ends

    async def pretend(self, person: str = "") -> Pretended:
        """A page that does not exist, at the real door."""
        made = await self.den.relay.pretend(self.device, person or self.person)
        self.pretended.append(made)
        self.stack.push_async_callback(self.den.relay.leave, made, self.device)
        return made

    def fake_page(self) -> FakePage:
        page = FakePage(self.haul)
        self.stack.push_async_callback(page.close)
        return page

    def fake_door(self) -> FakeDoor:
        door = FakeDoor(self.haul)
        self.stack.push_async_callback(door.close)
        return door

    def true_door(self) -> FakeDoor:
        """For controls alone: a fake door with the real one's key."""
        folder = self.den.site.identity(self.device)
        key = load_private_key((folder / "key.pem").read_bytes())
        certificate = x509.load_pem_x509_certificate(self.den.bundle(self.device).certificate.encode())
        door = FakeDoor(self.haul, key, certificate)
        self.stack.push_async_callback(door.close)
        return door

    async def visit(self, lie: Lie | None = None, person: str = "", *, fresh: bool = False) -> Visit:
        """A real page, logged in; `lie` stands between it and its door, and by default keeps it from every door.

        With `fresh`, the person takes up the invitation in a browser that knows nothing yet.
        """
        person = person or self.person
        tab = await self.tab(lie, person, fresh=fresh)
        made = Visit(tab, await self.den.relay.page(person))
        self.visits.append(made)
        return made

    async def tab(self, lie: Lie | None = None, person: str = "", *, fresh: bool = False) -> Tab:
        """A real page that need not get as far as a login."""
        person = person or self.person
        self.den.relay.lies[person] = lie or Secret()
        self.stack.callback(self.den.relay.lies.pop, person, None)
        made = await self.stack.enter_async_context(self.den.people.tab(person, fresh=fresh))
        self.tabs.append(made)
        return made

    # What is said

    def names(self, link: str, person: str = "") -> Json:
        return {"link": link, "site": "home", "device": self.device, "answerer": person or self.person}

    def claims(self, offer: Message, sdp: str, person: str = "") -> Json:
        """What a proof of this answer has to say, all of it right."""
        return {
            **self.names(offer["link"], person),
            "device_fingerprint": fingerprint_of(offer["sdp"]),
            "fingerprint": fingerprint_of(sdp),
            "offer": text_digest(offer["sdp"]),
            "answer": text_digest(sdp),
        }

    def public_key(self, person: str = "") -> Jwk:
        """Somebody's public key: every login and every proof shows it to the server."""
        return public_jwk(self.den.site.people_keys[person or self.person])

    def true_key(self, person: str = "") -> PrivateKey:
        """For controls alone: somebody's private key."""
        return self.den.site.people_keys[person or self.person]

    def console(self) -> list[str]:
        """What the pages have said on their consoles."""
        return [line for tab in self.tabs for line in tab.console]

    def reasons(self) -> list[str]:
        """The reasons given by the ends that were attacked."""
        said = [message for end in (*self.pretended, *(visit.end for visit in self.visits)) for message in end.heard]
        return [str(message["reason"]) for message in said if message.get("type") == "close"]
