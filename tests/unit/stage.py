"""A house for the core's tests: two flats, four people, one door; time is what the test says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from device.core.call import Call
from device.core.effects import Effect, SendControl
from device.core.events import Commanded, Event, Instant, LinkUp, RosterChanged, SignalingUp, SoundStarted
from device.core.rules import CallRules, DoorRules, SnapshotRules
from protocol.messages import Command, DeviceWelcome, Done, Refused, State
from protocol.roster import Answerer, Button, Door, Roster

UTC = 1_790_000_000.0
E = TypeVar("E")


def call_id(number: int) -> str:
    """The number-th call id of a test: 22 characters that end as 128 bits must."""
    return f"call{number:017d}A"


def a_roster(**changes: object) -> Roster:
    """alice and bob live in flat 1, dave in flat 2; carol may only look in."""
    values: dict[str, object] = {
        "site": "home",
        "device": "front-door",
        "serial": 1,
        "issued": int(UTC) - 1000,
        "expires": int(UTC) + 86400,
        "fingerprints": ["AA" + ":AA" * 31],
        "buttons": {
            "flat-1": Button("Flat 1", ["alice", "bob"]),
            "flat-2": Button("Flat 2", ["dave"]),
            "everybody": Button("Everybody", ["alice", "bob", "dave"]),
        },
        "doors": {"main": Door("Street door")},
        "answerers": {
            "alice": Answerer("Alice", ["A" * 42 + "A"], ["talk", "open", "view"]),
            "bob": Answerer("Bob", ["B" * 42 + "A"], ["talk"]),
            "carol": Answerer("Carol", ["C" * 42 + "A"], ["view"]),
            "dave": Answerer("Dave", ["D" * 42 + "A"], ["talk", "open"]),
        },
    }
    return Roster(**{**values, **changes})  # type: ignore[arg-type] # the members' types are the struct's to check


def welcome() -> SignalingUp:
    return SignalingUp(DeviceWelcome(ice_servers=[], roster=None, answerers=[], time=int(UTC)))


@dataclass
class CallStage:
    """A call machine on stage: `at` moves the clock, `does` feeds it, `state(link)` is what that page was last told."""

    links: Sequence[str] = ("alice", "bob", "carol", "dave")
    mono: float = 100.0
    online: bool = True
    roster: Roster | None = field(default_factory=a_roster)
    snapshots: SnapshotRules = field(default_factory=SnapshotRules)
    audible: bool = True

    def __post_init__(self) -> None:
        self._ids = iter(range(1, 10_000))
        rules = CallRules(
            ring_s=30, talk_s=300, view_s=300, after_s=4,
            doors={"main": DoorRules(3.0)}, long_press={"flat-1": "everybody"},
            snapshots=self.snapshots,
        )  # fmt: skip
        self.call = Call(rules, lambda: call_id(next(self._ids)))
        self.told: dict[str, State] = {}
        self.last_id: dict[str, int] = {}
        if self.audible:
            self.does(SoundStarted())
        if self.online:
            self.does(welcome())
        self.does(RosterChanged(self.roster))
        for link in self.links:
            self.does(LinkUp(link, link.split("/")[0]))

    def does(self, event: Event, after: float = 0.0) -> list[Effect]:
        self.mono += after
        effects = self.call.handle(event, Instant(self.mono, UTC + self.mono))
        for effect in of(SendControl, effects):
            if isinstance(effect.message, State):
                self.told[effect.link] = effect.message
        return effects

    def says(self, link: str, command: type[Command], **members: object) -> list[Effect]:
        """A person's command, with the next id."""
        number = self.last_id[link] = self.last_id.get(link, 0) + 1
        made: Command = command(id=number, **members)  # type: ignore[arg-type] # the struct checks
        return self.does(Commanded(link, made))


def of(kind: type[E], effects: Iterable[object]) -> list[E]:
    return [effect for effect in effects if isinstance(effect, kind)]


def verdict(effects: Iterable[Effect]) -> str:
    """`done`, the refusal's code, or `nothing`: what the person was answered."""
    for effect in of(SendControl, effects):
        match effect.message:
            case Done():
                return "done"
            case Refused(code=code):
                return code
    return "nothing"
