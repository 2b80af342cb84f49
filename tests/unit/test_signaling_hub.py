"""The hub: who hears what. Connections are plain strings here."""

from itertools import count

import msgspec
import pytest

from protocol.certificates import Identity
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
    RosterMessage,
)
from protocol.proof import Login, sign_login
from protocol.roster import Answerer, Roster, SignedRoster, sign_roster, verify_roster
from signaling.core.hub import SESSIONS_PER_ANSWERER, Drop, Effect, Hub, Send

ROSTER_KEY, ALICE, BOB = new_key(), new_key(), new_key()
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
