"""The door station as a whole: panel, links, roster and call, one event at a time.

`handle(event, now)` returns effects in the order to perform them; `deadline` is when it next wants a Tick. Nothing in
here waits, reads a clock or does I/O.
"""

from collections import deque
from collections.abc import Callable

from device.core.authority import Authority
from device.core.call import Call
from device.core.effects import Effect, KeepRoster, Note, RecordCall, Tell
from device.core.events import (
    CodeJudged,
    ContactEdge,
    Edge,
    Event,
    ExitEdge,
    Instant,
    KeyPressed,
    RosterChanged,
    RosterKept,
    SignalingSaid,
    SignalingUp,
    TamperEdge,
    Tick,
)
from device.core.inputs import Inputs
from device.core.keypad import Keypad
from device.core.links import Links
from device.core.rules import CallRules, LinkRules, PanelRules
from protocol.errors import PeerError
from protocol.messages import Contact, ErrorMessage, Fault, RosterAccepted, RosterKeyMessage, RosterMessage
from protocol.roster import Roster, SignedRoster


class Station:
    """`sign` makes the device's confirmation of a roster; `new_id` and `fraction` are the only sources of chance."""

    def __init__(
        self,
        authority: Authority,
        call_rules: CallRules,
        link_rules: LinkRules,
        panel_rules: PanelRules,
        sign: Callable[[SignedRoster], str],
        new_id: Callable[[], str],
        fraction: Callable[[], float],
    ) -> None:
        self._authority = authority
        self._sign = sign
        self._inputs = Inputs(panel_rules)
        self._keypad = Keypad(panel_rules.keypad)
        self._call = Call(call_rules, new_id)
        self._links = Links(link_rules, authority, new_id, fraction, self._call.uses, self._call.rings)
        self._kept = authority.signed.digest if authority.signed else None
        self._in_force: Roster | None = None
        self._expires_at: float | None = None

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        """Everything that follows from `event`, including what its consequences cause."""
        effects: list[Effect] = []
        waiting: deque[Event] = deque([event])
        while waiting:
            for outcome in self._step(waiting.popleft(), now):
                if isinstance(outcome, Effect):
                    effects.append(outcome)
                    if isinstance(outcome, RecordCall) and outcome.outcome in ("answered", "declined"):
                        self._inputs.attended()
                else:
                    waiting.append(outcome)
            waiting.extend(self._roster_in_force(now))
        return effects

    @property
    def deadline(self) -> float | None:
        times = [
            self._inputs.deadline,
            self._keypad.deadline,
            self._links.deadline,
            self._call.deadline,
            self._expires_at,
        ]
        return min((at for at in times if at is not None), default=None)

    @property
    def links_up(self) -> int:
        return self._links.up

    @property
    def quiet(self) -> bool:
        """Nobody is at the door, and nobody looks in: a restart would be noticed by nobody."""
        return self._call.quiet

    @property
    def phase(self) -> str:
        """`idle`, `ringing` or `talking`."""
        return self._call.name

    @property
    def contacts(self) -> dict[str, Contact]:
        return self._call.contacts

    @property
    def faults(self) -> list[Fault]:
        return self._call.faults

    def _step(self, event: Event, now: Instant) -> list[Effect | Event]:
        match event:
            case Edge() | ExitEdge() | ContactEdge() | TamperEdge():
                return [*self._inputs.handle(event, now)]
            case KeyPressed() | CodeJudged():
                return self._keypad.handle(event, now)
            case SignalingSaid(RosterMessage(jws=jws)):
                return self._take(jws)
            case SignalingSaid(RosterKeyMessage(jws=jws)):
                return self._follow(jws)
            case RosterKept(digest):
                self._kept = digest
                return self._confirm()
            case SignalingSaid(ErrorMessage(code=code, message=message)):
                return [Note("warning", "server-error", {"code": code, "message": message})]
            case SignalingUp(welcome):
                taken = [*(self._take(welcome.roster) if welcome.roster else []), *self._confirm()]
                # The roster first: the sessions that came with it are judged by it.
                changed = self._roster_in_force(now)
                first = [out for change in changed for out in self._machines(change, now)]
                return [*taken, *first, *self._machines(event, now)]
            case Tick():
                panel = [*self._inputs.handle(event, now), *self._keypad.handle(event, now)]
                return [*panel, *self._machines(event, now)]
        return self._machines(event, now)

    def _machines(self, event: Event, now: Instant) -> list[Effect | Event]:
        """The call first: links look at what it needs."""
        return [*self._call.handle(event, now), *self._links.handle(event, now)]

    def _take(self, jws: str) -> list[Effect | Event]:
        try:
            signed = self._authority.accept(jws)
        except PeerError as error:
            return [Note("warning", "roster-refused", {"why": str(error)})]
        if signed is None:
            return []
        return [
            KeepRoster(signed, self._authority.successions),
            Note("info", "roster-accepted", {"serial": signed.roster.serial}),
        ]

    def _confirm(self) -> list[Effect | Event]:
        """Our word on which roster we hold, once it is kept: for the operator, who believes nobody else's."""
        signed = self._authority.signed
        if signed is None or signed.digest != self._kept:
            return []
        return [Tell(RosterAccepted(jws=self._sign(signed)))]

    def _follow(self, jws: str) -> list[Effect | Event]:
        try:
            followed = self._authority.follow(jws)
        except PeerError as error:
            return [Note("warning", "roster-key-refused", {"why": str(error)})]
        return [Note("info", "roster-key-followed")] if followed else []

    def _roster_in_force(self, now: Instant) -> list[Event]:
        """RosterChanged when another roster came into force, or the one in force has expired."""
        roster = self._authority.in_force(now)
        self._expires_at = None if roster is None else now.mono + (roster.expires - now.utc)
        if roster is self._in_force:
            return []
        self._in_force = roster
        return [RosterChanged(roster)]
