"""Changes to a roster: each does one thing, the serial rises by one, and what nobody would accept is never signed."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol.errors import DoorwardError, PeerError
from protocol.ids import b64url
from protocol.keys import new_key, public_jwk
from protocol.roster import Roster, sign_roster, verify_roster
from provisioning.devices import revise
from provisioning.rosters import (
    ROSTER_DAYS,
    first_roster,
    granted,
    invited,
    reissued,
    with_button,
    with_door,
    with_fingerprints,
    without_answerer,
    without_button,
    without_door,
)
from tests.unit.site_folders import DEVICE, OTHER, PASSPHRASE, Home, contents, home, now, said
from tests.unit.tampering import examples

__all__ = ["home"]

MARK = ":".join(["AB"] * 32)
SIGNER = new_key()


def key(number: int) -> str:
    """A thumbprint."""
    return b64url(bytes([number]) * 32)


def house() -> Roster:
    """Alice, with two phones, and Bob; two buttons, one door."""
    roster = with_door(first_roster("home", DEVICE, MARK, now()), "main", "Street door")
    roster = with_button(with_button(roster, "flat-1", "Flat 1", None), "flat-2", "Flat 2", None)
    roster = invited(roster, "alice", "Alice", key(1), ["flat-1", "flat-2"], ["talk", "open"])
    roster = invited(roster, "alice", None, key(2), [], [])
    return invited(roster, "bob", "Bob", key(3), ["flat-2"], ["view"])


Edit = Callable[[Roster], Roster]

EDITS: dict[str, Edit] = {
    "button made": lambda roster: with_button(roster, "flat-3", "Flat 3", ["bob"]),
    "button changed": lambda roster: with_button(roster, "flat-1", None, ["bob"]),
    "button removed": lambda roster: without_button(roster, "flat-1"),
    "door made": lambda roster: with_door(roster, "yard", None),
    "door changed": lambda roster: with_door(roster, "main", "Main door"),
    "door removed": lambda roster: without_door(roster, "main"),
    "new person": lambda roster: invited(roster, "carol", None, key(4), ["flat-1"], ["talk"]),
    "further phone": lambda roster: invited(roster, "bob", None, key(4), [], []),
    "rights": lambda roster: granted(roster, "bob", ["flat-1"], ["talk"]),
    "person removed": lambda roster: without_answerer(roster, "alice"),
    "phone removed": lambda roster: without_answerer(roster, "alice", key(1)),
    "certificates": lambda roster: with_fingerprints(roster, []),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_every_edit_changes_something_leaves_the_serial_and_can_be_signed(edit: Edit) -> None:
    before = house()
    after = edit(before)
    assert after != before
    assert (after.serial, after.issued, after.expires) == (before.serial, before.issued, before.expires)
    assert verify_roster(sign_roster(after, SIGNER), public_jwk(SIGNER), "home", DEVICE).roster == after
    assert before == replace(house(), issued=before.issued, expires=before.expires), "what was given is as it was"


@pytest.mark.parametrize(
    "edit", [EDITS["door made"], EDITS["new person"], EDITS["certificates"], lambda roster: roster]
)
def test_a_revision_has_the_next_serial_and_a_new_term(home: Home, edit: Edit) -> None:
    at = now() + timedelta(days=3)
    before, other = home.folder.roster(DEVICE), home.folder.roster(OTHER)
    with home.folder.change():
        revise(home.folder, home.folder.keys(PASSPHRASE).roster_key, DEVICE,
               lambda roster: edit(with_button(roster, "flat-1", None, [])), at)  # fmt: skip
    after = home.folder.roster(DEVICE).roster
    assert after.serial == before.roster.serial + 1
    assert after.issued == int(at.timestamp())
    assert after.expires == after.issued + ROSTER_DAYS * 86400
    assert home.folder.roster(OTHER).jws == other.jws, "another device's is as it was"


@given(serial=st.integers(1, 10**6), above=st.integers(0, 10**6), seconds=st.integers(-(10**6), 10**6))
@examples(50)
def test_a_roster_signed_anew_is_newer_also_where_the_clock_went_back(serial: int, above: int, seconds: int) -> None:
    old = replace(house(), serial=serial)
    new = reissued(old, now() + timedelta(seconds=seconds), above)
    assert new.serial == max(serial, above) + 1
    assert new.issued >= old.issued
    assert new.expires > new.issued
    assert replace(new, serial=1, issued=1, expires=2) == replace(old, serial=1, issued=1, expires=2)


UNKNOWN: list[tuple[Edit, str]] = [
    (lambda roster: without_button(roster, "flat-9"), "flat-1, flat-2"),
    (lambda roster: without_door(roster, "yard"), "main"),
    (lambda roster: without_answerer(roster, "carol"), "alice, bob"),
    (lambda roster: without_answerer(roster, "alice", key(3)), "no key"),
    (lambda roster: granted(roster, "carol", [], ["talk"]), "alice, bob"),
    (lambda roster: granted(roster, "bob", ["flat-9"], None), "button set"),
    (lambda roster: with_button(roster, "flat-1", None, ["carol"]), "alice, bob"),
    (lambda roster: invited(roster, "carol", None, key(4), ["flat-9"], ["talk"]), "button set"),
    (lambda roster: invited(roster, "carol", None, key(4), [], []), "--may"),
    (lambda roster: invited(roster, "bob", None, key(4), [], ["open"]), "grant"),
]


@pytest.mark.parametrize(("edit", "words"), UNKNOWN)
def test_an_unknown_name_is_refused_and_the_known_ones_are_listed(edit: Edit, words: str) -> None:
    with pytest.raises(DoorwardError, match=words):
        edit(house())


def test_where_there_is_nobody_and_nothing_that_is_said() -> None:
    empty = first_roster("home", DEVICE, MARK, now())
    for remove, name, word in ((without_button, "flat-1", "none"), (without_door, "main", "none"),
                               (without_answerer, "alice", "nobody")):  # fmt: skip
        with pytest.raises(DoorwardError, match=word):
            remove(empty, name)


def test_a_removed_person_is_gone_from_every_button_and_nobody_else_is() -> None:
    after = without_answerer(house(), "alice")
    assert list(after.answerers) == ["bob"]
    assert {name: button.rings for name, button in after.buttons.items()} == {"flat-1": [], "flat-2": ["bob"]}


def test_without_one_of_two_phones_a_person_stays_and_without_the_last_one_is_gone() -> None:
    whole = house()  # once: each is issued at its own second
    one = without_answerer(whole, "alice", key(1))
    assert one.answerers["alice"] == replace(whole.answerers["alice"], keys=[key(2)])
    assert one.buttons == whole.buttons
    assert without_answerer(one, "alice", key(2)) == without_answerer(whole, "alice")


def test_a_further_phone_keeps_rights_label_and_rings() -> None:
    for may in ((), ("open", "talk")):
        after = invited(house(), "alice", None, key(9), [], may)
        assert after.answerers["alice"] == replace(house().answerers["alice"], keys=[key(1), key(2), key(9)])
        assert after.buttons == house().buttons


def test_rights_are_replaced_and_rings_are_added() -> None:
    after = granted(house(), "bob", ["flat-1", "flat-1", "flat-2"], ["talk"])
    assert after.answerers["bob"].may == ["talk"]
    assert after.rung_by("flat-1") == ["alice", "bob"]
    assert after.rung_by("flat-2") == ["alice", "bob"]
    assert granted(house(), "bob", None, None) == house()


def test_a_button_keeps_what_is_not_named_and_rings_nobody_twice() -> None:
    assert with_button(house(), "flat-2", "Top", None).buttons["flat-2"].rings == ["alice", "bob"]
    after = with_button(house(), "flat-2", None, ["bob", "bob"])
    assert (after.buttons["flat-2"].label, after.rung_by("flat-2")) == ("Flat 2", ["bob"])


# What no device would accept is neither signed nor kept


def many(what: Edit, times: int) -> Edit:
    def edit(roster: Roster) -> Roster:
        for _ in range(times):
            roster = what(roster)
        return roster

    return edit


def crowd(roster: Roster) -> Roster:
    """60 people of 8 keys each: more than a roster can hold."""
    for person in range(60):
        for number in range(8):
            mark = b64url(bytes([person, 100 + number]) * 16)
            roster = invited(roster, f"person-{person}", "x" * 64, mark, [], ["talk"] if not number else [])
    return roster


HOPELESS: dict[str, Edit] = {
    "an underscore": lambda roster: with_button(roster, "flat_1", None, None),
    "capitals": lambda roster: with_door(roster, "Main", None),
    "no name": lambda roster: with_door(roster, "", "Door"),
    "a long name": lambda roster: with_button(roster, "f" * 33, "Flat", None),
    "an ill-named person": lambda roster: invited(roster, "Älice", None, key(9), [], ["talk"]),
    "a long label of a button": lambda roster: with_button(roster, "flat-1", "x" * 70, None),
    "a long label of a door": lambda roster: with_door(roster, "main", "x" * 70),
    "a long label of a person": lambda roster: invited(roster, "carol", "x" * 70, key(9), [], ["talk"]),
    "17 doors": many(lambda roster: with_door(roster, f"door-{len(roster.doors)}", None), 17),
    "65 buttons": many(lambda roster: with_button(roster, f"button-{len(roster.buttons)}", None, None), 65),
    "9 keys": many(lambda roster: invited(roster, "bob", None, key(len(roster.answerers["bob"].keys) + 9), [], []), 8),
    "a key twice": lambda roster: invited(roster, "bob", None, key(1), [], []),
    "a fingerprint twice": lambda roster: with_fingerprints(roster, [MARK, MARK]),
    "three certificates": lambda roster: with_fingerprints(roster, [MARK, MARK.replace("A", "0"), "01" + MARK[2:]]),
    "no fingerprint": lambda roster: with_fingerprints(roster, ["AB:CD"]),
    "longer than a document may be": crowd,
}


@pytest.mark.parametrize("edit", HOPELESS.values(), ids=HOPELESS)
def test_what_no_device_would_accept_is_not_signed(edit: Edit) -> None:
    with pytest.raises(PeerError):
        sign_roster(edit(house()), SIGNER)


def test_a_roster_may_be_as_long_as_a_document() -> None:
    with pytest.raises(PeerError, match="characters long"):
        sign_roster(crowd(house()), SIGNER)


COMMANDS = [
    ("button", "set", DEVICE, "flat_1"),
    ("button", "set", DEVICE, "flat-1", "--label", "x" * 70),
    ("button", "set", DEVICE, "flat-1", "--rings", "alice,nobody"),
    ("door", "set", DEVICE, "Main"),
    ("door", "set", DEVICE, "main", "--label", "x" * 70),
    ("answerer", "invite", "bob", "--device", DEVICE, "--may", "talk", "--label", "x" * 70),
    ("answerer", "invite", "bob", "--device", DEVICE, "--may", "talk,everything"),
    ("answerer", "invite", "bob", "--device", OTHER, "--device", DEVICE, "--may", "talk", "--button", "flat-1"),
    ("answerer", "invite", "B_ob", "--device", DEVICE, "--may", "talk"),
    ("answerer", "grant", "alice", "--may", "talk", "--button", "flat-9"),
    ("answerer", "grant", "bob", "--may", "talk"),
    ("answerer", "remove", "bob"),
    ("answerer", "remove", "alice", "--key", key(9)),
    ("answerer", "remove", "alice", "--device", OTHER),
    ("device", "settle", DEVICE),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_refused_command_is_one_line_and_changes_nothing(home: Home, words: tuple[str, ...]) -> None:
    """A mistyped id was signed once, and nothing could be done in that folder afterwards."""
    before = contents(home.path)
    said(home.run(*words), 1)
    assert contents(home.path) == before
    assert home.run("site", "show").exit_code == 0


def test_the_seventeenth_door_and_the_ninth_phone_are_refused_and_the_rest_stays(home: Home) -> None:
    keys = home.folder.keys(PASSPHRASE)
    full = many(lambda roster: with_door(roster, f"door-{len(roster.doors)}", None), 15)
    phones = many(lambda roster: invited(roster, "alice", None, key(len(roster.answerers["alice"].keys)), [], []), 7)
    with home.folder.change():
        revise(home.folder, keys.roster_key, DEVICE, lambda roster: phones(full(roster)), now())
    before = contents(home.path)
    said(home.run("door", "set", DEVICE, "one-more"), 1)
    said(home.run("answerer", "invite", "alice", "--device", DEVICE), 1)
    assert contents(home.path) == before
    assert home.run("answerer", "grant", "alice", "--may", "view").exit_code == 0


def test_a_person_is_removed_everywhere_or_at_one_door_or_one_phone(home: Home) -> None:
    home.run("answerer", "invite", "alice", "--device", OTHER, "--may", "talk")
    (first,) = home.folder.roster(DEVICE).roster.answerers["alice"].keys
    (second,) = home.folder.roster(OTHER).roster.answerers["alice"].keys
    there = home.folder.roster(OTHER).jws
    assert home.run("answerer", "remove", "alice", "--key", first).exit_code == 0
    assert "alice" not in home.folder.roster(DEVICE).roster.answerers
    assert home.folder.roster(OTHER).jws == there
    assert home.run("answerer", "remove", "alice").exit_code == 0
    assert second not in home.folder.roster(OTHER).jws
    assert all(not signed.roster.answerers for signed in home.folder.rosters().values())
