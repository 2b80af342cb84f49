"""Whatever is pressed, typed and cut, in whatever order and rhythm: no strike without a word, and none for too long."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from device.core.authority import Authority
from device.core.effects import Effect, JudgeCode, ReleaseStrike
from device.core.events import (
    CodeJudged,
    ContactEdge,
    Edge,
    Event,
    ExitEdge,
    HardwareFault,
    Instant,
    KeyPressed,
    RosterChanged,
    SignalingDown,
    StrikeLowered,
    StrikeReleased,
    TamperEdge,
    Tick,
)
from device.core.press import LOCKOUT_S
from device.core.rules import CallRules, DoorRules, LinkRules, PanelRules
from device.core.station import Station
from protocol.ids import new_token
from protocol.keys import new_key, public_jwk
from tests.unit.stage import UTC

OPEN_S = {"main": 3.0, "gate": 5.0}
RIGHT = "582913"


KEY = public_jwk(new_key())


class Stage:
    """A station that has neither server nor roster, and a clock that the test moves."""

    def __init__(self) -> None:
        self.mono = 100.0
        self.station = Station(
            Authority("home", "front-door", KEY, "AA" + ":AA" * 31, self.now),
            CallRules(doors={door: DoorRules(seconds) for door, seconds in OPEN_S.items()}),
            LinkRules(),
            PanelRules(keypad="main"),
            lambda _: "",
            new_token,
            lambda: 0.5,
        )

    def now(self) -> Instant:
        return Instant(self.mono, UTC + self.mono)

    def does(self, event: Event) -> list[Effect]:
        return self.station.handle(event, self.now())


class PanelMachine(RuleBasedStateMachine):
    """The station, and beside it a model of what a strike does and of who has asked for it."""

    @initialize(found=st.sets(st.sampled_from(sorted(OPEN_S))))
    def begin(self, found: set[str]) -> None:
        self.stage = Stage()
        self.high: dict[str, float] = {}
        self.asked: set[str] = set()
        self.pressed = {door: door in found for door in OPEN_S}
        self.open_since = dict.fromkeys(OPEN_S, -1.0)
        for door, pressed in self.pressed.items():
            self.does(ExitEdge(door, pressed, self.stage.mono, found=True))

    def does(self, event: Event) -> None:
        """Feed it, and judge what comes of it; judging a code takes no time."""
        for effect in self.stage.does(event):
            self.judge(effect)
        self.asked = set()

    def judge(self, effect: Effect) -> None:
        match effect:
            case ReleaseStrike(door, seconds):
                assert door in self.asked, "nobody asked for that"
                assert door not in self.high, "once at a time"
                assert 0 < seconds <= OPEN_S[door]
                self.high[door] = self.stage.mono + seconds
                self.does(StrikeReleased(door))
            case JudgeCode(code):
                right = code == RIGHT
                self.asked = {"main"} if right else set()
                for next_effect in self.stage.does(CodeJudged("cleaner" if right else None)):
                    self.judge(next_effect)

    @rule(seconds=st.sampled_from([0.011, 0.03, 0.2, 1.0, 4.0, 40.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        """As the daemon lives it: it wakes at every deadline, and strikes fall when their time is over."""
        end = self.stage.mono + seconds
        while (at := min([*self.high.values(), self.stage.station.deadline or end, end])) < end:
            self.stage.mono = max(self.stage.mono, at)
            fallen = [door for door, until in self.high.items() if until <= self.stage.mono]
            for door in fallen:
                del self.high[door]
                self.does(StrikeLowered(door))
            self.does(Tick())
        self.stage.mono = end

    @rule(door=st.sampled_from(sorted(OPEN_S)))
    def exit_contact_changes(self, door: str) -> None:
        now, pressed = self.stage.mono, not self.pressed[door]
        self.pressed[door] = pressed
        if pressed and now - self.open_since[door] >= LOCKOUT_S:
            self.asked = {door}
        if not pressed:
            self.open_since[door] = now
        self.does(ExitEdge(door, pressed, now))

    @rule(keys=st.sampled_from([RIGHT + "#", "141421#", "5", "#", "*", RIGHT]))
    def keys_are_pressed(self, keys: str) -> None:
        for key in keys:
            self.does(KeyPressed(key))

    @rule(name=st.sampled_from(["cleaner", None]))
    def a_verdict_nobody_asked_for(self, name: str | None) -> None:
        self.does(CodeJudged(name))

    @rule(door=st.sampled_from(sorted(OPEN_S)), is_open=st.booleans())
    def leaf_moves(self, door: str, is_open: bool) -> None:
        self.does(ContactEdge(door, is_open, self.stage.mono))

    @rule(broken=st.booleans())
    def housing(self, broken: bool) -> None:
        self.does(TamperEdge(broken, self.stage.mono))

    @rule(pressed=st.booleans())
    def bell(self, pressed: bool) -> None:
        self.does(Edge("flat-1", pressed, self.stage.mono))

    @rule(event=st.sampled_from([SignalingDown("gone"), HardwareFault("camera", "gone"), RosterChanged(None)]))
    def all_else_goes(self, event: Event) -> None:
        self.does(event)

    @invariant()
    def no_strike_is_released_past_its_time(self) -> None:
        for door, until in getattr(self, "high", {}).items():
            assert until - self.stage.mono <= OPEN_S[door]


PanelMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestPanelMachine = PanelMachine.TestCase
