"""Every state of the call × everything that can happen, as one golden table: docs/call-states.md.

The table is made by this run. After a change that is meant: `python -m tests.unit.test_call_table`.
"""

from collections.abc import Callable
from pathlib import Path

from device.core.effects import (
    Effect,
    GiveUp,
    Lamp,
    Note,
    RecordCall,
    ReleaseStrike,
    SendSnapshot,
    SettleSnapshot,
    ShowVideo,
    TakeSnapshot,
    Talk,
    Tell,
    TellHistory,
    Tone,
)  # fmt: skip
from device.core.events import (
    CodeAccepted,
    CodeRefused,
    ContactIs,
    Event,
    ExitPressed,
    HardwareBack,
    HardwareFault,
    Held,
    LinkDown,
    LinkUp,
    Pressed,
    RosterChanged,
    SignalingDown,
    StrikeFailed,
    StrikeLowered,
    StrikeReleased,
    StrikeStuck,
    Stuck,
    TamperIs,
    Tick,
    Typing,
    Unstuck,
    Warned,
)
from protocol.messages import AnswerCall, AskHistory, AskSnapshot, Decline, HangUp, OpenDoor, Ping, View
from tests.unit.stage import CallStage, call_id, verdict, welcome

GOLDEN = Path(__file__).parents[2] / "docs" / "call-states.md"
ONE = call_id(1)

HEAD = """\
# The call, state by state

Made by `tests/unit/test_call_table.py` from the code itself. alice and bob are rung by flat-1, dave by flat-2; alice
may talk, open and view, bob may talk, dave may talk and open, carol may view. In *viewing*, alice looks in; in
*talking*, alice has answered. A long press of flat-1 stands for *everybody*, which rings alice, bob and dave. A cell
says the state after, what the person was answered, and what was done.

"""


def idle() -> CallStage:
    return CallStage()


def viewing() -> CallStage:
    stage = CallStage()
    stage.says("alice", View, on=True)
    return stage


def ringing() -> CallStage:
    stage = CallStage()
    stage.does(Pressed("flat-1"))
    return stage


def talking() -> CallStage:
    stage = ringing()
    stage.says("alice", AnswerCall, call=ONE)
    return stage


def offline() -> CallStage:
    return CallStage(links=(), online=False)


STATES: dict[str, Callable[[], CallStage]] = {
    "offline": offline,
    "idle": idle,
    "viewing": viewing,
    "ringing": ringing,
    "talking": talking,
}


def happens(event: Event, after: float = 0.0) -> Callable[[CallStage], list[Effect]]:
    return lambda stage: stage.does(event, after)


def says(who: str, kind: type[AnswerCall], **members: object) -> Callable[[CallStage], list[Effect]]:
    return lambda stage: stage.says(who, kind, **members) if stage.links else []


def forced(stage: CallStage) -> list[Effect]:
    stage.does(ContactIs("main", open=False))
    return stage.does(ContactIs("main", open=True))


def all_is_lost(stage: CallStage, for_s: float = 0.0) -> list[Effect]:
    """The network goes: all links, and the server with them."""
    effects = [effect for link in stage.links for effect in stage.does(LinkDown(link, link))]
    effects += stage.does(SignalingDown("gone"))
    return effects + (stage.does(Tick(), for_s) if for_s else [])


def stuck(stage: CallStage, for_s: float = 0.0) -> list[Effect]:
    """Somebody inside opens the door, and its strike cannot be lowered."""
    stage.does(ExitPressed("main"))
    stage.does(StrikeReleased("main"))
    effects = stage.does(StrikeStuck("main", "test"), 3)
    return stage.does(Tick(), for_s) if for_s else effects


def lowered_late(stage: CallStage) -> list[Effect]:
    stuck(stage)
    return stage.does(StrikeLowered("main"), 1)


EVENTS: dict[str, Callable[[CallStage], list[Effect]]] = {
    "flat-1 pressed": happens(Pressed("flat-1")),
    "flat-2 pressed": happens(Pressed("flat-2")),
    "a button nobody knows": happens(Pressed("cellar")),
    "alice answers": says("alice", AnswerCall, call=ONE),
    "bob answers": says("bob", AnswerCall, call=ONE),
    "dave answers": says("dave", AnswerCall, call=ONE),
    "carol answers": says("carol", AnswerCall, call=ONE),
    "alice answers another call": says("alice", AnswerCall, call=call_id(9)),
    "bob declines": says("bob", Decline, call=ONE),  # type: ignore[arg-type] # any command will do
    "alice hangs up": says("alice", HangUp, call=ONE),  # type: ignore[arg-type] # likewise
    "bob hangs up": says("bob", HangUp, call=ONE),  # type: ignore[arg-type] # likewise
    "alice opens": says("alice", OpenDoor, door="main", call=ONE),  # type: ignore[arg-type] # likewise
    "bob opens": says("bob", OpenDoor, door="main", call=ONE),  # type: ignore[arg-type] # likewise
    "dave opens": says("dave", OpenDoor, door="main", call=ONE),  # type: ignore[arg-type] # likewise
    "alice looks in": says("alice", View, on=True),  # type: ignore[arg-type] # likewise
    "bob looks in": says("bob", View, on=True),  # type: ignore[arg-type] # likewise
    "alice looks away": says("alice", View, on=False),  # type: ignore[arg-type] # likewise
    "alice pings": says("alice", Ping),  # type: ignore[arg-type] # likewise
    "alice asks for the history": says("alice", AskHistory),  # type: ignore[arg-type] # likewise
    "carol asks for the history": says("carol", AskHistory),  # type: ignore[arg-type] # likewise
    "bob asks for a picture": says("bob", AskSnapshot, call=ONE),  # type: ignore[arg-type] # likewise
    "alice links again": happens(LinkUp("alice/2", "alice")),
    "alice's link is lost": happens(LinkDown("alice", "alice")),
    "bob's link is lost": happens(LinkDown("bob", "bob")),
    "30 s pass": happens(Tick(), 30),
    "300 s pass": happens(Tick(), 300),
    "the server goes": happens(SignalingDown("gone")),
    "server and links are lost": all_is_lost,
    "server and links are lost for 10 s": lambda stage: all_is_lost(stage, 10),
    "the server comes": lambda stage: stage.does(welcome()),
    "the roster expires": happens(RosterChanged(None)),
    "the camera fails": happens(HardwareFault("camera", "test")),
    "the camera returns": happens(HardwareBack("camera")),
    "flat-1 is held": happens(Held("flat-1")),
    "flat-2 is held": happens(Held("flat-2")),
    "the exit button": happens(ExitPressed("main")),
    "a right code": happens(CodeAccepted("main", "cleaner")),
    "a wrong code": happens(CodeRefused()),
    "digits are typed": happens(Typing(True)),
    "the door is opened unasked": forced,
    "the tamper loop opens": happens(TamperIs(True)),
    "a button sticks": happens(Stuck("flat-1")),
    "a button comes free": happens(Unstuck("flat-1")),
    "the card fails": happens(Warned("storage", True)),
    "the strike is lowered": happens(StrikeLowered("main")),
    "the strike does not move": happens(StrikeFailed("main", "test")),
    "the released strike stays up": stuck,
    "the released strike stays up for 5 s": lambda stage: stuck(stage, 5),
    "the strike that stayed up comes down": lowered_late,
}


def describe(stage: CallStage, effects: list[Effect]) -> str:
    parts = [stage.call.name]
    answer = verdict(effects)
    if answer != "nothing":
        parts.append(f"*{answer}*")
    for effect in effects:
        match effect:
            case ShowVideo(link, on):
                parts.append(f"{'+' if on else '−'}picture {link}")
            case Talk(link, on):
                parts.append(f"{'+' if on else '−'}voice {link}")
            case Lamp(pattern):
                parts.append(f"lamp {pattern}")
            case Tone(name):
                parts.append(f"tone {name or 'off'}")
            case ReleaseStrike(door, _):
                parts.append(f"opens {door}")
            case Note("warning" | "critical", what):
                parts.append(f"warns {what}")
            case TakeSnapshot():
                parts.append("takes a picture")
            case SettleSnapshot(keep=keep):
                parts.append("keeps the picture" if keep else "forgets the picture")
            case TellHistory(answerer=answerer):
                parts.append(f"tells what rang {answerer}")
            case SendSnapshot(answerer=answerer):
                parts.append(f"sends the picture if it rang {answerer}")
            case RecordCall(outcome=outcome):
                parts.append(f"records {outcome}")
            case GiveUp():
                parts.append("ends the daemon")
            case Tell(message):
                parts.append(f"tells {type(message).__name__}")
    return ", ".join(parts)


def make_table() -> str:
    lines = [f"| | {' | '.join(STATES)} |", f"|---|{'---|' * len(STATES)}"]
    for event, happen in EVENTS.items():
        cells = []
        for make in STATES.values():
            stage = make()
            cells.append(describe(stage, happen(stage)))
        lines.append(f"| **{event}** | {' | '.join(cells)} |")
    return HEAD + "\n".join(lines) + "\n"


def test_the_table_in_the_documents_is_what_the_code_does() -> None:
    assert make_table() == GOLDEN.read_text(encoding="utf-8")


if __name__ == "__main__":
    GOLDEN.write_text(make_table(), encoding="utf-8")
