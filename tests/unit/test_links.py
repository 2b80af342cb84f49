"""Links: who is connected and verified. Every refusal of protocol section 4 that the device makes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from device.core.authority import Authority
from device.core.effects import (
    AcceptAnswer,
    AddCandidate,
    CloseLink,
    Effect,
    KeepRoster,
    OpenLink,
    SendControl,
    ShowVideo,
    Tell,
)
from device.core.events import (
    ContactEdge,
    Edge,
    Event,
    Instant,
    LinkLost,
    LinkMessage,
    LinkOffered,
    LinkOpened,
    Pressed,
    RosterKept,
    SignalingDown,
    SignalingSaid,
    SignalingUp,
    TamperEdge,
    Tick,
)
from device.core.links import HEARTBEAT_S, PENDING_S
from device.core.press import CHATTER
from device.core.rules import CallRules, DoorRules, LinkRules, PanelRules
from device.core.station import Station
from protocol.candidates import Candidate
from protocol.codec import encode
from protocol.ids import new_token
from protocol.keys import PrivateKey, new_key, public_jwk, thumbprint
from protocol.messages import (
    Answer,
    AnswerCall,
    Arrived,
    Close,
    DeviceCandidate,
    DeviceWelcome,
    HangUp,
    Hello,
    Left,
    LinkClose,
    Offer,
    Ping,
    Presence,
    RosterAccepted,
    RosterMessage,
    State,
)
from protocol.proof import Proof, sign_proof, text_digest
from protocol.roster import Answerer, Roster, sign_roster
from tests.unit.stage import UTC, a_roster, of
from tests.unit.test_sdp import ANSWER, OFFER, PAGE

DEVICE = "AA" + ":AA" * 31
ROSTER_KEY = new_key()
KEYS = {name: new_key() for name in ("alice", "bob", "carol", "dave")}


def roster(**changes: object) -> Roster:
    base = a_roster()
    answerers = {
        name: Answerer(entry.label, [thumbprint(public_jwk(KEYS[name]))], entry.may)
        for name, entry in base.answerers.items()
    }
    return a_roster(**{"answerers": answerers, **changes})


@dataclass
class LinkStage:
    """A station whose transport and server are the test."""

    rules: LinkRules = field(default_factory=LinkRules)
    mono: float = 100.0
    told: dict[str, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.authority = Authority("home", "front-door", public_jwk(ROSTER_KEY), DEVICE, self.now)
        self.authority.accept(sign_roster(roster(), ROSTER_KEY))
        self.station = Station(
            self.authority,
            CallRules(doors={"main": DoorRules(3.0)}),
            self.rules,
            PanelRules(),
            lambda signed: "x.y.z",
            new_token,
            lambda: 0.5,
        )
        self.does(Tick())

    def now(self) -> Instant:
        return Instant(self.mono, UTC + self.mono)

    def does(self, event: Event, after: float = 0.0) -> list[Effect]:
        self.mono += after
        effects = self.station.handle(event, self.now())
        for effect in of(SendControl, effects):
            if isinstance(effect.message, State):
                self.told[effect.link] = effect.message
        return effects

    def online(self, *people: str) -> list[Effect]:
        present = [Presence(session=session(name), answerer=name.split("/")[0]) for name in people]
        return self.does(SignalingUp(DeviceWelcome(ice_servers=[], roster=None, answerers=present, time=1)))

    def offered(self, name: str = "alice") -> str:
        """Bring `name` online up to the offer; the link's id."""
        (opened,) = of(OpenLink, self.online(name))
        self.does(LinkOffered(opened.link, OFFER))
        return opened.link

    def up(self, name: str = "alice") -> str:
        link = self.offered(name)
        who = name.split("/", maxsplit=1)[0]
        assert of(AcceptAnswer, self.does(SignalingSaid(answer(link, name))))
        self.does(LinkOpened(link))
        self.does(LinkMessage(link, encode(hello(link, who))))
        assert self.station.links_up >= 1
        return link

    def says(self, link: str, message: object) -> list[Effect]:
        return self.does(LinkMessage(link, encode(message)))


def session(name: str) -> str:
    return ("session-" + name.replace("/", "-")).ljust(22, "0")


def hello(of_link: str, who: str = "alice", **changes: object) -> Hello:
    values: dict[str, object] = {
        "v": 1, "link": of_link, "site": "home", "device": "front-door", "answerer": who, "serial": 1,
    }  # fmt: skip
    return Hello(**{**values, **changes})  # type: ignore[arg-type] # the struct checks


def proof(link: str, who: str = "alice", key: PrivateKey | None = None, **changes: object) -> str:
    values: dict[str, object] = {
        "site": "home",
        "device": "front-door",
        "answerer": who,
        "link": link,
        "device_fingerprint": DEVICE,
        "fingerprint": PAGE,
        "offer": text_digest(OFFER),
        "answer": text_digest(ANSWER),
    }
    return sign_proof(Proof(**{**values, **changes}), key or KEYS[who])  # type: ignore[arg-type] # the struct checks


def answer(link: str, name: str = "alice", sdp: str = ANSWER, jws: str | None = None) -> Answer:
    return Answer(session=session(name), link=link, sdp=sdp, proof=jws or proof(link, name.split("/", maxsplit=1)[0]))


def test_a_link_is_built_for_everyone_present_and_arriving() -> None:
    stage = LinkStage()
    assert len(of(OpenLink, stage.online("alice", "bob"))) == 2
    assert len(of(OpenLink, stage.does(SignalingSaid(Arrived(session=session("carol"), answerer="carol"))))) == 1


def test_a_stranger_gets_no_link() -> None:
    assert of(OpenLink, LinkStage().online("mallory")) == []


def test_a_proven_answer_is_accepted_and_both_hellos_bring_it_up() -> None:
    stage = LinkStage()
    link = stage.up()
    effects = stage.does(Pressed("flat-1"))
    assert of(ShowVideo, effects) == [ShowVideo(link, True)]


def test_nothing_is_shown_before_both_hellos() -> None:
    stage = LinkStage()
    link = stage.offered()
    stage.does(SignalingSaid(answer(link)))
    stage.does(LinkOpened(link))
    effects = stage.does(Pressed("flat-1"))
    assert of(ShowVideo, effects) == []
    assert [e for e in of(SendControl, effects) if isinstance(e.message, State)] == []


SWAPPED = ANSWER.replace(PAGE, "BB" + ":BB" * 31)

REFUSED: dict[str, Callable[[str], Answer]] = {
    "another link": lambda link: answer(link, jws=proof(new_token())),
    "another key": lambda link: answer(link, jws=proof(link, key=new_key())),
    "the key of another answerer": lambda link: answer(link, jws=proof(link, key=KEYS["bob"])),
    "another answerer": lambda link: answer(link, jws=proof(link, who="bob")),
    "another answerer's name by the right key": lambda link: answer(link, jws=proof(link, "bob", KEYS["alice"])),
    "another device": lambda link: answer(link, jws=proof(link, device="back-door")),
    "another site": lambda link: answer(link, jws=proof(link, site="elsewhere")),
    "another device fingerprint": lambda link: answer(link, jws=proof(link, device_fingerprint="BB" + ":BB" * 31)),
    "another fingerprint": lambda link: answer(link, jws=proof(link, fingerprint="BB" + ":BB" * 31)),
    "another offer": lambda link: answer(link, jws=proof(link, offer=text_digest("other"))),
    "another answer": lambda link: answer(link, jws=proof(link, answer=text_digest("other"))),
    "a swapped fingerprint in the description": lambda link: answer(
        link, sdp=SWAPPED, jws=proof(link, answer=text_digest(SWAPPED))
    ),
    "garbage": lambda link: answer(link, jws="a.b.c"),
    "a description that does not pass the gate": lambda link: answer(link, sdp="v=0\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_the_device_refuses_a_proof_with(case: str) -> None:
    stage = LinkStage()
    link = stage.offered()
    effects = stage.does(SignalingSaid(REFUSED[case](link)))
    assert of(AcceptAnswer, effects) == []
    assert CloseLink(link) in effects
    assert Tell(Close(session=session("alice"), link=link, reason="proof")) in effects


def test_a_proof_works_once() -> None:
    stage = LinkStage()
    link = stage.offered()
    good = answer(link)
    assert of(AcceptAnswer, stage.does(SignalingSaid(good)))
    assert of(AcceptAnswer, stage.does(SignalingSaid(good))) == []


def test_a_replayed_proof_is_refused_by_the_next_link() -> None:
    stage = LinkStage()
    old = stage.offered()
    recorded = answer(old)
    stage.does(LinkLost(old, "test"))
    (opened,) = of(OpenLink, stage.does(Tick(), after=2))
    stage.does(LinkOffered(opened.link, OFFER))
    replayed = Answer(session=session("alice"), link=opened.link, sdp=ANSWER, proof=recorded.proof)
    assert of(AcceptAnswer, stage.does(SignalingSaid(replayed))) == []


def test_an_answer_from_another_session_is_refused() -> None:
    stage = LinkStage()
    link = stage.offered()
    assert of(AcceptAnswer, stage.does(SignalingSaid(answer(link, "bob")))) == []
    stolen = Answer(session=session("bob"), link=link, sdp=ANSWER, proof=proof(link))
    assert of(AcceptAnswer, stage.does(SignalingSaid(stolen))) == []
    assert of(AcceptAnswer, stage.does(SignalingSaid(answer(link)))), "and it has not used the offer up"


def test_an_offer_nobody_answers_ends_and_is_made_again() -> None:
    stage = LinkStage()
    link = stage.offered()
    effects = stage.does(Tick(), after=PENDING_S)
    assert CloseLink(link) in effects
    assert of(AcceptAnswer, stage.does(SignalingSaid(answer(link)))) == []
    assert len(of(OpenLink, stage.does(Tick(), after=2))) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"link": "A" * 22}, {"site": "other"}, {"device": "back-door"}, {"answerer": "bob"}],
)
def test_a_hello_of_another_link_closes(wrong: dict[str, str]) -> None:
    stage = LinkStage()
    link = stage.offered()
    stage.does(SignalingSaid(answer(link)))
    stage.does(LinkOpened(link))
    effects = stage.says(link, hello(link, **wrong))
    assert SendControl(link, LinkClose(reason="hello")) in effects
    assert stage.station.links_up == 0


def test_a_command_before_hello_closes() -> None:
    stage = LinkStage()
    link = stage.offered()
    stage.does(SignalingSaid(answer(link)))
    stage.does(LinkOpened(link))
    assert CloseLink(link) in stage.says(link, Ping(id=1))


@pytest.mark.parametrize("ids", [[2], [1, 1], [1, 3]])
def test_command_ids_count_up_by_one(ids: list[int]) -> None:
    stage = LinkStage()
    link = stage.up()
    effects = [effect for number in ids for effect in stage.says(link, Ping(id=number))]
    assert SendControl(link, LinkClose(reason="error")) in effects


@pytest.mark.parametrize("text", ["", "{}", '{"type":"open"}', "[]", '{"type":"ping","id":1,"x":1}', "\ud800"])
def test_garbage_on_control_closes(text: str) -> None:
    stage = LinkStage()
    link = stage.up()
    assert CloseLink(link) in stage.does(LinkMessage(link, text))


def test_a_flood_of_commands_closes() -> None:
    stage = LinkStage()
    link = stage.up()
    effects = [effect for number in range(1, 40) for effect in stage.says(link, Ping(id=number)) if number < 22]
    assert CloseLink(link) in effects


def test_silence_ends_a_link_and_pings_keep_it() -> None:
    stage = LinkStage()
    link = stage.up()
    stage.mono += HEARTBEAT_S - 1
    assert CloseLink(link) not in stage.says(link, Ping(id=1))
    assert CloseLink(link) not in stage.does(Tick(), after=HEARTBEAT_S - 1)
    assert CloseLink(link) in stage.does(Tick(), after=1)


def test_a_link_outlives_the_server() -> None:
    stage = LinkStage()
    link = stage.up()
    effects = stage.does(SignalingDown("gone"))
    assert CloseLink(link) not in effects
    assert SendControl(link, Ping(id=1)) in effects
    stage.says(link, Ping(id=1))
    assert CloseLink(link) not in stage.does(Tick(), after=5)


def test_a_session_that_left_is_asked_for_a_sign_of_life() -> None:
    stage = LinkStage()
    link = stage.up()
    assert SendControl(link, Ping(id=1)) in stage.does(SignalingSaid(Left(session=session("alice"))))
    assert CloseLink(link) in stage.does(Tick(), after=2)


def test_the_servers_close_ends_what_is_being_built_and_not_what_is_up() -> None:
    stage = LinkStage()
    link = stage.offered()
    close = SignalingSaid(Close(session=session("alice"), link=link, reason="bye"))
    assert CloseLink(link) in stage.does(close)
    stage = LinkStage()
    link = stage.up()
    assert stage.does(SignalingSaid(Close(session=session("alice"), link=link, reason="bye"))) == []


def test_a_page_that_has_a_live_link_is_left_alone_until_that_one_goes() -> None:
    stage = LinkStage()
    first = stage.up("alice/1")
    (opened,) = of(OpenLink, stage.does(SignalingSaid(Arrived(session=session("alice/2"), answerer="alice"))))
    stage.does(LinkOffered(opened.link, OFFER))
    stage.does(SignalingSaid(Close(session=session("alice/2"), link=opened.link, reason="linked")))
    stage.mono += 9
    assert of(OpenLink, stage.says(first, Ping(id=1))) == []
    stage.does(LinkLost(first, "gone"))
    assert len(of(OpenLink, stage.does(Tick(), after=2))) >= 1


def test_a_page_of_an_earlier_make_is_told_nothing_that_it_does_not_know() -> None:
    stage = LinkStage()
    for told in (ContactEdge("main", False, stage.mono), TamperEdge(True, stage.mono)):
        stage.does(told)
    stage.does(Tick(), after=1)
    link = stage.up()
    assert (stage.told[link].doors["main"].contact, stage.told[link].faults) == ("closed", ["tamper"])
    stage.says(link, LinkClose(reason="error"))
    (opened,) = of(OpenLink, stage.does(Tick(), after=2))
    stage.does(LinkOffered(opened.link, OFFER))
    stage.does(SignalingSaid(answer(opened.link)))
    stage.does(LinkOpened(opened.link))
    stage.says(opened.link, hello(opened.link))
    second = stage.told[opened.link]
    assert second.faults == []
    assert "contact" not in encode(second)


def candidate(line: str) -> Candidate:
    return Candidate(line, "0", 0)


GOOD = "candidate:1 1 udp 2130706431 10.0.0.1 50000 typ host"


def test_candidates_count_only_after_the_proof_and_at_most_32() -> None:
    stage = LinkStage()
    link = stage.offered()
    message = SignalingSaid(DeviceCandidate(session=session("alice"), link=link, candidate=candidate(GOOD)))
    assert of(AddCandidate, stage.does(message)) == []
    stage.does(SignalingSaid(answer(link)))
    assert sum(len(of(AddCandidate, stage.does(message))) for _ in range(40)) == 32


@pytest.mark.parametrize(
    "line",
    [
        "candidate:1 1 tcp 1 10.0.0.1 9 typ host tcptype active",
        "candidate:1 1 udp 1 example.com 9 typ host",
        "candidate:1 1 udp 1 224.0.0.1 9 typ host",
        "candidate:1 1 udp 1 10.0.0.1 0 typ host",
        "a=candidate:1 1 udp 1 10.0.0.1 9 typ host",
        "",
    ],
)
def test_a_candidate_that_is_not_udp_to_an_address_is_dropped(line: str) -> None:
    stage = LinkStage()
    link = stage.offered()
    stage.does(SignalingSaid(answer(link)))
    message = DeviceCandidate(session=session("alice"), link=link, candidate=candidate(line))
    assert of(AddCandidate, stage.does(SignalingSaid(message))) == []


# Rosters


def publish(stage: LinkStage, signed_by: PrivateKey = ROSTER_KEY, **changes: Any) -> list[Effect]:
    return stage.does(SignalingSaid(RosterMessage(jws=sign_roster(roster(**changes), signed_by))))


def without_alice() -> dict[str, Any]:
    answerers = {name: entry for name, entry in roster().answerers.items() if name != "alice"}
    return {"serial": 2, "answerers": answerers, "buttons": {}}


def test_a_new_roster_is_kept_confirmed_and_closes_the_links_of_the_removed() -> None:
    stage = LinkStage()
    link = stage.up()
    effects = publish(stage, **without_alice())
    (kept,) = of(KeepRoster, effects)
    assert Tell(RosterAccepted(jws="x.y.z")) not in effects, "a power cut could bring the old one back"
    assert Tell(RosterAccepted(jws="x.y.z")) in stage.does(RosterKept(kept.signed.digest))
    assert not of(Tell, stage.does(RosterKept("of an older one")))
    assert SendControl(link, LinkClose(reason="roster")) in effects


def test_authority_is_the_key_a_replaced_key_ends_the_link() -> None:
    stage = LinkStage()
    link = stage.up()
    answerers = {
        **roster().answerers,
        "alice": Answerer("Alice", [thumbprint(public_jwk(new_key()))], ["talk"]),
    }
    assert CloseLink(link) in publish(stage, serial=2, answerers=answerers)


def test_a_roster_from_the_peer_is_taken_like_any_other() -> None:
    stage = LinkStage()
    link = stage.up()
    effects = stage.says(link, RosterMessage(jws=sign_roster(roster(serial=3), ROSTER_KEY)))
    assert len(of(KeepRoster, effects)) == 1
    assert CloseLink(link) not in effects


def test_a_peer_with_an_older_roster_is_sent_ours() -> None:
    stage = LinkStage()
    publish(stage, serial=5)
    link = stage.offered()
    stage.does(SignalingSaid(answer(link)))
    stage.does(LinkOpened(link))
    assert (
        len(
            [
                e
                for e in of(SendControl, stage.says(link, hello(link, serial=4)))
                if isinstance(e.message, RosterMessage)
            ]
        )
        == 1
    )


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("another device", {"device": "back-door", "serial": 9}),
        ("another site", {"site": "elsewhere", "serial": 9}),
        ("the same serial with other contents", {"doors": {}}),
    ],
)
def test_a_roster_is_refused(case: str, changes: dict[str, Any]) -> None:
    assert of(KeepRoster, publish(LinkStage(), **changes)) == [], case


def test_a_roster_of_another_key_is_refused() -> None:
    assert of(KeepRoster, publish(LinkStage(), signed_by=new_key(), serial=9)) == []


def test_an_older_roster_is_refused() -> None:
    stage = LinkStage()
    publish(stage, serial=5)
    assert of(KeepRoster, publish(stage, serial=4)) == []


def test_links_end_when_the_roster_expires() -> None:
    stage = LinkStage()
    link = stage.up()
    expires = roster().expires
    number = 0
    while stage.mono + UTC + 9 < expires and number < 5:
        number += 1
        stage.mono += 5
        stage.says(link, Ping(id=number))
    assert stage.station.deadline is not None
    stage.mono = expires - UTC
    effects = stage.does(Tick())
    assert CloseLink(link) in effects
    assert of(OpenLink, stage.online("alice")) == []


def test_a_roster_that_expired_between_proof_and_hello_brings_nothing_up() -> None:
    stage = LinkStage()
    stage.mono = roster().expires - UTC - 5
    link = stage.offered()
    assert of(AcceptAnswer, stage.does(SignalingSaid(answer(link))))
    stage.does(LinkOpened(link))
    stage.mono = roster().expires - UTC
    effects = stage.says(link, hello(link))
    assert [sent.message for sent in of(SendControl, effects)] == [LinkClose(reason="roster")]
    assert stage.station.links_up == 0


def test_a_device_that_no_longer_stands_on_the_roster_makes_no_link() -> None:
    stage = LinkStage()
    link = stage.up()
    assert CloseLink(link) in publish(stage, serial=2, fingerprints=[])
    assert of(OpenLink, stage.online("alice")) == []


# Limits


def test_a_person_has_four_links_and_the_fifth_session_is_told_full() -> None:
    stage = LinkStage()
    effects = stage.online(*[f"alice/{number}" for number in range(5)])
    assert len(of(OpenLink, effects)) == 4
    assert [tell.message.reason for tell in of(Tell, effects) if isinstance(tell.message, Close)] == ["full"]


def test_a_full_house_makes_room_for_somebody_who_is_rung() -> None:
    stage = LinkStage(LinkRules(limit=1))
    link = stage.up("carol")
    stage.online("carol", "alice")
    effects = stage.does(Pressed("flat-1"))
    effects += stage.does(Tick(), after=2)
    assert CloseLink(link) in effects
    assert len(of(OpenLink, effects)) == 1


def test_without_standing_links_one_is_made_for_the_ring_and_closed_after_it() -> None:
    stage = LinkStage(LinkRules(standing=False))
    assert of(OpenLink, stage.online("alice")) == []
    (opened,) = of(OpenLink, stage.does(Pressed("flat-1")))
    (offer,) = [
        tell.message
        for tell in of(Tell, stage.does(LinkOffered(opened.link, OFFER)))
        if isinstance(tell.message, Offer)
    ]
    stage.does(SignalingSaid(answer(offer.link)))
    stage.does(LinkOpened(offer.link))
    shown = stage.says(offer.link, hello(offer.link))
    assert ShowVideo(offer.link, True) in shown
    for number in range(1, 6):
        stage.mono += 6.1
        effects = stage.says(offer.link, Ping(id=number))
    assert SendControl(offer.link, LinkClose(reason="bye")) in effects


def test_a_button_counts_however_often_it_is_pressed_as_long_as_somebody_answers() -> None:
    """Many presses whom nobody sees to are a contact that chatters: `device.core.press`."""
    stage = LinkStage()
    link = stage.up()
    for number in range(2 * CHATTER):
        stage.does(Edge("flat-1", True, stage.mono + 1.5), after=1.5)
        stage.does(Edge("flat-1", False, stage.mono))
        call = stage.told[link].call
        assert stage.told[link].phase == "ringing"
        assert call is not None
        stage.says(link, AnswerCall(id=2 * number + 1, call=call))
        stage.says(link, HangUp(id=2 * number + 2, call=call))
        assert stage.told[link].phase == "idle"
    for _ in range(2 * CHATTER):
        stage.does(Edge("flat-1", True, stage.mono + 1.5), after=1.5)
        stage.does(Edge("flat-1", False, stage.mono))
    assert "buttons" in stage.station.faults
