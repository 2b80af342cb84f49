"""The real signaling server as a process, and clients that speak to it: devices and people, right or wrong."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from websockets import Origin, Subprotocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from protocol.certificates import operator_urn
from protocol.codec import encode
from protocol.ids import new_token
from protocol.keys import PrivateKey
from protocol.messages import (
    AnswererWelcome,
    Challenge,
    DeviceWelcome,
    FromAnswerer,
    FromDevice,
    LoginMessage,
    RosterKeyMessage,
    RosterMessage,
    ToAnswerer,
    ToDevice,
    parse_to_answerer,
    parse_to_device,
)
from protocol.operator import FromOperator, ToOperator, parse_to_operator
from protocol.proof import Login, sign_login
from protocol.roster import Button, Roster
from provisioning.site import DevicePlan, Site, SitePlan, make_site
from tests.harness.processes import SCALE, Process
from tests.harness.world import BIN
from tests.pki import CLIENT, Made, Wish, make, uri

SITE = "home"
HOST = "door.example:8443"
ORIGIN = f"https://{HOST}"
SUBPROTOCOL = "doorward.v1"
DEADLINE_S = 10 * SCALE
RELAXED = "unauthenticated_per_s = 100000\nmessages_per_s = 100000\n"
"""Limits that no test meets by accident."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `process` has its log."""

    site: Site
    process: Process
    devices_url: str
    people_url: str
    people_port: int

    @property
    def operator_url(self) -> str:
        return self.devices_url.removesuffix("device") + "operator"

    def context(self, client: Made | None = None, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """TLS that trusts the site's CA; with `client`, that shows its certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, newest
        context.load_verify_locations(self.site.ca_path)
        if client is not None:
            path = self.site.folder / f"client-{new_token()}.pem"
            path.write_text(client.with_key)
            context.load_cert_chain(path)
        return context


def two_doors() -> SitePlan:
    door = DevicePlan({"flat-1": ("Flat 1", ["alice", "bob"])}, {"main": "Street door"})
    return SitePlan(
        SITE,
        ("127.0.0.1", "localhost"),
        {"front-door": door, "back-door": door, "side-door": door},
        {"alice": ("Alice", ["talk", "open"]), "bob": ("Bob", ["talk"])},
        devices_port=0,
        people_port=0,
    )


def only(roster: Roster, person: str) -> Roster:
    """The next roster of a device, which names nobody but `person`."""
    buttons = {name: Button(button.label, [person]) for name, button in roster.buttons.items()}
    return replace_roster(roster, buttons=buttons, answerers={person: roster.answerers[person]})


def replace_roster(roster: Roster, **changes: Any) -> Roster:
    return msgspec.structs.replace(roster, **{"serial": roster.serial + 1, **changes})


@contextlib.contextmanager
def running_server(folder: Path, limits: str = RELAXED) -> Iterator[Server]:
    """A house of two doors and a side door: the front door rings Alice alone, the back door Bob alone."""
    site = make_site(folder / "site", two_doors())
    site.publish(only(site.rosters["front-door"], "alice"))
    site.publish(only(site.rosters["back-door"], "bob"))
    config = site.signaling_config
    lines = [f'hosts = ["{HOST}"]' if line.startswith("hosts") else line for line in config.read_text().splitlines()]
    config.write_text("\n".join([*lines, "[limits]", limits]))
    with serving(site) as server:
        yield server


@contextlib.contextmanager
def serving(site: Site) -> Iterator[Server]:
    """The server of a site that is there already, with what it has kept."""
    config = site.signaling_config
    with Process([str(BIN / "doorward-signaling"), "run", "--config", str(config)]) as process:
        ready = process.wait_for("listening")
        devices, people = ready["devices_port"], ready["people_port"]
        assert isinstance(people, int)
        yield Server(site, process, f"wss://127.0.0.1:{devices}/device", f"wss://127.0.0.1:{people}/answerer", people)


async def open_socket(
    url: str, context: ssl.SSLContext, origin: str | None = None, subprotocol: str | None = SUBPROTOCOL
) -> ClientConnection:
    return await connect(
        url,
        ssl=context,
        subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
        origin=Origin(origin) if origin else None,
        compression=None,
        close_timeout=1,
        proxy=None,
    )


@dataclass
class Door:
    """A device's connection, welcomed."""

    connection: ClientConnection
    welcome: DeviceWelcome

    async def send(self, message: FromDevice) -> None:
        await self.connection.send(encode(message))

    async def receive(self) -> ToDevice:
        return parse_to_device(await asyncio.wait_for(self.connection.recv(), DEADLINE_S))


@dataclass
class Person:
    """A page's connection; `welcome` once it is logged in."""

    connection: ClientConnection
    challenge: Challenge
    welcome: AnswererWelcome | None = None
    keys: list[str] = field(default_factory=list)
    rosters: list[str] = field(default_factory=list)

    async def send(self, message: FromAnswerer) -> None:
        await self.connection.send(encode(message))

    async def receive(self) -> ToAnswerer:
        return parse_to_answerer(await asyncio.wait_for(self.connection.recv(), DEADLINE_S))


@dataclass
class Operator:
    """The connection of the operator's tool."""

    connection: ClientConnection

    async def ask(self, message: FromOperator) -> ToOperator:
        await self.connection.send(encode(message))
        return await self.receive()

    async def receive(self) -> ToOperator:
        return parse_to_operator(await asyncio.wait_for(self.connection.recv(), DEADLINE_S))


def operator_wish(server: Server) -> Wish:
    """An operator's certificate as it should be; `dataclasses.replace` spoils it."""
    return Wish(server.site.authority, "operator", [uri(operator_urn(SITE))], [CLIENT])


@contextlib.asynccontextmanager
async def operator(server: Server) -> AsyncIterator[Operator]:
    context = server.context(make(operator_wish(server)))
    async with await open_socket(server.operator_url, context) as connection:
        yield Operator(connection)


@contextlib.asynccontextmanager
async def door(server: Server, made: Made) -> AsyncIterator[Door]:
    async with await open_socket(server.devices_url, server.context(made)) as connection:
        welcome = parse_to_device(await asyncio.wait_for(connection.recv(), DEADLINE_S))
        assert isinstance(welcome, DeviceWelcome)
        yield Door(connection, welcome)


@contextlib.asynccontextmanager
async def stranger(server: Server, origin: str | None = ORIGIN) -> AsyncIterator[Person]:
    """A page that has been challenged and has not logged in."""
    async with await open_socket(server.people_url, server.context(), origin) as connection:
        challenge = parse_to_answerer(await asyncio.wait_for(connection.recv(), DEADLINE_S))
        assert isinstance(challenge, Challenge)
        yield Person(connection, challenge)


def login(server: Server, page: Person, who: str, key: PrivateKey | None = None, **changes: str) -> LoginMessage:
    """The login of `who`, right unless `key` or `changes` spoil it."""
    claims = {"nonce": page.challenge.nonce, "site": SITE, "answerer": who, "host": HOST, **changes}
    return LoginMessage(jws=sign_login(Login(**claims), key or server.site.people_keys[who]))


@contextlib.asynccontextmanager
async def person(server: Server, who: str) -> AsyncIterator[Person]:
    """A page that is logged in, its welcome, successors of the roster key and one or more rosters read."""
    async with stranger(server) as page:
        await page.send(login(server, page, who))
        welcome = await page.receive()
        assert isinstance(welcome, AnswererWelcome)
        page.welcome = welcome
        while len(page.rosters) < len(welcome.devices):
            match await page.receive():
                case RosterKeyMessage(jws=jws) if not page.rosters:
                    page.keys.append(jws)
                case RosterMessage(jws=jws):
                    page.rosters.append(jws)
                case other:
                    raise AssertionError(f"before its rosters a page hears of {other}")
        yield page


async def closed(connection: ClientConnection) -> tuple[int, str]:
    """The code and reason that the server closes with, whatever it says before."""
    try:
        while True:
            await asyncio.wait_for(connection.recv(), DEADLINE_S)
    except ConnectionClosed as end:
        return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "closed without a word")
