"""What is remembered of visitors, and who may be told: a picture of whoever was not answered, and the calls so far."""

from typing import Literal

from device.core.effects import Effect, Note, SendControl, SendSnapshot, SettleSnapshot, TakeSnapshot, TellHistory
from device.core.rules import SnapshotRules
from protocol.messages import AskHistory, AskSnapshot, RefusalCode, Refused


def begun(rules: SnapshotRules, call: str, button: str, at: int) -> list[Effect]:
    """Somebody has pressed: a picture is taken a moment later, when they look up, and held in memory."""
    return [] if rules.keep == "none" else [TakeSnapshot(call, button, at, rules.after_s)]


def settled(rules: SnapshotRules, call: str, outcome: Literal["answered", "unanswered"]) -> list[Effect]:
    """It is known whether anybody answered: only now the picture goes on the card, or it is forgotten."""
    if rules.keep == "none":
        return []
    return [SettleSnapshot(call, keep=outcome == "unanswered" or rules.keep == "all")]


def asked(link: str, answerer: str, command: AskHistory | AskSnapshot, *, may_talk: bool) -> list[Effect]:
    """History and pictures are for those who may answer; what of them rang this person is found where they are kept."""
    if not may_talk:
        return refused(link, command, "not-allowed", "this key may not answer")
    match command:
        case AskHistory(id=number):
            return [TellHistory(link, number, answerer)]
        case AskSnapshot(id=number, call=call):
            return [SendSnapshot(link, number, answerer, call)]


def refused(link: str, command: AskHistory | AskSnapshot, code: RefusalCode, why: str) -> list[Effect]:
    note = Note("info", "refused", {"command": type(command).__name__, "code": code})
    return [SendControl(link, Refused(id=command.id, code=code, message=why)), note]
