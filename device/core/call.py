"""The call: what the visitor is doing. One at a time, judged here and nowhere else (protocol section 5).

`_decide` holds every transition; what should flow, shine and sound because of it is `stage`'s to find out.
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Literal

from device.core import visits
from device.core.doors import Doors
from device.core.effects import Effect, Note, RecordCall, SendControl, Tell
from device.core.events import (
    CodeRefused,
    Commanded,
    Event,
    Held,
    Instant,
    LinkDown,
    LinkUp,
    Pressed,
    RosterChanged,
    SignalingUp,
    SoundStarted,
    Typing,
)
from device.core.faults import Faults
from device.core.reach import Reach, reach
from device.core.rules import CallRules
from device.core.stage import After, Stage
from device.core.view import Idle, Look, Phase, Picture, Ringing, Talking
from device.ports import LampPattern, ToneName
from protocol.messages import (
    AnswerCall,
    AskHistory,
    AskSnapshot,
    Command,
    Contact,
    Decline,
    Done,
    Fault,
    HangUp,
    OpenDoor,
    Outcome,
    Ping,
    RefusalCode,
    Refused,
    RingEnded,
    View,
)
from protocol.roster import Roster

LOST_S = 10.0
"""For so long it rings on although nobody can be reached any more: a network that stumbles is back by then, and its
links with it; who waits at the door for longer should not wait for nothing.
"""


class _Refusal(Exception):
    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.code: RefusalCode = code


class Call:
    """`handle` takes what happened and returns what to do; `deadline` is when it wants a Tick (monotonic seconds)."""

    def __init__(self, rules: CallRules, new_call: Callable[[], str]) -> None:
        self._rules = rules
        self._new_call = new_call
        self._phase: Phase = Idle(since=1)
        self._faults = Faults()
        self._doors = Doors(rules.doors)
        self._picture = Picture(faults=self._faults.shown)
        self._until: float | None = None
        self._lost_at: float | None = None  # when a ring that nobody can hear any more counts as lost
        self._after: After | None = None
        self._audible = False  # tones are heard: not so at first, while the daemon starts
        self._woken: frozenset[str] = frozenset()  # whose telephones ring for this call
        self._rang: tuple[str, ...] = ()  # all whom this call has rung, also those whom it rings no more
        self._reached = False
        self._stage = Stage(set(rules.doors))

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        effects = self._expire(now) + self._faults.handle(event) + self._doors.handle(event, now)
        self._look_around()
        effects += self._decide(event, now)
        self._look_around()
        self._watch_reach(now)
        return self._stage.draw(self._phase, self._picture, self._after) + effects

    @property
    def deadline(self) -> float | None:
        times = [
            self._until,
            self._lost_at,
            self._after.until if self._after else None,
            self._doors.deadline,
            *(look.until for look in self._picture.views.values()),
        ]
        return min((at for at in times if at is not None), default=None)

    @property
    def name(self) -> str:
        """`idle`, `ringing` or `talking`."""
        return type(self._phase).__name__.lower()

    @property
    def quiet(self) -> bool:
        """Nobody is at the door, and nobody looks in."""
        return isinstance(self._phase, Idle) and not self._picture.views and not self._picture.doors

    @property
    def faults(self) -> list[Fault]:
        return sorted(self._picture.faults)

    @property
    def contacts(self) -> dict[str, Contact]:
        """Whether each door that has a contact is open or closed, once that is known."""
        return self._doors.contacts

    def rings(self, answerer: str) -> bool:
        """Whether a ring waits for this person."""
        return isinstance(self._phase, Ringing) and self._picture.rung(self._phase, answerer)

    def uses(self, link: str) -> bool:
        """Whether this link is rung, talking or viewing: it must not be given up for another."""
        return self._stage.uses(link)

    # Decisions

    def _decide(self, event: Event, now: Instant) -> list[Effect]:
        picture = self._picture
        match event:
            case Pressed(button):
                return self._pressed(button, now)
            case Commanded(link, command) if link in picture.links:
                return self._commanded(link, command, now)
            case LinkUp(link, answerer, plain):
                old = picture.plain | {link} if plain else picture.plain - {link}
                self._picture = replace(picture, links={**picture.links, link: answerer}, plain=old)
                self._reached = self._reached or self.rings(answerer)
            case LinkDown(link, answerer):
                return self._link_down(link, now) or self._wake({answerer})
            case SignalingUp():
                return self._wake()
            case RosterChanged(roster):
                return self._roster_changed(roster, now)
            case Held(button):
                return self._held(button, now)
            case Typing(on):
                self._picture = replace(picture, typing=on)
            case CodeRefused() if isinstance(self._phase, Idle):
                self._say("busy", "failed", now)
            case SoundStarted():
                self._audible = True
                if self._after is not None:
                    self._say(self._after.tone, self._after.lamp, now)
        return []

    def _pressed(self, button: str, now: Instant) -> list[Effect]:
        found = reach(self._picture, button)
        if not isinstance(self._phase, Idle):
            if self._phase.button == button:
                return []
            self._say("busy", "failed", now)
            record = RecordCall(self._new_call(), button, int(now.utc), "failed", None, found.rung)
            return [record, Note("info", "pressed-while-busy", {"button": button})]
        self._after = None
        call = self._new_call()
        if not found.anybody():
            own = {"roster", "certificate"} & self._picture.faults  # the door's own trouble sounds different
            self._say("fault" if own else "nobody", "failed", now)
            why = "nobody is rung by this button" if not found.rung else "no server and no standing link"
            record = RecordCall(call, button, int(now.utc), "failed", None, found.rung)
            picture = self._begun(call, button, now) + self._settled(call, "unanswered") if found.rung else []
            return [record, *picture, Note("warning", "nobody-reached", {"button": button, "why": why})]
        self._phase = Ringing(int(now.utc), call, button, found.rung, frozenset())
        self._picture = replace(self._picture, views={})
        self._reached, self._woken, self._rang = False, frozenset(), ()
        return [*self._ring("ringing", call, button, found, now), *self._begun(call, button, now)]

    def _held(self, button: str, now: Instant) -> list[Effect]:
        """A long press is a press of the button that it stands for; a ring that it began becomes that one's."""
        target = self._rules.long_press.get(button)
        match self._phase:
            case Idle() if target is not None:
                return self._pressed(target, now)
            case Ringing() as ringing if target is not None and ringing.button == button:
                found = reach(self._picture, target).without(ringing.declined)
                if not found.anybody():
                    return [Note("warning", "long-press-reaches-nobody", {"button": target})]
                self._phase = replace(ringing, button=target, rung=found.rung)
                # A withdrawal is for all who were woken; who is still rung is woken again behind it.
                gone = self._stop_waking(ringing.call) if self._woken - set(found.rung) else []
                return [*gone, *self._ring("long-press", ringing.call, target, found, now)]
        return []

    def _ring(self, event: str, call: str, button: str, found: Reach, now: Instant) -> list[Effect]:
        self._until = now.mono + self._rules.ring_s
        self._reached = self._reached or bool(found.linked)
        self._rang += tuple(who for who in found.rung if who not in self._rang)
        return [
            *self._waking(found, call, button),
            Note("info", event, {"button": button, "linked": len(found.linked), "absent": len(found.absent)}),
        ]

    def _commanded(self, link: str, command: Command, now: Instant) -> list[Effect]:
        if isinstance(command, AskHistory | AskSnapshot):
            answerer = self._picture.links[link]
            return visits.asked(link, answerer, command, may_talk=self._may(answerer, "talk"))
        try:
            effects = self._obey(link, command, now)
        except _Refusal as refusal:
            refused = Refused(id=command.id, code=refusal.code, message=str(refusal))
            note = Note("info", "refused", {"command": type(command).__name__, "code": refusal.code})
            return [SendControl(link, refused), note]
        return [SendControl(link, Done(id=command.id)), *effects]

    def _obey(self, link: str, command: Command, now: Instant) -> list[Effect]:
        answerer = self._picture.links[link]
        match command, self._phase:
            case Ping(), _:
                return []
            case AnswerCall(call=call), Talking() as talking if call == talking.call and answerer in talking.rung:
                raise _Refusal("answered-elsewhere", f"{talking.answerer} has answered")
            case ((AnswerCall(call=call) | Decline(call=call)), Ringing() as ringing) if (
                call == ringing.call and self._picture.rung(ringing, answerer)
            ):
                if isinstance(command, Decline):
                    return self._decline(ringing, answerer, now)
                self._phase = Talking(
                    int(now.utc), ringing.call, ringing.button, ringing.rung, link, answerer, ringing.since
                )
                self._until = now.mono + self._rules.talk_s
                note = Note("info", "answered", {"button": ringing.button})
                return [*self._stop_waking(ringing.call), *self._settled(ringing.call, "answered"), note]
            case AnswerCall(), _ if not self._may(answerer, "talk"):
                raise _Refusal("not-allowed", "this key may not answer")
            case HangUp(call=call), Talking() as talking if call == talking.call and link == talking.link:
                return self._end(talking, "answered", now)
            case OpenDoor(), _:
                return self._open(link, answerer, command, now)
            case View(on=on), _:
                return self._view(link, answerer, on, now)
        raise _Refusal("not-now", "this call is not, or no longer, there for you")

    def _open(self, link: str, answerer: str, command: OpenDoor, now: Instant) -> list[Effect]:
        roster = self._picture.roster
        if roster is None or not roster.may(answerer, "open"):
            raise _Refusal("not-allowed", "this key may not open")
        if command.door not in self._rules.doors or command.door not in roster.doors:
            raise _Refusal("unknown", f"there is no door {command.door!r}")
        look = self._picture.views.get(link)
        concerned = not isinstance(self._phase, Idle) and (
            command.call == self._phase.call and self._picture.concerns(self._phase, answerer)
        )
        if not concerned and (look is None or command.call != look.call):
            raise _Refusal("not-now", "open the door from a ring, a talk or a view")
        if command.door in self._picture.doors:
            raise _Refusal("too-fast", "the door is already released")
        return self._doors.release(command.door, "answerer", answerer, now)

    def _view(self, link: str, answerer: str, on: bool, now: Instant) -> list[Effect]:
        if not self._may(answerer, "view"):
            raise _Refusal("not-allowed", "this key may not look in")
        if on and not isinstance(self._phase, Idle):
            raise _Refusal("not-now", "somebody is at the door")
        views = {k: v for k, v in self._picture.views.items() if k != link}
        if on:
            views[link] = Look(self._new_call(), now.mono + self._rules.view_s)
        self._picture = replace(self._picture, views=views)
        return [Note("info", "view", {"by": answerer, "on": on})]

    def _decline(self, ringing: Ringing, answerer: str, now: Instant) -> list[Effect]:
        declined = ringing.declined | {answerer}
        self._phase = replace(ringing, declined=declined)
        if set(ringing.rung) <= declined:
            return self._end(ringing, "declined", now)
        return [Note("info", "declined", {"button": ringing.button})]

    def _link_down(self, link: str, now: Instant) -> list[Effect]:
        keep = {k: v for k, v in self._picture.links.items() if k != link}
        views = {k: v for k, v in self._picture.views.items() if k != link}
        self._picture = replace(self._picture, links=keep, views=views)
        self._stage.forget(link)
        if isinstance(self._phase, Talking) and self._phase.link == link:
            return [*self._end(self._phase, "answered", now), Note("warning", "talking-link-lost")]
        return []

    def _roster_changed(self, roster: Roster | None, now: Instant) -> list[Effect]:
        self._picture = replace(self._picture, roster=roster)
        views = {k: v for k, v in self._picture.views.items() if self._may(self._picture.links[k], "view")}
        self._picture = replace(self._picture, views=views)
        match self._phase:
            case Talking() as talking if not self._may(talking.answerer, "talk"):
                return self._end(talking, "answered", now)
            case Ringing() as ringing if roster is None:
                return self._end(ringing, "failed", now)
        return []

    def _wake(self, only: set[str] | None = None) -> list[Effect]:
        """Whoever is rung and has no link, or no longer, is woken: a telephone may have fallen asleep before the press,
        and the server have been away at the time. Where somebody was woken before, the server takes it for one ring.
        """
        if not isinstance(self._phase, Ringing):
            return []
        ringing, found = self._phase, reach(self._picture, self._phase.button)
        absent = tuple(
            who
            for who in found.absent
            if who in ringing.rung and who not in ringing.declined and (only is None or who in only)
        )
        return self._waking(replace(found, absent=absent), ringing.call, ringing.button)

    def _waking(self, found: Reach, call: str, button: str) -> list[Effect]:
        wake = found.wakes(call, button)
        self._woken |= set(found.absent) if wake else set()
        return wake

    # The end of things

    def _expire(self, now: Instant) -> list[Effect]:
        views = {link: look for link, look in self._picture.views.items() if look.until > now.mono}
        self._picture = replace(self._picture, views=views)
        if self._after is not None and self._after.until <= now.mono:
            self._after = None
        match self._phase:
            case Ringing() as ringing if _due(self._until, now) or _due(self._lost_at, now):
                return self._unanswered(ringing, now)
            case Talking() as talking if _due(self._until, now):
                return self._end(talking, "answered", now)
        return []

    def _unanswered(self, ringing: Ringing, now: Instant) -> list[Effect]:
        """The time is over, or nobody is left who could hear it: then that is what the visitor is told."""
        if self._lost_at is None:
            return self._end(ringing, "missed", now)
        outcome: Outcome = "missed" if self._reached else "failed"
        self._reached = False
        note = Note("warning", "nobody-reached", {"button": ringing.button, "why": "server and links were lost"})
        return [*self._end(ringing, outcome, now), note]

    def _watch_reach(self, now: Instant) -> None:
        """Whether a ring can still be heard. Who was woken comes by way of the server: while that is there, it can."""
        match self._phase:
            case Ringing(button=button, declined=declined) if (
                not reach(self._picture, button).without(declined).anybody()
            ):
                self._lost_at = now.mono + LOST_S if self._lost_at is None else self._lost_at
            case _:
                self._lost_at = None

    def _end(self, phase: Ringing | Talking, outcome: Outcome, now: Instant) -> list[Effect]:
        """The one way out of every call."""
        self._phase = Idle(int(now.utc))
        self._until = None
        reached = self._reached or isinstance(phase, Talking)
        self._say("busy" if reached else "nobody", "off" if outcome == "answered" else "failed", now)
        answered_by = phase.answerer if isinstance(phase, Talking) else None
        began = phase.rang_at if isinstance(phase, Talking) else phase.since
        return [
            *self._stop_waking(phase.call),
            *(self._settled(phase.call, "unanswered") if isinstance(phase, Ringing) else []),
            RecordCall(phase.call, phase.button, began, outcome, answered_by, self._rang),
            Note("info", "call-ended", {"button": phase.button, "outcome": outcome}),
        ]

    def _stop_waking(self, call: str) -> list[Effect]:
        if not self._woken:
            return []
        self._woken = frozenset()
        return [Tell(RingEnded(call=call))]

    def _say(self, tone: ToneName, lamp: LampPattern, now: Instant) -> None:
        """Tell the visitor how it ended, for a while. Who cannot hear it yet is told until it was heard for as long."""
        self._after = After(tone, lamp, now.mono + self._rules.after_s if self._audible else inf)

    # The visitor's picture

    def _begun(self, call: str, button: str, now: Instant) -> list[Effect]:
        return visits.begun(self._rules.snapshots, call, button, int(now.utc))

    def _settled(self, call: str, outcome: Literal["answered", "unanswered"]) -> list[Effect]:
        return visits.settled(self._rules.snapshots, call, outcome)

    # Small questions

    def _may(self, answerer: str, right: str) -> bool:
        return right in self._picture.rights(answerer)

    def _look_around(self) -> None:
        """The picture of what surrounds the call, as faults and doors have it now."""
        doors, faults = self._doors, self._faults.shown | self._doors.faults
        self._picture = replace(self._picture, faults=faults, doors=doors.released, contacts=doors.contacts)


def _due(at: float | None, now: Instant) -> bool:
    return at is not None and at <= now.mono
