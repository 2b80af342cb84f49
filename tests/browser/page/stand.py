"""What the page's tests stand on: a signaling server scripted line by line, a site's keys, a door played by a page."""

import asyncio
import json
import queue
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from aiohttp import WSMsgType, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from playwright.sync_api import BrowserContext, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from protocol.keys import PrivateKey, new_key, private_key_pem, public_jwk, thumbprint
from protocol.messages import parse_to_door
from protocol.proof import text_digest, verify_login, verify_proof
from protocol.roster import Answerer, Button, Door, Roster, sign_roster
from protocol.sdp import vet_answer
from provisioning.invitation import invitation_link
from signaling.adapters.page import FOLDER, SHELL, TYPES, headers, shell
from signaling.config import Config
from tests.harness.chromium import QUIET

HERE = Path(__file__).parent
WITHIN_S = 15.0

CHROMIUM_ARGS = [
    *QUIET,
    "--no-sandbox",
    "--ignore-certificate-errors",  # as `ignore_https_errors`, which service workers do not heed
    "--use-fake-device-for-media-stream",
    "--disable-features=WebRtcHideLocalIpsWithMdns",  # two pages of one browser find each other by address
]


def certificate(folder: Path) -> ssl.SSLContext:
    key = new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "page test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private_key_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


HEAR_S = 20.0
"""How long a message may take; within it the page has sent several heartbeats."""


class Server:
    """Serves the page as the real server does; each WebSocket message it gets waits in `inbox`."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.inbox: queue.Queue[dict[str, Any]] = queue.Queue()
        self.connections: queue.Queue[web.WebSocketResponse] = queue.Queue()
        self.origins: list[str] = []
        self.version = ""
        """Of the page that is served: another one is a newer page, whose files happen to be the same."""
        self.down = False
        """Nobody is there: connections end without a word."""
        self._loop = asyncio.new_event_loop()
        self._socket: web.WebSocketResponse | None = None
        self._csp: dict[str, str] = {}
        started: queue.Queue[int] = queue.Queue()
        self._thread = threading.Thread(target=self._serve, args=(context, started), daemon=True)
        self._thread.start()
        self.port = started.get(timeout=WITHIN_S)
        self.host = f"127.0.0.1:{self.port}"
        self.origin = f"https://{self.host}"
        people = SimpleNamespace(hosts=[self.host], connect=[])
        self._csp = headers(cast("Config", SimpleNamespace(people=people)))

    def send(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            self.send_text(json.dumps(message))

    def send_text(self, text: str) -> None:
        socket = self._socket
        assert socket is not None, "nobody is connected"
        asyncio.run_coroutine_threadsafe(socket.send_str(text), self._loop).result(WITHIN_S)

    def expect(self, kind: str, within_s: float = WITHIN_S) -> dict[str, Any]:
        """The next message of this kind; others before it are dropped."""
        dropped: list[dict[str, Any]] = []
        while True:
            try:
                message = self.inbox.get(timeout=within_s)
            except queue.Empty:
                pytest.fail(f"no {kind} from the page within {within_s} s, but {dropped}")
            if message["type"] == kind:
                return message
            dropped.append(message)

    def connected(self) -> None:
        """Wait for a new connection, which becomes the one to send to."""
        self._socket = self.connections.get(timeout=WITHIN_S)

    def hang_up(self, code: int = 1001, reason: str = "") -> None:
        socket = self._socket
        assert socket is not None, "nobody is connected"
        closing = socket.close(code=code, message=reason.encode())
        asyncio.run_coroutine_threadsafe(closing, self._loop).result(WITHIN_S)

    def forget(self) -> None:
        """Leave nothing of one test to the next."""
        for waiting in (self.inbox, self.connections):
            while not waiting.empty():
                waiting.get()
        self._socket = None
        self.version = ""
        self.down = False

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)

    def _serve(self, context: ssl.SSLContext, started: "queue.Queue[int]") -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_get("/answerer", self._answerer)
        app.router.add_get("/{name:.*}", self._page)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        self._loop.run_until_complete(site.start())
        started.put(runner.addresses[0][1])
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _page(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"] or "index.html"
        self._gone(request)
        if name == "blank.html":
            return web.Response(text="<!doctype html><title>blank</title>", content_type="text/html", headers=self._csp)
        if name == SHELL:
            kept = shell(FOLDER, self._csp["Content-Security-Policy"] + self.version)
            return web.Response(body=kept, content_type="application/json", headers=self._csp)
        if name.endswith("/"):
            name += "index.html"
        folder, name = (HERE, name.removeprefix("test/")) if name.startswith("test/") else (FOLDER, name)
        path = folder / name
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={**self._csp, "Content-Type": TYPES[path.suffix]})

    def _gone(self, request: web.Request) -> None:
        if self.down and request.transport is not None:
            request.transport.abort()
            raise web.HTTPServiceUnavailable  # which nobody is there to read

    async def _answerer(self, request: web.Request) -> web.WebSocketResponse:
        self._gone(request)
        socket = web.WebSocketResponse(protocols=["doorward.v1"])
        await socket.prepare(request)
        self.origins.append(request.headers.get("Origin", ""))
        self.connections.put(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.inbox.put(json.loads(message.data))
        return socket


@dataclass(frozen=True)
class House:
    """A site with its keys, as the operator has it."""

    host: str
    origin: str
    site: str = "home"
    roster_key: PrivateKey = field(default_factory=new_key)
    alice: PrivateKey = field(default_factory=new_key)

    def roster(self, fingerprints: Sequence[str] = (), **changes: Any) -> Roster:
        now = int(datetime.now(UTC).timestamp())
        roster = Roster(
            site=self.site,
            device="front-door",
            serial=1,
            issued=now - 60,
            expires=now + 86400,
            fingerprints=list(fingerprints),
            buttons={"flat-1": Button(label="Flat 1", rings=["alice", "bob"])},
            doors={"main": Door(label="Street door")},
            answerers={
                "alice": Answerer(
                    label="Alice", keys=[thumbprint(public_jwk(self.alice))], may=["talk", "open", "view"]
                ),
                "bob": Answerer(label="Bob", keys=["A" * 43], may=["talk"]),
            },
        )
        return msgspec.structs.replace(roster, **changes)

    def signed(self, fingerprints: Sequence[str] = (), **changes: Any) -> str:
        return sign_roster(self.roster(fingerprints, **changes), self.roster_key)

    def invitation(self, **changes: Any) -> str:
        values: dict[str, Any] = {
            "page_url": f"{self.origin}/",
            "site": self.site,
            "answerer": "alice",
            "key": self.alice,
            "roster_key": public_jwk(self.roster_key),
            "serials": {"front-door": 1},
            "signaling": f"wss://{self.host}/answerer",
        }
        return invitation_link(**(values | changes))

    def another(self) -> "House":
        return replace(self, roster_key=new_key())


NONCE = "n" * 22
SESSION = "s" * 22


def log_in(server: Server, house: House, rosters: Sequence[str] = (), *, online: bool = True) -> None:
    """Play the server's side of a login, and check the page's."""
    server.connected()
    server.send({"type": "challenge", "nonce": NONCE, "site": house.site})
    login, signer = verify_login(server.expect("login")["jws"])
    assert (login.nonce, login.site, login.answerer, login.host) == (NONCE, house.site, "alice", house.host)
    assert signer == thumbprint(public_jwk(house.alice))
    devices = [{"device": "front-door", "online": online}]
    server.send(
        {"type": "welcome", "session": SESSION, "ice_servers": [], "rosters": [], "devices": devices, "push_key": None},
        *({"type": "roster", "jws": jws} for jws in rosters),
    )


LINK = "l" * 22
CALL = "c" * 21 + "A"
IDLE: dict[str, Any] = {
    "type": "state", "phase": "idle", "call": None, "button": None, "since": 1, "answered_by": None, "video": False,
    "audio": False, "doors": {"main": {"open_until": None}}, "you": {"may": ["talk", "open", "view"]}, "faults": [],
}  # fmt: skip
RINGING = {**IDLE, "phase": "ringing", "call": CALL, "button": "flat-1", "since": 1790000000, "video": True}


STANDING = """() => {
  const { pc, channelOpen, channelClosed } = window.door;
  const dtls = pc.sctp?.transport;
  const { connectionState: connection } = pc;
  return { connection, ice: dtls?.iceTransport.state, dtls: dtls?.state, channelOpen, channelClosed };
}"""


class DoorPage:
    """The other page, playing the door station."""

    def __init__(self, context: BrowserContext, server: Server) -> None:
        self.page = context.new_page()
        self.page.goto(f"{server.origin}/blank.html")
        self.fingerprint: str = self.do(
            "async () => { const { FakeDoor } = await import('/test/door.js'); window.door = new FakeDoor();"
            " return window.door.open(); }"
        )
        self.offer: str = self.do("() => window.door.offer()")
        self._heard = 0

    def do(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def say(self, message: Any) -> None:
        self.do("(m) => window.door.say(m)", message)

    def hear(self, kind: str) -> dict[str, Any]:
        """The next message of this kind on `control`, as the device's own parser takes it."""
        until = time.monotonic() + HEAR_S
        while time.monotonic() < until:  # heartbeats go on for ever
            try:
                self.page.wait_for_function("(n) => window.door.heard.length > n", arg=self._heard, polling=50)
            except PlaywrightTimeoutError as error:
                raise AssertionError(f"the page never said {kind!r}; the door's end: {self.do(STANDING)}") from error
            message: dict[str, Any] = self.do("(n) => window.door.heard[n]", self._heard)
            self._heard += 1
            parse_to_door(json.dumps(message))
            if message["type"] == kind:
                return message
        raise AssertionError(f"the page never said {kind!r}")

    def opened(self) -> None:
        self.page.wait_for_function("() => window.door.channelOpen", polling=50)

    def closed(self) -> None:
        self.page.wait_for_function("() => window.door.channelClosed", polling=50)

    def obey(self, kind: str) -> dict[str, Any]:
        message = self.hear(kind)
        self.say({"type": "done", "id": message["id"]})
        return message


def phase(page: Page, name: str) -> None:
    """Wait until the card is in this phase."""
    page.locator(f"#door-front-door[data-phase={name}]").wait_for()


def refusals(page: Page, number: int) -> None:
    """Wait until the page has refused so many things since it was loaded, and no more."""
    page.wait_for_function("(n) => document.documentElement.dataset.refusals === String(n)", arg=number)


def negotiate(
    house: House, server: Server, door: DoorPage, link: str = LINK, hello: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """From the offer to the page's hello, which is returned; every step is checked with the device's own code.

    The door has the first word; `hello` is what it says otherwise than it should.
    """
    server.send({"type": "offer", "device": "front-door", "link": link, "sdp": door.offer})
    answer = server.expect("answer")
    vetted = vet_answer(answer["sdp"])
    proof, signer = verify_proof(answer["proof"])
    assert signer == thumbprint(public_jwk(house.alice))
    assert (proof.site, proof.device, proof.answerer, proof.link) == ("home", "front-door", "alice", link)
    assert (proof.device_fingerprint, proof.fingerprint) == (door.fingerprint, vetted.fingerprint)
    assert (proof.offer, proof.answer) == (text_digest(door.offer), text_digest(answer["sdp"]))
    door.do("(sdp) => window.door.accept(sdp)", answer["sdp"])
    while (candidate := server.expect("candidate")["candidate"]) is not None:
        door.do("(c) => window.door.addCandidate(c)", candidate)
    named = {"type": "hello", "v": 1, "link": link, "site": "home", "device": "front-door", "answerer": "alice"}
    door.opened()
    door.say({**named, "serial": 1, **hello})
    heard = door.hear("hello")
    assert named == {name: heard[name] for name in heard if name != "serial"}
    return heard


def connect(house: House, server: Server, door: DoorPage, link: str = LINK) -> None:
    """The same; from then on the door answers pings by itself."""
    negotiate(house, server, door, link)
    door.do("() => { window.door.auto = true; }")
