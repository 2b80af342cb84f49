"""The call: who is rung, who may do what, and that nothing flows longer than it should."""

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import UNSET
from msgspec.structs import replace

from device.core.call import LOST_S
from device.core.effects import Lamp, Note, RecordCall, ReleaseStrike, ShowVideo, Talk, Tell, Tone
from device.core.events import (
    CodeAccepted,
    CodeRefused,
    ContactIs,
    ExitPressed,
    Held,
    LinkDown,
    LinkUp,
    Pressed,
    RosterChanged,
    SignalingDown,
    SignalingUp,
    SoundStarted,
    StrikeFailed,
    StrikeLowered,
    StrikeReleased,
    TamperIs,
    Tick,
)
from protocol.messages import AnswerCall, Decline, HangUp, OpenDoor, Ping, Ring, RingEnded, View
from protocol.roster import Button
from tests.unit.stage import UTC, CallStage, a_roster, call_id, of, verdict, welcome

ONE = call_id(1)


def ringing(**kwargs: object) -> CallStage:
    stage = CallStage(**kwargs)  # type: ignore[arg-type] # passed through
    stage.does(Pressed("flat-1"))
    return stage


def talking() -> CallStage:
    stage = ringing()
    assert verdict(stage.says("alice", AnswerCall, call=ONE)) == "done"
    return stage


def test_a_press_shows_the_door_to_those_it_rings_and_to_nobody_else() -> None:
    stage = CallStage()
    effects = stage.does(Pressed("flat-1"))
    assert of(ShowVideo, effects) == [ShowVideo("alice", True), ShowVideo("bob", True)]
    assert isinstance(effects[0], ShowVideo), "the picture goes before anything else"
    assert of(Tone, effects) == [Tone("ringback")]
    assert of(Lamp, effects) == [Lamp("ringing")]
    assert (stage.told["alice"].phase, stage.told["alice"].button) == ("ringing", "flat-1")
    for other in ("carol", "dave"):
        state = stage.told[other]
        assert (state.phase, state.call, state.button, state.answered_by) == ("busy", None, None, None)
        assert not state.video


def test_the_first_answer_wins_and_the_other_is_told_who() -> None:
    stage = ringing()
    effects = stage.says("alice", AnswerCall, call=ONE)
    assert verdict(effects) == "done"
    assert of(Talk, effects) == [Talk("alice", True)]
    assert of(ShowVideo, effects) == [ShowVideo("bob", False)]
    assert verdict(stage.says("bob", AnswerCall, call=ONE)) == "answered-elsewhere"
    assert (stage.told["bob"].phase, stage.told["bob"].answered_by) == ("talking", "alice")
    assert stage.told["alice"].audio
    assert not stage.told["bob"].audio
    assert stage.told["dave"].answered_by is None


def test_a_persons_second_device_is_rung_and_is_told_too() -> None:
    stage = ringing(links=("alice/1", "alice/2"))
    stage.says("alice/1", AnswerCall, call=ONE)
    assert stage.told["alice/2"].answered_by == "alice"
    assert not stage.told["alice/2"].video


def test_hanging_up_ends_everything_and_keeps_a_record() -> None:
    stage = talking()
    effects = stage.says("alice", HangUp, call=ONE)
    assert verdict(effects) == "done"
    assert Talk("alice", False) in effects
    assert ShowVideo("alice", False) in effects
    (record,) = of(RecordCall, effects)
    assert (record.outcome, record.answered_by, record.rang) == ("answered", "alice", ("alice", "bob"))
    assert stage.told["bob"].phase == "idle"


def test_only_the_talking_link_may_hang_up() -> None:
    assert verdict(talking().says("bob", HangUp, call=ONE)) == "not-now"


def test_declining_takes_one_person_out_and_the_last_one_ends_the_call() -> None:
    stage = ringing()
    first = stage.says("bob", Decline, call=ONE)
    assert of(ShowVideo, first) == [ShowVideo("bob", False)]
    assert of(RecordCall, first) == []
    last = stage.says("alice", Decline, call=ONE)
    assert [record.outcome for record in of(RecordCall, last)] == ["declined"]
    assert Tone("busy") in last


def test_nobody_answers_busy_tone_failed_lamp_and_a_missed_call() -> None:
    stage = ringing()
    assert stage.call.deadline == stage.mono + 30
    effects = stage.does(Tick(), after=30)
    assert [record.outcome for record in of(RecordCall, effects)] == ["missed"]
    assert Tone("busy") in effects
    assert Lamp("failed") in effects
    quiet = stage.does(Tick(), after=4)
    assert Tone(None) in quiet
    assert Lamp("off") in quiet
    assert stage.call.deadline is None


def test_a_press_while_offline_without_links_says_so_and_is_kept() -> None:
    stage = CallStage(links=(), online=False)
    effects = stage.does(Pressed("flat-1"))
    assert Tone("nobody") in effects
    assert Lamp("failed") in effects
    (record,) = of(RecordCall, effects)
    assert (record.outcome, record.rang) == ("failed", ("alice", "bob"))
    assert stage.call.deadline is not None


def test_a_press_before_anything_can_be_heard_is_answered_by_light_at_once_and_by_the_tone_when_it_can() -> None:
    stage = CallStage(links=(), online=False, audible=False)
    effects = stage.does(Pressed("flat-1"))
    assert Lamp("failed") in effects
    assert Tone("nobody") in effects
    late = stage.does(Tick(), after=60)
    assert of(Tone, late) == [], "it is still owed"
    assert of(Lamp, late) == []
    assert of(Tone, stage.does(SoundStarted())) == [], "what was asked for last is what is played"
    assert stage.call.deadline == stage.mono + 4
    quiet = stage.does(Tick(), after=4)
    assert Tone(None) in quiet
    assert Lamp("trouble") in quiet


def test_who_pressed_before_there_was_sound_and_rings_at_last_hears_the_ring() -> None:
    stage = CallStage(links=(), online=False, audible=False)
    stage.does(Pressed("flat-1"))
    stage.does(LinkUp("alice", "alice"), after=5)
    assert Tone("ringback") in stage.does(Pressed("flat-1"), after=1)
    assert of(Tone, stage.does(SoundStarted())) == []
    assert of(Tone, stage.does(Tick(), after=5)) == [], "the tone of the first press is forgotten"


def test_sound_that_starts_while_nobody_pressed_plays_nothing() -> None:
    stage = CallStage(links=(), online=False, audible=False)
    assert stage.does(SoundStarted()) == []
    assert stage.call.deadline is None


def test_a_press_while_offline_with_a_standing_link_rings() -> None:
    stage = CallStage(online=False)
    assert Tone("ringback") in stage.does(Pressed("flat-1"))


def test_those_without_a_link_are_woken_and_let_sleep_again() -> None:
    stage = CallStage(links=("alice",))
    (tell,) = of(Tell, stage.does(Pressed("flat-1")))
    assert tell.message == Ring(call=ONE, button="flat-1", answerers=["bob"])
    (tell,) = of(Tell, stage.says("alice", AnswerCall, call=ONE))
    assert tell.message == RingEnded(call=ONE)


def test_whose_telephone_falls_asleep_while_it_rings_is_woken() -> None:
    stage = CallStage(links=("alice", "alice/tablet", "bob"))
    assert of(Tell, stage.does(Pressed("flat-1"))) == []
    assert of(Tell, stage.does(LinkDown("alice", "alice"))) == [], "the tablet still rings"
    (tell,) = of(Tell, stage.does(LinkDown("alice/tablet", "alice")))
    assert tell.message == Ring(call=ONE, button="flat-1", answerers=["alice"])
    (tell,) = of(Tell, stage.says("bob", AnswerCall, call=ONE))
    assert tell.message == RingEnded(call=ONE)
    assert of(Tell, stage.does(LinkDown("bob", "bob"))) == [], "nobody is woken for a call that was answered"


def test_who_declined_is_not_woken_when_the_link_goes() -> None:
    stage = CallStage(links=("alice", "bob"))
    stage.does(Pressed("flat-1"))
    stage.says("alice", Decline, call=ONE)
    assert of(Tell, stage.does(LinkDown("alice", "alice"))) == []


def test_a_server_that_comes_back_while_it_rings_wakes_who_has_no_link() -> None:
    stage = CallStage(links=("alice",), online=False)
    assert of(Tell, stage.does(Pressed("flat-1"))) == []
    (tell,) = of(Tell, stage.does(welcome()))
    assert tell.message == Ring(call=ONE, button="flat-1", answerers=["bob"])


def test_who_links_while_it_rings_sees_the_door_at_once() -> None:
    stage = CallStage(links=())
    stage.does(Pressed("flat-1"))
    assert ShowVideo("alice", True) in stage.does(LinkUp("alice", "alice"))


def test_if_no_link_ever_came_the_visitor_hears_that_nobody_was_reached() -> None:
    stage = CallStage(links=())
    stage.does(Pressed("flat-1"))
    assert Tone("nobody") in stage.does(Tick(), after=30)


# A ring that nobody can hear any more


def cut_off(stage: CallStage) -> None:
    for link in stage.links:
        stage.does(LinkDown(link, link))
    stage.does(SignalingDown("gone"))


def test_a_ring_whose_server_and_links_are_lost_ends_soon_and_says_that_nobody_is_reached() -> None:
    stage = ringing()
    cut_off(stage)
    assert stage.call.deadline == stage.mono + LOST_S
    assert of(Tone, stage.does(Tick(), after=LOST_S - 0.1)) == [], "they may come back"
    effects = stage.does(Tick(), after=0.1)
    assert Tone("nobody") in effects
    assert Lamp("failed") in effects
    assert [record.outcome for record in of(RecordCall, effects)] == ["missed"], "it did ring them"
    assert [note.event for note in of(Note, effects) if note.level == "warning"] == ["nobody-reached"]
    assert Lamp("trouble") in stage.does(Tick(), after=4)


def test_a_ring_that_woke_people_and_lost_the_server_before_one_came_has_failed() -> None:
    stage = ringing(links=())
    stage.does(SignalingDown("gone"))
    assert [record.outcome for record in of(RecordCall, stage.does(Tick(), after=LOST_S))] == ["failed"]


@pytest.mark.parametrize("back", [LinkUp("bob", "bob"), welcome()])
def test_a_network_that_stumbles_ends_no_ring(back: LinkUp | SignalingUp) -> None:
    stage = ringing()
    cut_off(stage)
    stage.does(back, after=LOST_S - 1)
    assert stage.call.deadline == 100 + 30, "the time of the ring itself"
    assert of(RecordCall, stage.does(Tick(), after=2)) == []
    assert stage.call.name == "ringing"


def test_while_the_server_is_there_it_rings_on_for_those_who_are_still_coming() -> None:
    stage = ringing()
    for link in stage.links:
        stage.does(LinkDown(link, link))
    assert of(RecordCall, stage.does(Tick(), after=29)) == []
    assert Tone("busy") in stage.does(Tick(), after=1), "they had been rung"


def test_who_declined_hears_no_ring() -> None:
    stage = ringing(links=("alice",))
    stage.says("alice", Decline, call=ONE)
    stage.does(SignalingDown("gone"))
    assert Tone("nobody") in stage.does(Tick(), after=LOST_S), "bob was being woken, and cannot come any more"


def test_a_ring_that_ends_while_nobody_can_hear_it_says_so() -> None:
    stage = ringing()
    stage.does(Tick(), after=25)
    cut_off(stage)
    effects = stage.does(Tick(), after=5)
    assert Tone("nobody") in effects
    assert [record.outcome for record in of(RecordCall, effects)] == ["missed"]


def test_a_ring_that_was_lost_casts_no_shadow_on_the_next() -> None:
    stage = ringing()
    cut_off(stage)
    stage.does(Tick(), after=LOST_S)
    stage.does(LinkUp("alice", "alice"))
    assert Tone("ringback") in stage.does(Pressed("flat-1"))
    assert stage.call.deadline == stage.mono + 30


def test_the_talking_link_vanishes_the_call_ends_and_the_next_press_works() -> None:
    stage = talking()
    effects = stage.does(LinkDown("alice", "alice"))
    assert [record.outcome for record in of(RecordCall, effects)] == ["answered"]
    assert ShowVideo("bob", True) in stage.does(Pressed("flat-1"))


def test_losing_a_link_that_is_not_talking_loses_no_call() -> None:
    assert of(RecordCall, talking().does(LinkDown("bob", "bob"))) == []


def test_the_server_going_away_does_not_touch_a_call() -> None:
    stage = talking()
    effects = stage.does(SignalingDown("gone"))
    assert of(RecordCall, effects) == []
    assert "offline" in stage.told["alice"].faults


def test_the_same_button_again_changes_nothing_and_another_is_recorded() -> None:
    stage = ringing()
    assert of(RecordCall, stage.does(Pressed("flat-1"))) == []
    effects = stage.does(Pressed("flat-2"))
    assert [(record.button, record.outcome) for record in of(RecordCall, effects)] == [("flat-2", "failed")]
    assert Tone("busy") in effects
    assert stage.told["alice"].phase == "ringing"


def test_a_long_talk_ends() -> None:
    stage = talking()
    assert [record.outcome for record in of(RecordCall, stage.does(Tick(), after=300))] == ["answered"]


# The door


def test_the_door_opens_from_ring_and_talk_for_its_time() -> None:
    for stage in (ringing(), talking()):
        effects = stage.says("alice", OpenDoor, door="main", call=ONE)
        assert verdict(effects) == "done"
        assert of(ReleaseStrike, effects) == [ReleaseStrike("main", 3.0)]
        assert stage.told["alice"].doors["main"].open_until == math.ceil(UTC + stage.mono + 3.0)
        stage.does(StrikeLowered("main"))
        assert stage.told["alice"].doors["main"].open_until is None


@pytest.mark.parametrize(
    ("who", "door", "call", "code"),
    [
        ("bob", "main", ONE, "not-allowed"),  # may talk, not open
        ("carol", "main", ONE, "not-allowed"),
        ("dave", "main", ONE, "not-now"),  # may open, but this ring is not his
        ("alice", "cellar", ONE, "unknown"),
        ("alice", "main", call_id(9), "not-now"),  # a delayed command for another visitor
    ],
)
def test_the_door_stays_shut(who: str, door: str, call: str, code: str) -> None:
    effects = ringing().says(who, OpenDoor, door=door, call=call)
    assert verdict(effects) == code
    assert of(ReleaseStrike, effects) == []


def test_the_door_stays_shut_when_nobody_rang() -> None:
    stage = CallStage()
    assert verdict(stage.says("alice", OpenDoor, door="main", call=ONE)) == "not-now"


def test_a_door_that_is_open_is_not_released_again() -> None:
    stage = ringing()
    stage.says("alice", OpenDoor, door="main", call=ONE)
    assert verdict(stage.says("alice", OpenDoor, door="main", call=ONE)) == "too-fast"


def test_a_strike_that_failed_may_be_tried_again() -> None:
    """A contact that was bad once, or a line that was busy: nobody may have to walk to the door's inside to mend it."""
    stage = ringing()
    stage.says("alice", OpenDoor, door="main", call=ONE)
    stage.does(StrikeFailed("main", "test"))
    assert "strike" in stage.told["alice"].faults
    effects = stage.says("alice", OpenDoor, door="main", call=ONE)
    assert verdict(effects) == "done"
    assert of(ReleaseStrike, effects) == [ReleaseStrike("main", 3.0)]
    stage.does(StrikeReleased("main"))
    assert "strike" not in stage.told["alice"].faults


def test_a_right_taken_away_is_gone_for_the_next_command() -> None:
    stage = ringing()
    roster = a_roster()
    answerers = dict(roster.answerers)
    answerers["alice"] = type(answerers["alice"])("Alice", answerers["alice"].keys, ["talk"])
    stage.does(RosterChanged(a_roster(serial=2, answerers=answerers)))
    assert verdict(stage.says("alice", OpenDoor, door="main", call=ONE)) == "not-allowed"


def test_without_a_valid_roster_calls_end_and_presses_say_so() -> None:
    stage = ringing()
    assert [record.outcome for record in of(RecordCall, stage.does(RosterChanged(None)))] == ["failed"]
    assert Tone("fault") in CallStage(roster=None).does(Pressed("flat-1")), "the door's own trouble sounds different"


# The long press: flat-1, held, stands for everybody


def test_a_long_press_passes_the_ring_on_and_who_was_rung_goes_on_seeing() -> None:
    stage = ringing()
    effects = stage.does(Held("flat-1"), after=1.5)
    assert of(ShowVideo, effects) == [ShowVideo("dave", True)]
    for who in ("alice", "bob", "dave"):
        assert (stage.told[who].phase, stage.told[who].button, stage.told[who].call) == ("ringing", "everybody", ONE)
    assert verdict(stage.says("dave", AnswerCall, call=ONE)) == "done"
    (record,) = of(RecordCall, stage.says("dave", HangUp, call=ONE))
    assert (record.button, record.rang) == ("everybody", ("alice", "bob", "dave"))


def test_a_long_press_rings_for_the_whole_time_from_then_on() -> None:
    stage = ringing()
    stage.does(Held("flat-1"), after=1.5)
    assert stage.call.deadline == stage.mono + 30


def test_who_declined_is_not_rung_again_by_holding_on() -> None:
    stage = ringing()
    stage.says("bob", Decline, call=ONE)
    assert of(ShowVideo, stage.does(Held("flat-1"))) == [ShowVideo("dave", True)]


def test_whose_page_is_gone_after_declining_is_not_woken_by_holding_on() -> None:
    stage = ringing()
    stage.says("bob", Decline, call=ONE)
    stage.does(LinkDown("bob", "bob"))
    assert of(Tell, stage.does(Held("flat-1"))) == []


def test_a_long_press_wakes_those_without_a_link() -> None:
    stage = ringing(links=("alice",))
    (tell,) = of(Tell, stage.does(Held("flat-1")))
    assert tell.message == Ring(call=ONE, button="everybody", answerers=["bob", "dave"])


def passing_on(links: tuple[str, ...]) -> CallStage:
    """Flat 1 rings, and its button is one that stands for flat 2 when it is held: whom it rang, that rings no more."""
    buttons = {**a_roster().buttons, "everybody": Button("Flat 2", ["dave"])}
    return ringing(links=links, roster=a_roster(buttons=buttons))


def test_whom_only_the_first_button_rang_stands_in_the_history_all_the_same() -> None:
    stage = passing_on(("alice", "bob", "dave"))
    effects = stage.does(Held("flat-1"), after=1.5)
    assert of(ShowVideo, effects) == [ShowVideo("dave", True), ShowVideo("alice", False), ShowVideo("bob", False)]
    assert stage.told["alice"].phase == "busy"
    assert verdict(stage.says("alice", AnswerCall, call=ONE)) == "not-now"
    stage.says("dave", AnswerCall, call=ONE)
    (record,) = of(RecordCall, stage.says("dave", HangUp, call=ONE))
    assert (record.button, record.rang) == ("everybody", ("alice", "bob", "dave"))


def test_a_ring_that_passed_on_and_nobody_answered_was_missed_by_all_whom_it_rang() -> None:
    stage = passing_on(("alice", "bob", "dave"))
    stage.does(Held("flat-1"), after=1.5)
    (record,) = of(RecordCall, stage.does(Tick(), after=31))
    assert (record.outcome, record.rang) == ("missed", ("alice", "bob", "dave"))
    stage.does(Pressed("flat-2"), after=10)
    (record,) = of(RecordCall, stage.does(Tick(), after=31))
    assert record.rang == ("dave",), "the next ring is another"


def test_whose_telephone_was_woken_and_is_rung_no_more_is_told_so() -> None:
    stage = passing_on(("bob",))
    effects = stage.does(Held("flat-1"), after=1.5)
    assert of(Tell, effects) == [
        Tell(RingEnded(call=ONE)),
        Tell(Ring(call=ONE, button="everybody", answerers=["dave"])),
    ]
    stage.does(LinkUp("dave", "dave"))
    assert of(Tell, stage.says("dave", AnswerCall, call=ONE)) == [Tell(RingEnded(call=ONE))]


def test_who_is_rung_by_both_buttons_is_woken_once() -> None:
    """The server takes a second word on the same call for the same ring: a withdrawal in between would undo it."""
    stage = ringing(links=("alice",))
    assert RingEnded(call=ONE) not in [tell.message for tell in of(Tell, stage.does(Held("flat-1"), after=1.5))]


def test_a_long_press_where_nobody_was_reached_tries_everybody() -> None:
    stage = CallStage(links=("dave",), online=False)
    assert Tone("nobody") in stage.does(Pressed("flat-1"))
    assert of(ShowVideo, stage.does(Held("flat-1"), after=1.5)) == [ShowVideo("dave", True)]


def test_a_long_press_that_reaches_nobody_leaves_the_ring_as_it_is() -> None:
    roster = a_roster(buttons={"flat-1": a_roster().buttons["flat-1"]})
    stage = ringing(roster=roster)
    stage.does(Held("flat-1"))
    assert (stage.told["alice"].phase, stage.told["alice"].button) == ("ringing", "flat-1")


def test_holding_a_button_during_a_talk_or_anothers_ring_does_nothing() -> None:
    for stage in (talking(), ringing()):
        button = "flat-1" if stage.call.name == "talking" else "flat-2"
        assert stage.does(Held(button)) == []


# Looking in


def test_looking_in_shows_the_door_under_a_call_of_its_own_and_ends_by_itself() -> None:
    stage = CallStage()
    effects = stage.says("carol", View, on=True)
    assert of(ShowVideo, effects) == [ShowVideo("carol", True)]
    state = stage.told["carol"]
    assert (state.phase, state.video) == ("idle", True)
    assert state.call is not None
    assert stage.told["alice"].call is None
    assert ShowVideo("carol", False) in stage.does(Tick(), after=300)


def test_who_else_of_the_household_sees_the_picture_is_told_and_neighbours_are_not() -> None:
    everything = ["talk", "open", "view"]
    people = {who: replace(entry, may=everything) for who, entry in a_roster().answerers.items()}
    flats = {"flat-1": Button("Flat 1", ["alice", "bob"]), "flat-2": Button("Flat 2", ["dave"])}
    stage = CallStage(roster=a_roster(buttons=flats, answerers=people))
    stage.does(LinkUp("alice/2", "alice", plain=True))

    def watching() -> dict[str, list[str]]:
        return {link: told.watching for link, told in stage.told.items() if told.watching is not UNSET}

    stage.says("bob", View, on=True)
    assert watching() == {"alice": ["bob"]}
    stage.says("dave", View, on=True)
    assert watching() == {"alice": ["bob"]}
    stage.says("bob", View, on=False)
    assert watching() == {}
    stage.does(Pressed("flat-1"))
    assert watching() == {"alice": ["bob"], "bob": ["alice"]}
    assert stage.told["dave"].phase == "busy"
    ring = stage.told["bob"].call
    assert ring is not None
    stage.says("bob", Decline, call=ring)
    assert watching() == {}


def test_the_lamp_shows_that_somebody_looks_in() -> None:
    stage = CallStage()
    assert Lamp("watched") in stage.says("carol", View, on=True)
    assert Lamp("off") in stage.says("carol", View, on=False)


def test_who_looks_in_may_open_if_they_may_open() -> None:
    stage = CallStage()
    stage.says("alice", View, on=True)
    call = stage.told["alice"].call
    assert call is not None
    assert verdict(stage.says("alice", OpenDoor, door="main", call=call)) == "done"
    assert verdict(stage.says("dave", OpenDoor, door="main", call=call)) == "not-now"


def test_a_ring_ends_every_look() -> None:
    stage = CallStage()
    stage.says("carol", View, on=True)
    assert ShowVideo("carol", False) in stage.does(Pressed("flat-1"))
    assert stage.told["carol"].phase == "busy"


@pytest.mark.parametrize(("who", "code"), [("bob", "not-allowed"), ("alice", "not-now")])
def test_looking_in_is_refused(who: str, code: str) -> None:
    assert verdict(ringing().says(who, View, on=True)) == code


def test_answering_needs_the_right_and_the_ring() -> None:
    assert verdict(ringing().says("carol", AnswerCall, call=ONE)) == "not-allowed"
    assert verdict(ringing().says("dave", AnswerCall, call=ONE)) == "not-now"
    assert verdict(CallStage().says("alice", AnswerCall, call=ONE)) == "not-now"


def test_a_ping_is_always_answered() -> None:
    for stage in (CallStage(), ringing(), talking()):
        assert verdict(stage.says("dave", Ping)) == "done"


def test_coming_back_online_clears_the_fault() -> None:
    stage = CallStage(online=False)
    assert stage.told["alice"].faults == ["offline"]
    stage.does(welcome())
    assert stage.told["alice"].faults == []


class CallMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order: what must never be, never is."""

    PEOPLE = ("alice", "bob", "carol", "dave")

    def __init__(self) -> None:
        super().__init__()
        self.stage = CallStage()
        self.video: set[str] = set()
        self.talk: set[str] = set()
        self.up = set(self.PEOPLE)
        self.by = "nobody"

    def note(self, effects: list[object]) -> None:
        for effect in effects:
            match effect:
                case ShowVideo(link, on):
                    (self.video.add if on else self.video.discard)(link)
                case Talk(link, on):
                    (self.talk.add if on else self.talk.discard)(link)
                case ReleaseStrike(door, seconds):
                    assert (door, seconds) == ("main", 3.0)
                    assert self.by == "exit" or self.by.startswith("code ") or "open" in self.rights(self.by)
                    self.by = "nobody"  # a word releases once
        self.video &= self.up
        self.talk &= self.up

    def rights(self, who: str) -> list[str]:
        return list(a_roster().answerers[who].may)

    @rule(button=st.sampled_from(["flat-1", "flat-2", "nothing"]))
    def press(self, button: str) -> None:
        self.note([*self.stage.does(Pressed(button))])

    @rule(who=st.sampled_from(PEOPLE))
    def link(self, who: str) -> None:
        if who in self.up:
            self.up.discard(who)
            self.note([*self.stage.does(LinkDown(who, who))])
        else:
            self.up.add(who)
            self.note([*self.stage.does(LinkUp(who, who))])

    @rule(
        who=st.sampled_from(PEOPLE),
        kind=st.sampled_from([AnswerCall, Decline, HangUp, OpenDoor]),
        guess=st.integers(1, 30),
    )
    def command(self, who: str, kind: type[AnswerCall | Decline | HangUp | OpenDoor], guess: int) -> None:
        if who not in self.up:
            return
        self.by = who
        state = self.stage.told.get(who)
        call = state.call if state and state.call and guess < 20 else call_id(guess)
        extra = {"door": "main"} if kind is OpenDoor else {}
        self.note([*self.stage.says(who, kind, call=call, **extra)])
        self.by = "nobody"

    @rule()
    def exit_button(self) -> None:
        self.by = "exit"
        self.note([*self.stage.does(ExitPressed("main"))])
        self.by = "nobody"

    @rule(name=st.sampled_from(["cleaner", "post"]))
    def right_code(self, name: str) -> None:
        self.by = f"code {name}"
        self.note([*self.stage.does(CodeAccepted("main", name))])
        self.by = "nobody"

    @rule()
    def wrong_code(self) -> None:
        self.note([*self.stage.does(CodeRefused())])

    @rule(is_open=st.booleans())
    def leaf(self, is_open: bool) -> None:
        self.note([*self.stage.does(ContactIs("main", is_open))])

    @rule(button=st.sampled_from(["flat-1", "flat-2"]))
    def hold(self, button: str) -> None:
        self.note([*self.stage.does(Held(button))])

    @rule(broken=st.booleans())
    def housing(self, broken: bool) -> None:
        self.note([*self.stage.does(TamperIs(broken))])

    @rule(who=st.sampled_from(PEOPLE), on=st.booleans())
    def view(self, who: str, on: bool) -> None:
        if who in self.up:
            self.note([*self.stage.says(who, View, on=on)])

    @rule(seconds=st.sampled_from([0.5, 5.0, 40.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.note([*self.stage.does(Tick(), after=seconds)])

    @rule()
    def door_closes(self) -> None:
        self.note([*self.stage.does(StrikeLowered("main"))])

    @invariant()
    def one_voice_at_a_time(self) -> None:
        assert len(self.talk) <= 1

    @invariant()
    def what_flows_is_what_was_told(self) -> None:
        for who in self.up:
            assert self.stage.told[who].video == (who in self.video)
            assert self.stage.told[who].audio == (who in self.talk)

    @invariant()
    def nobody_sees_without_a_right(self) -> None:
        for who in self.video:
            assert {"talk", "view"} & set(self.rights(who))


CallMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCallMachine = CallMachine.TestCase
