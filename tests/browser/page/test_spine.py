"""Login, link, ring, answer, open: the page against a door station played by a second page."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from conftest import House, Server, log_in
from playwright.sync_api import BrowserContext, Page

from protocol.keys import public_jwk, thumbprint
from protocol.messages import parse_to_door
from protocol.proof import text_digest, verify_proof
from protocol.sdp import vet_answer

LINK = "l" * 22
CALL = "c" * 21 + "A"
IDLE: dict[str, Any] = {
    "type": "state", "phase": "idle", "call": None, "button": None, "since": 1, "answered_by": None, "video": False,
    "audio": False, "doors": {"main": {"open_until": None}}, "you": {"may": ["talk", "open", "view"]}, "faults": [],
}  # fmt: skip
RINGING = {**IDLE, "phase": "ringing", "call": CALL, "button": "flat-1", "since": 1790000000, "video": True}


class Door:
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
        while True:
            self.page.wait_for_function("(n) => window.door.heard.length > n", arg=self._heard)
            message: dict[str, Any] = self.do("(n) => window.door.heard[n]", self._heard)
            self._heard += 1
            parse_to_door(json.dumps(message))
            if message["type"] == kind:
                return message

    def closed(self) -> None:
        self.page.wait_for_function("() => window.door.channelClosed")

    def obey(self, kind: str) -> dict[str, Any]:
        message = self.hear(kind)
        self.say({"type": "done", "id": message["id"]})
        return message


@pytest.fixture
def door(context: BrowserContext, server: Server) -> Door:
    return Door(context, server)


@pytest.fixture
def connect(invited: Page, house: House, server: Server, door: Door) -> Callable[[], None]:
    """Carry it to where both hellos were exchanged; every step is checked with the device's own code."""

    def connect() -> None:
        log_in(server, house, [house.signed([door.fingerprint])])
        server.send({"type": "offer", "device": "front-door", "link": LINK, "sdp": door.offer})
        answer = server.expect("answer")
        vetted = vet_answer(answer["sdp"])
        proof, signer = verify_proof(answer["proof"])
        assert signer == thumbprint(public_jwk(house.alice))
        assert (proof.site, proof.device, proof.answerer, proof.link) == ("home", "front-door", "alice", LINK)
        assert (proof.device_fingerprint, proof.fingerprint) == (door.fingerprint, vetted.fingerprint)
        assert (proof.offer, proof.answer) == (text_digest(door.offer), text_digest(answer["sdp"]))
        door.do("(sdp) => window.door.accept(sdp)", answer["sdp"])
        while (candidate := server.expect("candidate")["candidate"]) is not None:
            door.do("(c) => window.door.addCandidate(c)", candidate)
        hello = door.hear("hello")
        named = {"link": LINK, "site": "home", "device": "front-door", "answerer": "alice"}
        assert hello == {"type": "hello", "v": 1, **named, "serial": 1}
        door.do("() => { window.door.auto = true; }")
        door.say(hello)

    return connect


def phase(page: Page, name: str) -> None:
    page.locator(f"#door-front-door[data-phase={name}]").wait_for()


def test_a_visitor_is_seen_heard_and_let_in(
    connect: Callable[[], None], invited: Page, context: BrowserContext, door: Door
) -> None:
    page = invited
    context.grant_permissions(["microphone"])
    connect()
    door.say(IDLE)
    phase(page, "idle")
    door.do("() => window.door.show(true)")
    door.say(RINGING)
    phase(page, "ringing")
    page.locator("#door-front-door[data-picture=live]").wait_for()
    width = page.evaluate("() => document.querySelector('video[data-device=front-door]').videoWidth")
    assert width == 640

    page.locator("#answer-front-door").click()
    assert door.obey("answer")["call"] == CALL
    door.do("() => window.door.talk(true)")
    door.say({**RINGING, "phase": "talking", "answered_by": "alice", "audio": True})
    phase(page, "talking")
    door.page.wait_for_function("async () => await window.door.level() > 0.001")

    page.locator("#open-front-door-main").click()
    opened = door.obey("open-door")
    assert (opened["door"], opened["call"]) == ("main", CALL)
    until = page.evaluate("() => Math.floor(Date.now() / 1000) + 5")
    talking = {**RINGING, "phase": "talking", "answered_by": "alice", "audio": True}
    door.say({**talking, "doors": {"main": {"open_until": until}}})
    page.locator("#open-front-door-main[data-open=true]").wait_for()

    page.locator("#hang-up-front-door").click()
    assert door.obey("hang-up")["call"] == CALL
    door.say(IDLE)
    phase(page, "idle")
