"""The roster key's successors: only the key that is believed introduces the next, and rosters in force stay so."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page

from protocol import jws as jose
from protocol.codec import encode
from protocol.errors import PeerError
from protocol.keys import PrivateKey, PublicJwk, new_key, private_jwk, public_jwk
from protocol.roster import Answerer, sign_roster
from protocol.roster_key import TYP, Pinned, RosterKey, follow, sign_roster_key
from tests.browser.page.stand import (
    IDLE,
    RINGING,
    DoorPage,
    House,
    Server,
    connect,
    log_in,
    negotiate,
    phase,
    refusals,
)
from tests.browser.page.test_page_invitation import follow as open_link
from tests.browser.page.test_page_invitation import refused, stored
from tests.browser.page.test_page_link import linked, offer

FOLLOW = """async ([jws, jwk, sequence]) => {
  const { follow } = await import("/roster_key.js");
  try { return await follow(jws, { jwk, sequence }, "home"); }
  catch (error) { return { name: error.name, reason: error.reason, message: error.message }; }
}"""


def succession(old: PrivateKey, new: PrivateKey, sequence: int = 1, site: str = "home") -> str:
    introduced = RosterKey(site=site, sequence=sequence, key=PublicJwk(**public_jwk(new)), issued=1790000000)
    return sign_roster_key(introduced, old)


def key_message(jws: str) -> dict[str, Any]:
    return {"type": "roster-key", "jws": jws}


def roster_message(jws: str) -> dict[str, Any]:
    return {"type": "roster", "jws": jws}


def log_in_with(server: Server, house: House, keys: Sequence[str], rosters: Sequence[str]) -> None:
    log_in(server, house)
    server.send(*map(key_message, keys), *map(roster_message, rosters))


# One document


def test_the_successor_is_the_one_that_the_device_believes_too(blank: Page) -> None:
    old, new = new_key(), new_key()
    jws = succession(old, new, 7)
    believed = blank.evaluate(FOLLOW, [jws, public_jwk(old), 6])
    assert believed == {"jwk": public_jwk(new), "sequence": 7}
    assert follow(jws, Pinned(public_jwk(old), 6), "home") == Pinned(believed["jwk"], believed["sequence"])


OLD, NEW = new_key(), new_key()


def spoilt(**changes: Any) -> str:
    introduced = RosterKey(site="home", sequence=2, key=PublicJwk(**public_jwk(NEW)), issued=1)
    text = encode(introduced)
    for member, value in changes.items():
        assert member in text
        text = text.replace(member, value)
    return jose.sign(text.encode(), OLD, TYP)


BAD = {
    "of another key": succession(new_key(), NEW, 2),
    "by itself": succession(NEW, NEW, 2),
    "the same sequence": succession(OLD, NEW, 1),
    "of another site": succession(OLD, NEW, 2, "elsewhere"),
    "a roster": sign_roster(House("h", "o").roster(), OLD),
    "another version": spoilt(**{'"v":1': '"v":2'}),
    "an unknown member": spoilt(**{'"v":1': '"v":1,"x":1'}),
    "a member twice": spoilt(**{'"v":1': '"v":1,"v":1'}),
    "a member missing": spoilt(**{',"issued":1': ""}),
    "no whole number": spoilt(**{'"sequence":2': '"sequence":2.5'}),
    "no time": spoilt(**{'"issued":1': '"issued":0'}),
    "off the curve": spoilt(**{public_jwk(NEW)["y"]: "A" * 43}),
    "another curve": spoilt(**{"P-256": "P-384"}),
    "with its secret": spoilt(**{'"kty":': f'"d":"{private_jwk(NEW)["d"]}","kty":'}),
    "no document": "a.b.c",
}


@pytest.mark.parametrize("jws", BAD.values(), ids=BAD)
def test_a_document_that_page_and_device_refuse(blank: Page, jws: str) -> None:
    verdict = blank.evaluate(FOLLOW, [jws, public_jwk(OLD), 1])
    assert (verdict.get("name"), verdict.get("reason")) == ("PeerError", "roster"), verdict
    with pytest.raises(PeerError):
        follow(jws, Pinned(public_jwk(OLD), 1), "home")


# From the server


def test_rosters_of_the_new_key_count_and_the_old_keys_no_more_over_a_reload_too(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    new, third = new_key(), new_key()
    chain = [succession(house.roster_key, new, 3), succession(new, third, 5)]
    renewed = replace(house, roster_key=third)
    log_in_with(server, house, chain, [renewed.signed([door.fingerprint], serial=2)])
    connect(house, server, door)
    server.send(roster_message(house.signed([], serial=3)))
    refusals(invited, 1)
    door.say(RINGING)
    phase(invited, "ringing")
    kept = stored(invited)
    assert kept["sites"][0]["rosterKey"] == public_jwk(third)
    assert (kept["sites"][0]["sequence"], kept["sites"][0]["successions"]) == (5, chain)
    assert [one["rosterKey"] for one in kept["rosters"]] == [public_jwk(third)]
    server.forget()
    invited.reload()
    log_in_with(server, house, chain, [house.signed([], serial=3)])
    refusals(invited, 1)
    offer(server, door.offer)
    server.expect("answer")


def test_the_roster_in_force_stays_so_until_a_newer_one_comes_over_a_reload_too(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    new = new_key()
    jws, old_roster = succession(house.roster_key, new), house.signed([door.fingerprint])
    log_in(server, house, [old_roster])
    server.send(key_message(jws))
    invited.locator("#door-front-door").wait_for()
    assert stored(invited)["rosters"][0]["rosterKey"] == public_jwk(house.roster_key)
    server.forget()
    invited.reload()
    log_in_with(server, house, [jws], [old_roster])
    connect(house, server, door)
    door.say(IDLE)
    phase(invited, "idle")
    refusals(invited, 0)
    server.send(roster_message(replace(house, roster_key=new).signed([":".join(["CD"] * 32)], serial=2)))
    assert door.hear("close")["reason"] == "roster"


@pytest.mark.parametrize("case", ["forged", "another site", "fallen behind"])
def test_a_wrong_successor_changes_nothing(invited: Page, house: House, server: Server, case: str) -> None:
    right, wrong = new_key(), new_key()
    first = succession(house.roster_key, right, 2)
    jws = {
        "forged": succession(wrong, wrong, 3),
        "another site": succession(right, wrong, 3, "elsewhere"),
        "fallen behind": succession(right, wrong, 2),
    }[case]
    log_in_with(server, house, [first], [])
    server.send(key_message(jws), roster_message(replace(house, roster_key=wrong).signed(serial=9)))
    refusals(invited, 2)
    site = stored(invited)["sites"][0]
    assert (site["rosterKey"], site["sequence"], site["successions"]) == (public_jwk(right), 2, [first])


def test_a_chain_that_begins_before_the_invitation_is_passed_over(page: Page, house: House, server: Server) -> None:
    old, new = new_key(), new_key()
    page.goto(house.invitation())
    page.locator("#confirm-invitation").click()
    chain = [succession(old, house.roster_key), succession(house.roster_key, new, 2)]
    log_in_with(server, house, chain, [replace(house, roster_key=new).signed()])
    page.locator("#door-front-door").wait_for()
    refusals(page, 0)
    assert stored(page)["sites"][0]["successions"] == chain[1:]


# On a link


def test_the_door_is_given_the_way_to_the_key_before_the_roster_and_once(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    new, third = new_key(), new_key()
    chain = [succession(house.roster_key, new), succession(new, third, 2)]
    renewed = replace(house, roster_key=third)
    newer, newest = (renewed.signed([door.fingerprint], serial=serial) for serial in (3, 4))
    log_in_with(server, house, chain, [newer])
    negotiate(house, server, door, hello={"serial": 2})
    assert [door.hear("roster-key")["jws"] for _ in chain] == chain
    assert door.hear("roster")["jws"] == newer
    server.send(roster_message(newest))
    assert door.hear("roster")["jws"] == newest
    told = door.do("() => window.door.heard.map((m) => m.type).filter((type) => type.startsWith('roster'))")
    assert told == ["roster-key", "roster-key", "roster", "roster"]


def test_a_door_brings_the_successor_that_the_server_withholds(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    linked(invited, house, server, door)
    new = new_key()
    answerers = house.roster().answerers | {"alice": Answerer(label="Alice", keys=["B" * 42 + "A"], may=["talk"])}
    renewed = replace(house, roster_key=new)
    removal = renewed.signed([door.fingerprint], serial=2, answerers=answerers)
    door.say(roster_message(removal))
    refusals(invited, 1)
    door.say(key_message(succession(house.roster_key, new)))
    door.say(roster_message(removal))
    assert door.hear("close")["reason"] == "roster"
    phase(invited, "removed")


# Invitations


def test_an_invitation_with_the_key_believed_now_is_of_the_same_site_and_no_other_is(
    invited: Page, house: House, server: Server
) -> None:
    new = new_key()
    jws = succession(house.roster_key, new, 4)
    log_in_with(server, house, [jws], [replace(house, roster_key=new).signed()])
    invited.locator("#door-front-door").wait_for()
    before = stored(invited)
    for old in (house, house.another()):
        open_link(invited, old.invitation())
        refused(invited, "other-operator")
        refusals(invited, 1)
    assert stored(invited) == before
    fresh = new_key()
    open_link(invited, replace(house, roster_key=new).invitation(key=fresh))
    invited.locator("#confirm-invitation").click()
    invited.locator("#doors").wait_for()
    site = stored(invited)["sites"][0]
    assert site["jwk"] == public_jwk(fresh)
    assert (site["rosterKey"], site["sequence"], site["successions"]) == (public_jwk(new), 4, [jws])


def test_the_vault_refuses_the_key_that_was_replaced(invited: Page, house: House, server: Server) -> None:
    new = new_key()
    log_in_with(server, house, [succession(house.roster_key, new)], [replace(house, roster_key=new).signed()])
    invited.locator("#door-front-door").wait_for()
    script = """async ([text]) => {
      const { read } = await import("/invitation.js");
      const { Vault } = await import("/vault.js");
      try { await (await Vault.open()).accept(await read(text)); } catch (error) { return error.message; }
      return "taken";
    }"""
    assert "pinned" in invited.evaluate(script, [house.invitation().split("#i=")[1]])


# What is kept

SHELVES = """async () => {
  const { Vault } = await import("/vault.js");
  const vault = await Vault.open();
  await vault.keepRosterKey("home", { jwk: "second", sequence: 2 }, "b");
  await vault.keepRosterKey("home", { jwk: "first", sequence: 1 }, "a");
  await vault.keepRosterKey("home", { jwk: "again", sequence: 2 }, "c");
  const { rosterKey, sequence, successions } = await vault.site("home");
  return [rosterKey, sequence, successions];
}"""


def test_another_tab_that_was_slower_takes_nothing_back(invited: Page) -> None:
    assert invited.evaluate(SHELVES) == ["second", 2, ["b"]]


AS_VERSION_1 = """async ([rosterKey, jws]) => {
  const request = indexedDB.open("old", 1);
  request.onupgradeneeded = () => {
    const database = request.result;
    const sites = database.createObjectStore("sites", { keyPath: "site" });
    const rosters = database.createObjectStore("rosters", { keyPath: ["site", "device"] });
    database.createObjectStore("clock").put(1790000000, "highest");
    sites.put({ site: "home", answerer: "alice", rosterKey });
    rosters.put({ site: "home", device: "front-door", serial: 3, digest: "d", jws });
    rosters.put({ site: "home", device: "back-door", serial: 9, digest: null, jws: null });
  };
  await new Promise((resolve) => (request.onsuccess = resolve));
  request.result.close();
  const { Vault } = await import("/vault.js");
  const vault = await Vault.open("old");
  return { sites: await vault.sites(), rosters: await vault.rosters("home"), time: await vault.time() };
}"""


def test_what_an_earlier_version_kept_is_kept(blank: Page, house: House) -> None:
    key, jws = public_jwk(house.roster_key), house.signed(serial=3)
    assert blank.evaluate(AS_VERSION_1, [key, jws]) == {
        "sites": [{"site": "home", "answerer": "alice", "rosterKey": key, "sequence": 0, "successions": []}],
        "rosters": [
            {"site": "home", "device": "back-door", "serial": 9, "digest": None, "jws": None, "rosterKey": None},
            {"site": "home", "device": "front-door", "serial": 3, "digest": "d", "jws": jws, "rosterKey": key},
        ],
        "time": 1790000000,
    }
