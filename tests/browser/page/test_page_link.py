"""Links: a visitor is seen, heard and let in; whoever is not the door gets nowhere."""

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from protocol.roster import Answerer
from tests.browser.page.stand import (
    CALL,
    IDLE,
    LINK,
    RINGING,
    WITHIN_S,
    DoorPage,
    House,
    Server,
    connect,
    log_in,
    negotiate,
    phase,
    refusals,
)
from tests.harness.processes import wait_until

HELLO = {
    "type": "hello", "v": 1, "link": LINK, "site": "home", "device": "front-door", "answerer": "alice", "serial": 1,
}  # fmt: skip
OTHER = ":".join(["CD"] * 32)
TALKING = {**RINGING, "phase": "talking", "answered_by": "alice", "audio": True}
SPY = """
window.described = 0;
const described = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function (...given) {
  window.described += 1;
  return described.apply(this, given);
};
"""


def offer(server: Server, sdp: str, link: str = LINK) -> None:
    server.send({"type": "offer", "device": "front-door", "link": link, "sdp": sdp})


def join(server: Server, door: DoorPage) -> None:
    """Offer, and take whatever the page answers."""
    offer(server, door.offer)
    door.do("(sdp) => window.door.accept(sdp)", server.expect("answer")["sdp"])
    while (candidate := server.expect("candidate")["candidate"]) is not None:
        door.do("(c) => window.door.addCandidate(c)", candidate)


def linked(page: Page, house: House, server: Server, door: DoorPage) -> None:
    """Logged in, linked, and the door has said that nobody is there."""
    log_in(server, house, [house.signed([door.fingerprint])])
    connect(house, server, door)
    door.say(IDLE)
    phase(page, "idle")


# The daily business


def test_a_visitor_is_seen_heard_and_let_in(
    invited: Page, house: House, server: Server, context: BrowserContext, door: DoorPage
) -> None:
    context.grant_permissions(["microphone"])
    linked(invited, house, server, door)
    door.do("() => window.door.show(true)")
    door.say(RINGING)
    phase(invited, "ringing")
    invited.locator("#door-front-door[data-picture=live]").wait_for()
    assert invited.evaluate("() => document.querySelector('video[data-device=front-door]').videoWidth") > 0
    invited.wait_for_function("() => document.title !== 'Doorward'")

    invited.locator("#answer-front-door").click()
    assert door.obey("answer")["call"] == CALL
    door.do("() => window.door.talk(true)")
    door.say(TALKING)
    phase(invited, "talking")
    wait_until("the person is heard", lambda: door.do("() => window.door.level()") > 0.001)

    invited.locator("#open-front-door-main").click()
    opened = door.obey("open-door")
    assert (opened["door"], opened["call"]) == ("main", CALL)
    until = invited.evaluate("() => Math.floor(Date.now() / 1000) + 5")
    door.say({**TALKING, "doors": {"main": {"open_until": until}}})
    invited.locator("#open-front-door-main[data-open=true]").wait_for()

    invited.locator("#mute-front-door").click()
    invited.locator("#mute-front-door[aria-pressed=true]").wait_for()
    invited.locator("#hang-up-front-door").click()
    assert door.obey("hang-up")["call"] == CALL
    door.say(IDLE)
    phase(invited, "idle")
    assert invited.title() == "Doorward"


def test_decline_look_in_and_away(invited: Page, house: House, server: Server, door: DoorPage) -> None:
    linked(invited, house, server, door)
    door.say(RINGING)
    invited.locator("#decline-front-door").click()
    assert door.obey("decline")["call"] == CALL
    door.say({**IDLE, "phase": "busy"})
    phase(invited, "busy")
    door.say(IDLE)
    phase(invited, "idle")
    assert invited.locator("#missed-front-door").is_hidden()
    invited.locator("#look-in-front-door").click()
    assert door.obey("view")["on"] is True
    door.say({**IDLE, "video": True, "call": CALL})
    phase(invited, "viewing")
    invited.locator("#look-in-front-door").click()
    assert door.obey("view")["on"] is False


def test_commands_count_up_by_one_and_pings_are_answered(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    linked(invited, house, server, door)
    door.say(RINGING)
    door.say({"type": "ping", "id": 41})
    assert door.hear("done")["id"] == 41
    invited.locator("#open-front-door-main").click()
    door.obey("open-door")
    invited.locator("#decline-front-door").click()
    door.obey("decline")
    door.hear("ping")
    ids = door.do("() => window.door.heard.filter((m) => m.id && m.type !== 'done').map((m) => m.id)")
    assert ids == list(range(1, len(ids) + 1))


def test_a_refusal_is_told_in_words(invited: Page, house: House, server: Server, door: DoorPage) -> None:
    linked(invited, house, server, door)
    door.say(RINGING)
    invited.locator("#answer-front-door").click()
    number = door.hear("answer")["id"]
    door.say({"type": "refused", "id": number, "code": "answered-elsewhere", "message": "x"})
    door.say({**RINGING, "phase": "talking", "answered_by": "bob", "video": False})
    phase(invited, "elsewhere")
    assert "Bob" in invited.locator("#line-front-door").inner_text()
    assert "just answered" in invited.locator("#notice-front-door").inner_text()


def test_without_a_microphone_the_call_goes_on(invited: Page, house: House, server: Server, door: DoorPage) -> None:
    linked(invited, house, server, door)
    door.say(RINGING)
    invited.locator("#answer-front-door").click()
    door.obey("answer")
    door.say(TALKING)
    phase(invited, "talking")
    invited.locator("#notice-front-door", has_text="cannot hear you").wait_for()
    assert invited.locator("#hang-up-front-door").is_visible()
    assert invited.locator("#mute-front-door").is_hidden()


# Who is not the door


def refused(page: Page, server: Server, reason: str) -> None:
    assert server.expect("close")["reason"] == reason
    assert page.evaluate("() => window.described") == 0


@pytest.fixture
def spied(page: Page, house: House) -> Page:
    """An invited page that counts what reaches the browser."""
    page.add_init_script(SPY)
    page.goto(house.invitation())
    page.locator("#confirm-invitation").click()
    return page


def test_a_fingerprint_that_is_not_on_the_roster(spied: Page, house: House, server: Server, door: DoorPage) -> None:
    log_in(server, house, [house.signed([OTHER])])
    offer(server, door.offer)
    refused(spied, server, "fingerprint")
    assert "safety" in spied.locator("#alert-front-door").inner_text()


def test_a_second_fingerprint_in_one_section(spied: Page, house: House, server: Server, door: DoorPage) -> None:
    log_in(server, house, [house.signed([door.fingerprint])])
    head, *sections = door.offer.split("m=")
    for number in range(3):
        changed = [part.replace(door.fingerprint, OTHER) if n == number else part for n, part in enumerate(sections)]
        assert changed != sections
        offer(server, "m=".join([head, *changed]), link=f"{number}" * 22)
        refused(spied, server, "fingerprint")


def test_no_roster_an_expired_one_or_one_without_this_key(
    spied: Page, house: House, server: Server, door: DoorPage
) -> None:
    log_in(server, house)
    offer(server, door.offer)
    refused(spied, server, "roster")
    answerers = house.roster().answerers | {"alice": Answerer(label="Alice", keys=["B" * 42 + "A"], may=["talk"])}
    for jws in (
        house.signed([door.fingerprint], serial=2, issued=1, expires=2),
        house.signed([door.fingerprint], serial=3, answerers=answerers),
        house.another().signed([door.fingerprint], serial=4),
    ):
        server.send({"type": "roster", "jws": jws})
        offer(server, door.offer)
        refused(spied, server, "roster")
    phase(spied, "removed")


def test_a_roster_rolled_back_after_a_reload(invited: Page, house: House, server: Server, door: DoorPage) -> None:
    log_in(server, house, [house.signed([OTHER], serial=5)])
    invited.locator("#door-front-door").wait_for()
    offer(server, door.offer)
    assert server.expect("close")["reason"] == "fingerprint"
    server.forget()
    invited.reload()
    log_in(server, house, [house.signed([door.fingerprint], serial=4)])
    offer(server, door.offer)
    assert server.expect("close")["reason"] == "fingerprint"


LATE = """
const real = RTCDtlsTransport.prototype.getRemoteCertificates;
RTCDtlsTransport.prototype.getRemoteCertificates = function () {
  if (window.told) return real.call(this);
  window.asked = this;
  return [];
};
"""


def test_a_certificate_that_the_browser_tells_late_is_waited_for(
    page: Page, house: House, server: Server, door: DoorPage
) -> None:
    page.add_init_script(LATE)
    page.goto(house.invitation())
    page.locator("#confirm-invitation").click()
    log_in(server, house, [house.signed([door.fingerprint])])
    join(server, door)
    page.wait_for_function("() => window.asked")
    page.evaluate("() => window.asked.dispatchEvent(new Event('statechange'))")
    refusals(page, 0)
    door.opened()
    door.say(HELLO)
    assert door.do("() => window.door.heard") == [], "nothing is said before the certificate is known"
    page.evaluate("() => { window.told = true; window.asked.dispatchEvent(new Event('statechange')); }")
    assert door.hear("hello")["link"] == LINK


def test_a_peer_with_another_certificate_than_the_offered_one(
    page: Page, house: House, server: Server, door: DoorPage
) -> None:
    page.add_init_script("RTCDtlsTransport.prototype.getRemoteCertificates = () => [new Uint8Array([1, 2, 3]).buffer];")
    page.goto(house.invitation())
    page.locator("#confirm-invitation").click()
    log_in(server, house, [house.signed([door.fingerprint])])
    offer(server, door.offer)
    door.do("(sdp) => window.door.accept(sdp)", server.expect("answer")["sdp"])
    # The link may end before the page has told all its candidates.
    while (said := server.inbox.get(timeout=WITHIN_S))["type"] == "candidate":
        if said["candidate"] is not None:
            door.do("(c) => window.door.addCandidate(c)", said["candidate"])
    assert (said["type"], said["reason"]) == ("close", "fingerprint")
    assert door.do("() => window.door.heard") == []


@pytest.mark.parametrize("member", ["link", "site", "device", "answerer", "v", "type"])
def test_a_hello_that_differs(invited: Page, house: House, server: Server, door: DoorPage, member: str) -> None:
    log_in(server, house, [house.signed([door.fingerprint])])
    wrong: dict[str, Any] = {"link": "x" * 22, "site": "away", "device": "back-door", "answerer": "bob", "v": 2}
    wrong["type"] = "ping"
    join(server, door)
    door.opened()
    door.do("(both) => both.forEach((one) => window.door.say(one))", [{**HELLO, member: wrong[member]}, RINGING])
    assert door.hear("close")["reason"] == "hello"
    door.closed()
    assert invited.locator("#door-front-door").get_attribute("data-phase") == "connecting"


def test_nothing_is_shown_before_the_hello(invited: Page, house: House, server: Server, door: DoorPage) -> None:
    log_in(server, house, [house.signed([door.fingerprint])])
    join(server, door)
    door.opened()
    door.say(RINGING)
    assert door.hear("close")["reason"] == "hello"
    door.closed()
    assert invited.locator("#door-front-door").get_attribute("data-phase") == "connecting"
    assert invited.title() == "Doorward"


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"state"}',
        '{"type":"ping","id":1,"id":2}',
        '{"type":"unlock"}',
        "[]",
        '{"type":"done","id":0}',
        "x" * 20000,
    ],
)
def test_a_malformed_message_ends_the_link(
    invited: Page, house: House, server: Server, door: DoorPage, text: str
) -> None:
    linked(invited, house, server, door)
    door.say(text)
    assert door.hear("close")["reason"] == "error"
    phase(invited, "connecting")


@pytest.mark.parametrize("label", ["control", "other"])
def test_a_second_channel_ends_the_link(
    invited: Page, house: House, server: Server, door: DoorPage, label: str
) -> None:
    linked(invited, house, server, door)
    door.do("(label) => window.door.newChannel(label, { protocol: 'doorward.v1' })", label)
    # At once: silence alone would end it too, but only after ten seconds.
    invited.locator("#door-front-door[data-phase=connecting]").wait_for(timeout=7_000)
    door.closed()


# Links come and go


def test_a_further_offer_is_refused_while_the_link_lives(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    linked(invited, house, server, door)
    offer(server, door.offer, link="m" * 22)
    closed = server.expect("close")
    assert (closed["reason"], closed["link"]) == ("linked", "m" * 22)
    door.say(RINGING)
    phase(invited, "ringing")


def test_a_further_offer_is_taken_when_the_link_is_dead(
    invited: Page, house: House, server: Server, context: BrowserContext, door: DoorPage
) -> None:
    linked(invited, house, server, door)
    door.do("() => { window.door.auto = false; }")
    again = DoorPage(context, server)
    server.send({"type": "roster", "jws": house.signed([door.fingerprint, again.fingerprint], serial=2)})
    connect(house, server, again, link="m" * 22)
    again.say(RINGING)
    phase(invited, "ringing")
    door.closed()


def test_a_silent_door_is_given_up_within_ten_seconds(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    linked(invited, house, server, door)
    door.do("() => { window.door.auto = false; }")
    phase(invited, "connecting")
    assert door.hear("close")["reason"] == "timeout"


def test_the_servers_close_is_ignored_once_the_link_stands(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    linked(invited, house, server, door)
    server.send({"type": "close", "device": "front-door", "link": LINK, "reason": "bye"})
    door.say(RINGING)
    phase(invited, "ringing")


def test_a_link_outlives_the_server_and_the_session_comes_back(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    linked(invited, house, server, door)
    server.hang_up()
    invited.locator("#connection[data-state=lost]").wait_for()
    door.say(RINGING)
    phase(invited, "ringing")
    log_in(server, house, [house.signed([door.fingerprint])])
    invited.locator("#connection[data-state=online]").wait_for()
    phase(invited, "ringing")


def test_a_replaced_session_does_not_fight_back(invited: Page, house: House, server: Server) -> None:
    log_in(server, house)
    server.hang_up(1000, "replaced")
    invited.locator("#connection[data-state=replaced]").wait_for()
    invited.locator("#use-here-home").click()
    log_in(server, house)
    invited.locator("#connection[data-state=online]").wait_for()


def test_a_newer_roster_of_the_door_itself_is_obeyed(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    """The server withholds it; the door brings it: this key is no longer on it."""
    linked(invited, house, server, door)
    answerers = house.roster().answerers | {"alice": Answerer(label="Alice", keys=["B" * 42 + "A"], may=["talk"])}
    door.say({"type": "roster", "jws": house.signed([door.fingerprint], serial=2, answerers=answerers)})
    assert door.hear("close")["reason"] == "roster"
    phase(invited, "removed")


def test_a_roster_without_the_links_certificate_ends_it(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    linked(invited, house, server, door)
    server.send({"type": "roster", "jws": house.signed([OTHER], serial=2)})
    assert door.hear("close")["reason"] == "roster"


def test_an_older_or_forged_roster_of_the_door_changes_nothing(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    linked(invited, house, server, door)
    door.say({"type": "roster", "jws": house.another().signed([], serial=9)})
    door.say({"type": "roster", "jws": house.signed([], serial=1)})
    door.say(RINGING)
    phase(invited, "ringing")


def test_the_page_gives_the_door_a_newer_roster(invited: Page, house: House, server: Server, door: DoorPage) -> None:
    newer = house.signed([door.fingerprint], serial=3)
    log_in(server, house, [newer])
    negotiate(house, server, door, hello={"serial": 2})
    assert door.hear("roster")["jws"] == newer


LOST = """
const send = RTCDataChannel.prototype.send;
let able = false;
RTCDataChannel.prototype.send = function (data) {
  if (able) send.call(this, data);
};
const listener = Object.getOwnPropertyDescriptor(RTCDataChannel.prototype, "onmessage").set;
Object.defineProperty(RTCDataChannel.prototype, "onmessage", {
  set(hear) { listener.call(this, (event) => { able = true; hear(event); }); },
});
"""


def test_nothing_is_lost_that_is_said_before_the_browser_can_send(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    """As in Chromium 156 now and then, between announcing a channel and being able to send on it."""
    invited.evaluate(LOST)
    linked(invited, house, server, door)
