"""Whatever the page refuses is counted, where a test can wait for it; the daily business of links is not."""

from typing import Any

from playwright.sync_api import Page

from tests.browser.page.stand import (
    IDLE,
    LINK,
    NONCE,
    DoorPage,
    House,
    Server,
    connect,
    log_in,
    phase,
    refusals,
)
from tests.browser.page.test_page_invitation import follow, refused
from tests.browser.page.test_page_link import HELLO, OTHER, join, linked, offer

FOREIGN = {"candidate": "candidate:1 1 tcp 1 192.0.2.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}


def candidate(**changes: Any) -> dict[str, Any]:
    return {"type": "candidate", "device": "front-door", "link": LINK, "candidate": FOREIGN | changes}


def test_nothing_is_refused_in_a_visit_of_friends(invited: Page, house: House, server: Server, door: DoorPage) -> None:
    linked(invited, house, server, door)
    offer(server, door.offer, link="m" * 22)
    assert server.expect("close")["reason"] == "linked"
    door.say({"type": "close", "reason": "bye"})
    phase(invited, "connecting")
    refusals(invited, 0)


def test_rosters_and_messages_of_the_server(invited: Page, house: House, server: Server) -> None:
    log_in(server, house, [house.signed(serial=2)])
    refusals(invited, 0)
    server.send({"type": "roster", "jws": house.signed(serial=1)})
    refusals(invited, 1)
    server.send({"type": "welcome", "session": "x"})
    refusals(invited, 2)
    server.send({"type": "challenge", "nonce": NONCE, "site": house.site})
    refusals(invited, 3)
    server.send({"type": "error", "code": "malformed", "message": "x"})
    refusals(invited, 4)


def test_a_login_that_is_refused_and_a_server_of_another_site(invited: Page, house: House, server: Server) -> None:
    server.connected()
    server.send({"type": "error", "code": "login", "message": "x"})
    refusals(invited, 1)
    server.hang_up(1008, "login refused")
    server.connected()
    server.send({"type": "challenge", "nonce": NONCE, "site": "elsewhere"})
    refusals(invited, 2)


def test_links_that_end_for_a_cause_and_candidates(invited: Page, house: House, server: Server, door: DoorPage) -> None:
    log_in(server, house, [house.signed([OTHER])])
    offer(server, door.offer, link="m" * 22)
    assert server.expect("close")["reason"] == "fingerprint"
    refusals(invited, 1)
    server.send({"type": "roster", "jws": house.signed([door.fingerprint], serial=2)})
    join(server, door)
    server.send(candidate())
    refusals(invited, 2)
    door.opened()
    door.say({**HELLO, "site": "away"})
    refusals(invited, 3)


def test_more_candidates_than_a_link_takes(invited: Page, house: House, server: Server, door: DoorPage) -> None:
    log_in(server, house, [house.signed([door.fingerprint])])
    connect(house, server, door)
    door.say(IDLE)
    phase(invited, "idle")
    server.send(*(candidate(candidate="") for _ in range(40)))
    refusals(invited, 40)


def test_an_invitation(invited: Page, house: House) -> None:
    follow(invited, house.another().invitation())
    refused(invited, "other-operator")
    refusals(invited, 1)
