"""What is wrong with the door station, as its people are told (`faults` of protocol section 5)."""

from collections.abc import Mapping
from typing import get_args

from device.core.effects import Effect, Note
from device.core.events import (
    Event,
    HardwareBack,
    HardwareFault,
    RosterChanged,
    SignalingDown,
    SignalingUp,
    Stuck,
    TamperIs,
    Unstuck,
    Warned,
)
from protocol.messages import Fault

FAULTS: tuple[Fault, ...] = get_args(Fault)

SHOWN_AS: Mapping[str, Fault] = {"codes": "keypad", "guesses": "keypad"}
"""What has no word of its own: a file of codes that cannot be read, and codes that are being guessed."""


class Faults:
    """`handle` returns lines for the log. At first there is neither server nor roster."""

    def __init__(self) -> None:
        self._wrong: set[str] = {"offline", "roster"}
        self._stuck: set[str] = set()

    @property
    def shown(self) -> frozenset[Fault]:
        """Each as long as one of the things is wrong that are shown as it. Of a lamp nobody is told."""
        named = {SHOWN_AS.get(what, what) for what in self._wrong}
        return frozenset(fault for fault in FAULTS if fault in named)

    def handle(self, event: Event) -> list[Effect]:
        match event:
            case SignalingUp():
                self._set("offline", False)
            case SignalingDown():
                self._set("offline", True)
            case RosterChanged(roster):
                self._set("roster", roster is None)
            case Stuck(button):
                self._stuck.add(button)
                self._set("buttons", True)
                return [Note("warning", "button-stuck", {"button": button})]
            case Unstuck(button):
                self._stuck.discard(button)
                self._set("buttons", bool(self._stuck))
                return [Note("info", "button-free", {"button": button})]
            case TamperIs(broken):
                was = "tamper" in self._wrong
                self._set("tamper", broken)
                if broken:
                    return [Note("warning", "tamper", {"why": "the loop through the housing is open"})]
                return [Note("info", "tamper-gone")] if was else []
            case HardwareFault(what, detail):
                self._set(what, True)
                return [Note("warning", "fault", {"what": what, "detail": detail})]
            case HardwareBack(what):
                self._set(what, False)
                return [Note("info", "fault-gone", {"what": what})]
            case Warned(what, on):
                self._set(what, on)
        return []

    def _set(self, what: str, on: bool) -> None:
        (self._wrong.add if on else self._wrong.discard)(what)
