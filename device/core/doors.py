"""The doors: which strike is released until when, and whether the leaf does what it was asked to.

Who may release is judged by the caller (a person's right, a code) or needs no judging (somebody inside wants out).
What holds in every case is judged here: a strike is released once at a time, for the time that its door has.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from device.core.effects import Effect, GiveUp, Note, ReleaseStrike
from device.core.events import (
    CodeAccepted,
    ContactIs,
    Event,
    ExitPressed,
    HardwareBack,
    Instant,
    StrikeFailed,
    StrikeLowered,
    StrikeReleased,
    StrikeStuck,
)
from device.core.rules import DoorRules
from protocol.messages import Contact, Fault

GRACE_S = 5.0
"""Who was let in pulls the door while the strike gives way; leaf and contact may follow a moment after it dropped."""

STUCK_S = 5.0
"""For so long the panel tries to lower a strike that stays up. Then the process ends, whatever else it is doing: what
lowers the strikes after it has lines of its own (systemd/README.md), and an open door is worse than a call cut short.
"""

Alarm = Literal["left-open", "forced"]


@dataclass(slots=True)
class _Door:
    rules: DoorRules
    until: int | None = None  # whole seconds UTC, as people are told
    expected_until: float = -math.inf  # monotonic: an opening until then is one that was asked for
    contact: Contact | None = None  # None: there is no contact, or it has not been read yet
    alarm: Alarm | None = None
    left_open_at: float | None = None
    failed: bool = False  # the strike did not move when it was last asked to
    give_up_at: float | None = None  # monotonic: the strike cannot be lowered, and until then that is tried


class Doors:
    """`handle` takes what happened at the doors; `release` is for those whose right was judged."""

    def __init__(self, rules: Mapping[str, DoorRules]) -> None:
        self._doors = {name: _Door(rule) for name, rule in rules.items()}

    @property
    def released(self) -> dict[str, int]:
        """The doors whose strike is released, and until when (whole seconds UTC)."""
        return {name: door.until for name, door in self._doors.items() if door.until is not None}

    @property
    def contacts(self) -> dict[str, Contact]:
        return {name: door.contact for name, door in self._doors.items() if door.contact is not None}

    @property
    def faults(self) -> frozenset[Fault]:
        """What the contacts' alarms are, and `strike` while any door's is out of order."""
        broken: set[Fault] = {"strike"} if any(_broken(door) for door in self._doors.values()) else set()
        return frozenset(broken | {door.alarm for door in self._doors.values() if door.alarm is not None})

    @property
    def deadline(self) -> float | None:
        times = [at for door in self._doors.values() for at in (door.left_open_at, door.give_up_at)]
        return min((at for at in times if at is not None), default=None)

    def release(self, name: str, how: str, by: str, now: Instant) -> list[Effect]:
        """Release the strike of `name` for its time; nothing where it is released already, or there is none.

        One that has failed is tried again: how else would anybody learn that it works?
        """
        door = self._doors.get(name)
        if door is None or door.until is not None:
            return []
        seconds = door.rules.open_s
        door.until = math.ceil(now.utc + seconds)
        door.expected_until = now.mono + seconds + GRACE_S
        return [ReleaseStrike(name, seconds), Note("info", "door-opened", {"door": name, "how": how, "by": by})]

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        effects = self._late(now)
        match event:
            case ExitPressed(name):
                return effects + self.release(name, "exit button", "inside", now)
            case CodeAccepted(name, code):
                return effects + self.release(name, "code", code, now)
            case StrikeReleased(name) if name in self._doors:
                return effects + _works_again(name, self._doors[name])
            case StrikeLowered(name) if name in self._doors:
                return effects + _lowered(name, self._doors[name], now)
            case StrikeFailed(name, detail) if name in self._doors:
                self._doors[name].until = None
                self._doors[name].failed = True
                return [*effects, Note("warning", "strike-failed", {"door": name, "detail": detail})]
            case StrikeStuck(name, detail) if name in self._doors:
                self._doors[name].give_up_at = now.mono + STUCK_S
                return [*effects, Note("critical", "strike-stuck", {"door": name, "detail": detail})]
            case HardwareBack("strike"):
                for door in self._doors.values():
                    door.failed = False
            case ContactIs(name, is_open) if name in self._doors:
                return effects + self._moved(name, self._doors[name], is_open, now)
        return effects

    def _moved(self, name: str, door: _Door, is_open: bool, now: Instant) -> list[Effect]:
        first = door.contact is None
        door.contact = "open" if is_open else "closed"
        if not is_open:
            alarmed, door.alarm, door.left_open_at = door.alarm is not None, None, None
            return [Note("info" if alarmed else "debug", "door-closed", {"door": name})]
        door.left_open_at = now.mono + door.rules.left_open_s
        asked = door.until is not None or now.mono <= door.expected_until
        # A door that stands open when the daemon starts was opened before: nobody knows by whom.
        if asked or first or not door.rules.forced_alarm:
            return [Note("debug", "door-moved", {"door": name})]
        door.alarm, door.left_open_at = "forced", None
        return [Note("warning", "door-forced", {"door": name})]

    def _late(self, now: Instant) -> list[Effect]:
        notes: list[Effect] = []
        for name, door in self._doors.items():
            if door.left_open_at is not None and door.left_open_at <= now.mono:
                door.left_open_at, door.alarm = None, "left-open"
                notes.append(Note("warning", "door-left-open", {"door": name, "after_s": door.rules.left_open_s}))
            if door.give_up_at is not None and door.give_up_at <= now.mono:
                door.give_up_at = math.inf
                notes.append(GiveUp(f"door {name}: its strike could not be lowered for {STUCK_S:.0f} s"))
        return notes


def _broken(door: _Door) -> bool:
    return door.failed or door.give_up_at is not None


def _works_again(name: str, door: _Door) -> list[Effect]:
    """It has moved: whatever was wrong with it is so no longer. One that is stuck has moved before."""
    was, door.failed = door.failed, False
    return [Note("info", "strike-works", {"door": name})] if was else []


def _lowered(name: str, door: _Door, now: Instant) -> list[Effect]:
    was, door.give_up_at = door.give_up_at, None
    door.until, door.expected_until = None, now.mono + GRACE_S
    return [Note("warning", "strike-lowered-late", {"door": name})] if was is not None else []
