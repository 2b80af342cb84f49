"""A day at one door, in minutes: the page has a clock that is turned by hand, the door a browser context of its own."""

import json
import queue
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser.page.stand import (
    IDLE,
    RINGING,
    WITHIN_S,
    DoorPage,
    House,
    Server,
    connect,
    log_in,
    phase,
)
from tests.browser.page.test_page_calls import MISSED
from tests.browser.page.test_page_soak import size

HERE = Path(__file__).parent

HOUR_S = 3600
RING_EVERY_S = 120
SERVER_GOES, LINK_BREAKS, SOMEBODY_LOOKS = 7, 14, 21
"""After these rings of every hour, counted from 0."""

KINDS = ("answered", "declined", "missed", "elsewhere", "looked")
KEPT = 12
"""Calls that the door tells of."""

NOT_HELD = {"code", "native", "hidden", "synthetic"}
"""Types of a heap snapshot's nodes."""

TONES_MS = 1_600
"""A chime sounds for 1.5 s by the real clock, and is memory until then."""

OBEYS = """() => {
  const { door } = window;
  door.commands = [];
  door.given = [];
  door.past = [];
  door.channel.onmessage = async ({ data }) => {
    const { type, id, call } = JSON.parse(data);
    if (door.silent || id === undefined) return;
    if (type === "history") return door.say({ type, id, calls: door.past });
    if (type === "snapshot") {
      await door.sayPicture(id);
      door.given.push(call);
      return;
    }
    if (type !== "ping") door.commands.push(type);
    door.say({ type: "done", id });
  };
}"""
"""Every command is done, and what is asked for is given."""

HAS = """async ([list, value, within]) => {
  const { door } = window;
  const until = performance.now() + within;
  while (!door[list].includes(value)) {
    if (performance.now() > until) throw new Error(`no ${value} in ${list}, but ${door[list]}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  door[list].length = 0;
}"""


class Day:
    """Hours of one page's life, one after the other; `hour` tells how large the page is after each."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self.server = server
        self.house = House(server.host, server.origin)
        tenant = browser.new_context(ignore_https_errors=True, viewport={"width": 1024, "height": 768})
        tenant.set_default_timeout(WITHIN_S * 1000)
        tenant.grant_permissions(["microphone", "screen-wake-lock"])
        tenant.add_init_script(path=HERE / "clock.js")
        self.street = browser.new_context(ignore_https_errors=True)
        self.street.set_default_timeout(WITHIN_S * 1000)
        self.page = tenant.new_page()
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.passed_s = 0
        self.began = int(time.time())
        self.rings = 0
        self.links = 0
        self.logins = 0
        self.past: list[dict[str, Any]] = []
        self.enter()

    def enter(self) -> None:
        """The person takes up the invitation, and the door calls for the first time."""
        self.page.goto(self.house.invitation())
        self.page.locator("#confirm-invitation").click()
        self.page.locator("#doors").wait_for()
        self.log_in()
        self.link()

    def log_in(self) -> None:
        log_in(self.server, self.house)
        self.logins += 1

    def link(self) -> None:
        """The door has a new certificate, hence the site a new roster; they meet."""
        self.door = DoorPage(self.street, self.server)
        if "a=candidate:" not in self.door.offer:
            raise RuntimeError("no network interface but loopback, for which Chromium offers no candidate")
        self.links += 1
        roster = self.house.signed(
            [self.door.fingerprint], serial=self.links, issued=self.now() - 60, expires=self.now() + 30 * 86400
        )
        self.server.send({"type": "roster", "jws": roster})
        connect(self.house, self.server, self.door, f"{self.links:022d}")
        self.door.do(OBEYS)
        self.door.do("(past) => { window.door.past = past; }", self.past)
        self.door.say(IDLE)
        phase(self.page, "idle")

    def now(self) -> int:
        """What the page takes for the time, seconds UTC."""
        return self.began + self.passed_s

    def turn(self, seconds: int) -> None:
        self.page.evaluate("(ms) => turn(ms)", seconds * 1000)
        self.passed_s += seconds

    def press(self, button: str, command: str) -> None:
        """The person presses; the door has heard it, and has done it."""
        self.page.locator(f"#{button}").dispatch_event("click")
        self.door.do(HAS, ["commands", command, WITHIN_S * 1000])

    def hour(self) -> dict[str, int]:
        """How large the page is after a collection, once the hour is over.

        `heap`, bytes in use; `held`, those of them that the scripts' own objects take; nodes and listeners.
        """
        for ring in range(HOUR_S // RING_EVERY_S):
            until = self.passed_s + RING_EVERY_S
            self.ring()
            if ring == SERVER_GOES:
                self.server_goes()
            if ring == LINK_BREAKS:
                self.link_breaks()
            if ring == SOMEBODY_LOOKS:
                self.somebody_looks()
            self.turn(max(0, until - self.passed_s))
        if self.wrong:
            raise RuntimeError(f"errors in the page: {self.wrong}")
        self.page.wait_for_timeout(TONES_MS)
        return size(self.page) | {"held": held(self.page)}

    def ring(self) -> None:
        """Every kind of visit in its turn, each with a picture and, the next time, without one."""
        kind = KINDS[self.rings % len(KINDS)]
        seen = self.rings % 2 == 0
        call = f"{self.rings:021d}A"
        self.rings += 1
        ringing = {**RINGING, "call": call, "since": self.now()}
        if seen:
            self.door.do("() => window.door.show(true)")
        if kind == "looked":
            self.look(seen)
        else:
            self.door.say(ringing)
            phase(self.page, "ringing")
            self.seen(seen)
            self.turn(8)
            self.after(kind, ringing)
            past = {**MISSED, "call": call, "at": self.now(), "outcome": outcome(kind)}
            self.past = [past | {"answered_by": answerer(kind)}, *self.past[: KEPT - 1]]
            self.door.do("(past) => { window.door.past = past; }", self.past)
            self.door.say(IDLE)
            self.door.do(HAS, ["given", call, WITHIN_S * 1000])
        phase(self.page, "idle")
        self.door.do("() => window.door.show(false)")

    def seen(self, seen: bool) -> None:
        if seen:
            self.page.locator("#door-front-door[data-picture=live]").wait_for()

    def look(self, seen: bool) -> None:
        self.press("look-in-front-door", "view")
        self.door.say({**IDLE, "video": True})
        phase(self.page, "viewing")
        self.seen(seen)
        self.turn(20)
        self.press("look-in-front-door", "view")
        self.door.say(IDLE)

    def after(self, kind: str, ringing: dict[str, Any]) -> None:
        """What becomes of a ring, until the door says that nobody is there."""
        match kind:
            case "answered":
                talking = {**ringing, "phase": "talking", "answered_by": "alice", "audio": True}
                self.press("answer-front-door", "answer")
                self.door.do("() => window.door.talk(true)")
                self.door.say(talking)
                phase(self.page, "talking")
                mute = self.page.locator("#mute-front-door")
                mute.wait_for()
                for _ in range(2):
                    mute.dispatch_event("click")
                self.turn(10)
                self.press("open-front-door-main", "open-door")
                self.door.say({**talking, "doors": {"main": {"open_until": self.now() + 5}}})
                self.turn(10)
                self.press("hang-up-front-door", "hang-up")
                self.door.do("() => window.door.talk(false)")
            case "declined":
                self.press("decline-front-door", "decline")
            case "elsewhere":
                self.door.say({**ringing, "phase": "talking", "answered_by": "bob", "video": False})
                phase(self.page, "elsewhere")
                self.turn(20)
            case _:
                self.turn(22)

    def server_goes(self) -> None:
        """Until the page says so, and a minute more; then it is back."""
        self.server.down = True
        self.server.hang_up()
        self.until("data-state", "unreachable", "#connection")
        self.turn(60)
        self.server.down = False
        for _ in range(60):
            try:
                self.server.connections.put(self.server.connections.get(timeout=0.2))
                break
            except queue.Empty:
                self.turn(1)
        self.log_in()

    def link_breaks(self) -> None:
        """By turns the door falls silent, goes without a word, or says that it goes; another one comes."""
        match self.links % 3:
            case 0:
                self.door.do("() => { window.door.silent = true; }")
            case 1:
                self.door.page.close()
            case _:
                self.door.say({"type": "close", "reason": "bye"})
        self.until("data-link", "none", "#door-front-door")
        if not self.door.page.is_closed():
            self.door.page.close()
        self.link()

    def somebody_looks(self) -> None:
        """At the settings, and at a visitor's picture; and the page comes back to the front."""
        self.page.locator("#open-settings").click()
        self.page.locator("#close-settings").click()
        self.page.locator("dialog#settings").wait_for(state="detached")
        self.page.locator("#calls-front-door button.thumb").first.click()
        self.page.locator("dialog#snapshot button").click()
        self.page.locator("dialog#snapshot").wait_for(state="detached")
        self.page.evaluate("() => void dispatchEvent(new Event('online'))")

    def until(self, attribute: str, value: str, where: str) -> None:
        """Turn the clock until the page says so; RuntimeError after five minutes of it."""
        element = self.page.locator(where)
        for _ in range(150):
            self.turn(2)
            if element.get_attribute(attribute) == value:
                return
        raise RuntimeError(f"{where} never had {attribute}={value}, but {element.get_attribute(attribute)}")


def held(page: Page) -> int:
    """Bytes of objects, functions, arrays and texts, without compiled code and what the browser itself keeps."""
    devtools = page.context.new_cdp_session(page)
    pieces: list[str] = []
    devtools.on("HeapProfiler.addHeapSnapshotChunk", lambda event: pieces.append(event["chunk"]))
    devtools.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    devtools.detach()
    snapshot: dict[str, Any] = json.loads("".join(pieces))
    fields: list[str] = snapshot["snapshot"]["meta"]["node_fields"]
    types: list[str] = snapshot["snapshot"]["meta"]["node_types"][fields.index("type")]
    nodes: list[int] = snapshot["nodes"]
    kinds, sizes = (nodes[fields.index(name) :: len(fields)] for name in ("type", "self_size"))
    return sum(size for kind, size in zip(kinds, sizes, strict=True) if types[kind] not in NOT_HELD)


def outcome(kind: str) -> str:
    return "answered" if kind == "elsewhere" else kind


def answerer(kind: str) -> str | None:
    return {"answered": "alice", "elsewhere": "bob"}.get(kind)
