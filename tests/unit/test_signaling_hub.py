"""The hub: who hears what. Connections are plain strings here."""

from itertools import count

import msgspec
import pytest

from protocol.certificates import Identity
from protocol.codec import encode
from protocol.errors import PeerError
from protocol.keys import PrivateKey, new_key, public_jwk, thumbprint
from protocol.messages import (
    AnswererClose,
    AnswererOffer,
    AnswererWelcome,
    Arrived,
    Challenge,
    Close,
    DevicePresence,
    DeviceWelcome,
    Left,
    LoginMessage,
    Offer,
    PushKeys,
    PushSubscribe,
    PushUnsubscribe,
    Ring,
    RingEnded,
    RosterAccepted,
    RosterKeyMessage,
    RosterMessage,
    Subscription,
)
from protocol.operator import AcceptedMessage, Status, parse_to_operator
from protocol.proof import Accepted, Login, sign_accepted, sign_login
from protocol.roster import Answerer, Roster, SignedRoster, sign_roster, verify_roster
from protocol.roster_key import LONGEST_CHAIN
from signaling.core.effects import Drop, Effect, KeepKeys, Notify, Send, Subscribe
from signaling.core.hub import SESSIONS_PER_ANSWERER, Hub
from signaling.core.operators import CONFIRMATION, MOST_ANSWERERS, MOST_DEVICES

ROSTER_KEY, ALICE, SECOND, BOB = (new_key() for _ in range(4))
MARK, OTHER_MARK = ":".join(["AA"] * 32), ":".join(["BB"] * 32)
HOST = "door.example:8443"
LINK = "L" * 22


def signed(device: str, serial: int, marks: list[str] | None = None, **people: PrivateKey) -> SignedRoster:
    roster = Roster(
        site="home", device=device, serial=serial, issued=1, expires=10,
        fingerprints=[MARK] if marks is None else marks, buttons={}, doors={},
        answerers={name: Answerer(name, [thumbprint(public_jwk(key))], ["talk"]) for name, key in people.items()},
    )  # fmt: skip
    return verify_roster(sign_roster(roster, ROSTER_KEY), public_jwk(ROSTER_KEY), "home")


@pytest.fixture
def hub() -> Hub:
    numbers = count(1)
    made = Hub("home", [HOST], lambda: f"token-{next(numbers):016}")
    made.roster_published(signed("front", 1, alice=ALICE))
    made.roster_published(signed("back", 1, bob=BOB))
    return made


def said(effects: list[Effect], to: str) -> list[object]:
    return [effect.message for effect in effects if isinstance(effect, Send) and effect.to == to]


def dropped(effects: list[Effect]) -> dict[object, str]:
    return {effect.connection: effect.why for effect in effects if isinstance(effect, Drop)}


def log_in(hub: Hub, connection: str, who: str, key: PrivateKey) -> list[Effect]:
    (challenge,) = said(hub.person_connected(connection), connection)
    assert isinstance(challenge, Challenge)
    login = Login(nonce=challenge.nonce, site="home", answerer=who, host=HOST)
    return hub.from_person(connection, LoginMessage(jws=sign_login(login, key)))


def session_of(effects: list[Effect], connection: str) -> str:
    return next(message.session for message in said(effects, connection) if isinstance(message, AnswererWelcome))


def test_only_a_device_of_this_site_whose_certificate_stands_on_its_roster_is_admitted(hub: Hub) -> None:
    assert hub.admit(Identity("home", "front"), MARK) == "front"
    for identity, mark in (
        (Identity("elsewhere", "front"), MARK),
        (Identity("home", None), MARK),
        (Identity("home", "front"), OTHER_MARK),
    ):
        with pytest.raises(PeerError):
            hub.admit(identity, mark)


def test_a_device_without_a_roster_is_admitted_and_told_that_it_has_none(hub: Hub) -> None:
    assert hub.admit(Identity("home", "new"), OTHER_MARK) == "new"
    (welcome,) = said(hub.device_connected("n", "new", OTHER_MARK, 5), "n")
    assert welcome == DeviceWelcome(ice_servers=[], roster=None, answerers=[], time=5)


def test_a_replaced_connection_has_no_say_and_its_end_is_nobodys_news(hub: Hub) -> None:
    hub.device_connected("d1", "front", MARK, 5)
    session = session_of(log_in(hub, "a", "alice", ALICE), "a")
    assert dropped(hub.device_connected("d2", "front", MARK, 5)) == {"d1": "replaced"}
    offer = Offer(session=session, link=LINK, sdp="v=0")
    assert hub.from_device("d1", "front", offer) == []
    assert hub.device_gone("d1", "front") == []
    assert said(hub.from_device("d2", "front", offer), "a") == [AnswererOffer(device="front", link=LINK, sdp="v=0")]
    assert said(hub.device_gone("d2", "front"), "a") == [DevicePresence(device="front", online=False)]


def test_nothing_crosses_between_a_door_and_a_stranger_to_it(hub: Hub) -> None:
    hub.device_connected("f", "front", MARK, 5)
    hub.device_connected("b", "back", MARK, 5)
    session = session_of(log_in(hub, "a", "alice", ALICE), "a")
    assert hub.from_device("b", "back", Offer(session=session, link=LINK, sdp="v=0")) == []
    assert hub.from_person("a", AnswererClose(device="back", link=LINK, reason="bye")) == []
    assert said(log_in(hub, "x", "bob", BOB), "f") == []


def test_the_same_name_with_another_key_is_a_stranger(hub: Hub) -> None:
    hub.roster_published(signed("side", 1, alice=BOB))
    hub.device_connected("s", "side", MARK, 5)
    assert said(log_in(hub, "a", "alice", ALICE), "s") == []
    assert hub.from_person("a", AnswererClose(device="side", link=LINK, reason="bye")) == []


def test_sessions_are_announced_and_taken_back(hub: Hub) -> None:
    hub.device_connected("f", "front", MARK, 5)
    effects = log_in(hub, "a", "alice", ALICE)
    session = session_of(effects, "a")
    assert said(effects, "f") == [Arrived(session=session, answerer="alice")]
    assert said(hub.person_gone("a"), "f") == [Left(session=session)]
    assert hub.person_gone("a") == []


def test_a_fifth_session_ends_the_oldest(hub: Hub) -> None:
    hub.device_connected("f", "front", MARK, 5)
    first = session_of(log_in(hub, "a0", "alice", ALICE), "a0")
    for number in range(1, SESSIONS_PER_ANSWERER):
        assert dropped(log_in(hub, f"a{number}", "alice", ALICE)) == {}
    effects = log_in(hub, "a9", "alice", ALICE)
    assert dropped(effects) == {"a0": "replaced"}
    assert Left(session=first) in said(effects, "f")


def test_a_nonce_is_used_up_even_by_a_login_that_fails(hub: Hub) -> None:
    (challenge,) = said(hub.person_connected("a"), "a")
    assert isinstance(challenge, Challenge)
    right = Login(nonce=challenge.nonce, site="home", answerer="alice", host=HOST)
    wrong = msgspec.structs.replace(right, host="evil.example:8443")
    assert dropped(hub.from_person("a", LoginMessage(jws=sign_login(wrong, ALICE)))) == {"a": "login refused"}
    assert dropped(hub.from_person("a", LoginMessage(jws=sign_login(right, ALICE)))) == {"a": "login refused"}
    assert not hub.is_logged_in("a")


def test_whoever_is_removed_is_told_and_dropped_and_the_device_hears_of_it(hub: Hub) -> None:
    hub.device_connected("f", "front", MARK, 5)
    session = session_of(log_in(hub, "a", "alice", ALICE), "a")
    new = signed("front", 2, bob=BOB)
    effects = hub.roster_published(new)
    assert said(effects, "a") == [RosterMessage(jws=new.jws)]
    assert said(effects, "f") == [RosterMessage(jws=new.jws), Left(session=session)]
    assert dropped(effects) == {"a": "roster"}


def test_whoever_is_added_arrives(hub: Hub) -> None:
    hub.device_connected("f", "front", MARK, 5)
    session = session_of(log_in(hub, "b", "bob", BOB), "b")
    effects = hub.roster_published(signed("front", 2, alice=ALICE, bob=BOB))
    assert Arrived(session=session, answerer="bob") in said(effects, "f")
    assert said(effects, "b")[1:] == [DevicePresence(device="front", online=True)]
    close = AnswererClose(device="front", link=LINK, reason="bye")
    assert said(hub.from_person("b", close), "f") == [Close(session=session, link=LINK, reason="bye")]


def test_a_retired_certificate_loses_its_connection(hub: Hub) -> None:
    hub.device_connected("f", "front", MARK, 5)
    effects = hub.roster_published(signed("front", 2, [OTHER_MARK], alice=ALICE))
    assert dropped(effects) == {"f": "no longer on the roster"}
    assert hub.from_device("f", "front", Offer(session="S" * 22, link=LINK, sdp="v=0")) == []


def test_a_certificate_retired_while_its_websocket_is_opened_gets_no_further(hub: Hub) -> None:
    hub.device_connected("old", "front", MARK, 5)
    assert hub.admit(Identity("home", "front"), MARK) == "front"
    hub.roster_published(signed("front", 2, [OTHER_MARK], alice=ALICE))
    effects = hub.device_connected("f", "front", MARK, 5)
    assert dropped(effects) == {"f": "no longer on the roster"}
    assert said(effects, "f") == []
    assert hub.device_gone("f", "front") == []


# Successors of the roster key


def test_a_successor_is_told_to_everybody_who_is_here_and_changes_no_roster(hub: Hub) -> None:
    hub.device_connected("f", "front", MARK, 5)
    hub.person_connected("stranger")
    log_in(hub, "a", "alice", ALICE)
    effects = hub.roster_key_introduced("k1")
    assert said(effects, "f") == said(effects, "a") == [RosterKeyMessage(jws="k1")]
    assert said(effects, "stranger") == []
    assert dropped(effects) == {}


def test_the_way_to_the_key_comes_before_the_rosters(hub: Hub) -> None:
    first, second = RosterKeyMessage(jws="k1"), RosterKeyMessage(jws="k2")
    for message in (first, second):
        hub.roster_key_introduced(message.jws)
    roster = signed("front", 2, alice=ALICE)
    hub.roster_published(roster)
    welcome, *rest = said(hub.device_connected("f", "front", MARK, 5), "f")
    assert welcome == DeviceWelcome(ice_servers=[], roster=None, answerers=[], time=5)
    assert rest == [first, second, RosterMessage(jws=roster.jws)]
    welcome, *rest = said(log_in(hub, "a", "alice", ALICE), "a")
    assert isinstance(welcome, AnswererWelcome)
    assert rest == [first, second, RosterMessage(jws=roster.jws)]
    assert said(hub.device_connected("n", "new", OTHER_MARK, 5), "n")[1:] == [first, second], (
        "a device without a roster"
    )


def test_no_more_successors_are_delivered_than_anybody_follows(hub: Hub) -> None:
    for number in range(LONGEST_CHAIN + 3):
        hub.roster_key_introduced(f"k{number}")
    keys = [message for message in said(log_in(hub, "a", "alice", ALICE), "a") if isinstance(message, RosterKeyMessage)]
    assert [message.jws for message in keys] == [f"k{number}" for number in range(3, LONGEST_CHAIN + 3)]


# The operator


def test_only_the_operator_of_this_site_is_the_operator(hub: Hub) -> None:
    hub.admit_operator(Identity("home", None))
    for identity in (Identity("elsewhere", None), Identity("home", "front")):
        with pytest.raises(PeerError):
            hub.admit_operator(identity)


def test_what_a_device_confirms_is_told_to_every_operator_and_remembered(hub: Hub) -> None:
    hub.device_connected("f", "front", MARK, 5)
    hub.operator_connected("o1")
    hub.operator_connected("o2")
    hub.operator_connected("o3")
    hub.operator_gone("o3")
    effects = hub.from_device("f", "front", RosterAccepted(jws="confirmed"))
    assert said(effects, "o1") == said(effects, "o2") == [AcceptedMessage(jws="confirmed")]
    assert said(effects, "o3") == []
    hub.device_gone("f", "front")
    front = next(one for one in hub.status().devices if one.device == "front")
    assert (front.online, front.serial, front.accepted) == (False, 1, "confirmed")


def test_a_confirmation_that_is_none_is_an_offence_and_is_not_passed_on(hub: Hub) -> None:
    hub.device_connected("f", "front", MARK, 5)
    hub.operator_connected("o")
    with pytest.raises(PeerError, match="roster-accepted"):
        hub.from_device("f", "front", RosterAccepted(jws="x" * (CONFIRMATION + 1)))
    assert all(one.accepted is None for one in hub.status().devices)


def test_the_longest_confirmation_there_can_be_is_passed_on() -> None:
    longest = Accepted(site="s" * 32, device="d" * 32, serial=2**53 - 1, sha256="A" * 43)
    assert len(sign_accepted(longest, new_key())) <= CONFIRMATION


def test_a_status_counts_sessions_and_says_who_is_here(hub: Hub) -> None:
    hub.device_connected("f", "front", MARK, 5)
    hub.device_connected("n", "new", OTHER_MARK, 5)
    for connection in ("a1", "a2"):
        log_in(hub, connection, "alice", ALICE)
    status = hub.status()
    assert [(one.device, one.online, one.serial) for one in status.devices] == [
        ("back", False, 1),
        ("front", True, 1),
        ("new", True, None),
    ]
    assert {one.answerer: one.sessions for one in status.answerers} == {"alice": 2, "bob": 0}


def test_the_largest_status_fits_one_message(hub: Hub) -> None:
    for number in range(MOST_DEVICES + 2):
        device = f"{'d' * 29}{number:03}"
        names = {f"{'p' * 27}{number:03}{n:02}": thumbprint(public_jwk(new_key())) for n in range(5)}
        answerers = {name: Answerer(name, [key], ["talk"]) for name, key in names.items()}
        roster = Roster(
            site="home", device=device, serial=2**53 - 1, issued=1, expires=10, fingerprints=[MARK], buttons={},
            doors={}, answerers=answerers,
        )  # fmt: skip
        hub.roster_published(verify_roster(sign_roster(roster, ROSTER_KEY), public_jwk(ROSTER_KEY), "home"))
        hub.device_connected(device, device, MARK, 5)
        hub.from_device(device, device, RosterAccepted(jws="x" * CONFIRMATION))
    status = parse_to_operator(encode(hub.status()))
    assert isinstance(status, Status)
    assert (len(status.devices), len(status.answerers)) == (MOST_DEVICES, MOST_ANSWERERS)


# Who is woken

CALL, OTHER_CALL = "c" * 21 + "A", "d" * 21 + "A"
SUBSCRIPTION = Subscription(
    endpoint="https://push.example/abc", keys=PushKeys(p256dh="p" * 87, auth="a" * 22)
)  # fmt: skip


def key_of(key: PrivateKey) -> str:
    return thumbprint(public_jwk(key))


@pytest.fixture
def waking() -> Hub:
    """A hub that wakes people; Alice has two browsers."""
    numbers = count(1)
    made = Hub("home", [HOST], lambda: f"token-{next(numbers):016}", push_key="P" * 87)
    roster = signed("front", 1, alice=ALICE, bob=BOB).roster
    alice = Answerer("Alice", [key_of(ALICE), key_of(SECOND)], ["talk"])
    both = msgspec.structs.replace(roster, answerers={**roster.answerers, "alice": alice})
    made.roster_published(verify_roster(sign_roster(both, ROSTER_KEY), public_jwk(ROSTER_KEY), "home"))
    made.device_connected("door", "front", MARK, 1)
    return made


def woken(effects: list[Effect]) -> list[Notify]:
    return [effect for effect in effects if isinstance(effect, Notify)]


def ring(hub: Hub, *answerers: str, call: str = CALL) -> list[Notify]:
    return woken(hub.from_device("door", "front", Ring(call=call, button="b", answerers=list(answerers))))


def end(hub: Hub, call: str = CALL) -> list[Notify]:
    return woken(hub.from_device("door", "front", RingEnded(call=call)))


def test_a_ring_wakes_every_browser_of_who_is_absent_and_its_end_withdraws_that(waking: Hub) -> None:
    keys = (key_of(ALICE), key_of(SECOND))
    assert ring(waking, "alice", "nobody-known") == [Notify(keys, "front", CALL, ringing=True)]
    assert end(waking, OTHER_CALL) == [], "another call's end withdraws nothing"
    assert end(waking) == [Notify(keys, "front", CALL, ringing=False)]
    assert end(waking) == [], "once"


def test_a_ring_that_passes_to_others_is_withdrawn_from_all(waking: Hub) -> None:
    ring(waking, "alice")
    ring(waking, "bob")
    assert end(waking) == [Notify((key_of(ALICE), key_of(SECOND), key_of(BOB)), "front", CALL, ringing=False)]


def test_the_next_ring_forgets_who_was_woken_by_the_last(waking: Hub) -> None:
    ring(waking, "alice")
    ring(waking, "bob", call=OTHER_CALL)
    assert end(waking) == []
    assert end(waking, OTHER_CALL) == [Notify((key_of(BOB),), "front", OTHER_CALL, ringing=False)]


def test_a_door_wakes_only_whom_its_own_roster_names(waking: Hub) -> None:
    waking.roster_published(signed("back", 1, carol=new_key()))
    assert ring(waking, "carol") == [Notify((), "front", CALL, ringing=True)]


def test_a_browser_subscribes_with_the_key_it_logged_in_with(waking: Hub) -> None:
    effects = log_in(waking, "alice", "alice", SECOND)
    (welcome,) = [message for message in said(effects, "alice") if isinstance(message, AnswererWelcome)]
    assert welcome.push_key == "P" * 87
    subscribed = waking.from_person("alice", PushSubscribe(subscription=SUBSCRIPTION))
    assert subscribed == [Subscribe(key_of(SECOND), SUBSCRIPTION)]
    assert waking.from_person("alice", PushUnsubscribe()) == [Subscribe(key_of(SECOND), None)]


def test_who_has_not_logged_in_subscribes_to_nothing(waking: Hub) -> None:
    waking.person_connected("stranger")
    effects = waking.from_person("stranger", PushSubscribe(subscription=SUBSCRIPTION))
    assert dropped(effects) == {"stranger": "log in first"}
    assert len(effects) == 1


def test_the_keys_that_stand_are_those_of_every_roster(waking: Hub) -> None:
    waking.roster_published(signed("back", 1, bob=BOB))
    assert waking.standing() == KeepKeys(frozenset(key_of(key) for key in (ALICE, SECOND, BOB)))
    waking.roster_published(signed("front", 2, bob=BOB))
    assert waking.standing() == KeepKeys(frozenset({key_of(BOB)}))


def test_without_a_key_for_push_nobody_is_woken_and_nothing_kept(hub: Hub) -> None:
    hub.device_connected("door", "front", MARK, 1)
    assert ring(hub, "alice") == []
    assert end(hub) == []
    effects = log_in(hub, "alice", "alice", ALICE)
    (welcome,) = [message for message in said(effects, "alice") if isinstance(message, AnswererWelcome)]
    assert welcome.push_key is None
    assert hub.from_person("alice", PushSubscribe(subscription=SUBSCRIPTION)) == []
