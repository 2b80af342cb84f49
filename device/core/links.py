"""Links: who is connected, who was verified, and for how long (protocol sections 4 and 8).

A link goes `offering → offered → accepted → opened → up`, or away. Only `up` links, whose two hellos have been
exchanged, are seen by the call. What each check is for stands beside it; all of them refuse by closing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from device.core.authority import Authority
from device.core.control import Control
from device.core.effects import (
    AcceptAnswer,
    AddCandidate,
    CloseLink,
    Effect,
    Note,
    OpenLink,
    SendControl,
    Tell,
)
from device.core.events import (
    Commanded,
    Event,
    Instant,
    LinkDown,
    LinkLost,
    LinkMessage,
    LinkOffered,
    LinkOpened,
    LinkUp,
    RosterChanged,
    SignalingDown,
    SignalingSaid,
    SignalingUp,
)
from device.core.rules import LinkRules
from device.core.sessions import Session, Sessions
from protocol.candidates import PER_LINK, vet_candidate
from protocol.errors import PeerError
from protocol.messages import (
    Answer,
    Arrived,
    Close,
    DeviceCandidate,
    Done,
    Hello,
    IceServer,
    IceServers,
    Left,
    LinkClose,
    Offer,
    Ping,
    Reason,
    RosterKeyMessage,
    RosterMessage,
    ToDoor,
    parse_to_door,
)

PENDING_S = 30.0
"""How long an offer may stay unanswered, and a link take until both hellos (section 4, 4; section 8, 9)."""

HEARTBEAT_S = 10.0
"""Without a sign of life for this long a link ends (section 4)."""

URGENT_S = 2.0
"""The same, once the server said that the session has left."""

PER_ANSWERER = 4
"""Links of one answerer (section 8, 10)."""

Output = list[Effect | Event]
Stage = Literal["offering", "offered", "accepted", "opened", "up"]


@dataclass(slots=True)
class _Link:
    session: str
    answerer: str
    made_at: float
    deadline: float
    stage: Stage = "offering"
    offer: str = ""
    key: str = ""
    candidates: int = 0
    control: Control = field(default_factory=Control)


class Links:
    """`handle` returns effects, and events for the call; `busy` and `rung` ask the call what must be kept."""

    def __init__(
        self,
        rules: LinkRules,
        authority: Authority,
        new_link: Callable[[], str],
        fraction: Callable[[], float],
        busy: Callable[[str], bool],
        rung: Callable[[str], bool],
    ) -> None:
        self._rules = rules
        self._authority = authority
        self._new_link = new_link
        self._busy = busy
        self._rung = rung
        self._links: dict[str, _Link] = {}
        self._sessions = Sessions(fraction)
        self._ice_servers: tuple[IceServer, ...] = ()

    def handle(self, event: Event, now: Instant) -> Output:
        out = self._decide(event, now)
        out += self._expire(now)
        return out + self._offer(now)

    @property
    def deadline(self) -> float | None:
        times = [link.deadline for link in self._links.values()]
        times += [session.retry_at for _, session in self._sessions if self._wants(session)]
        return min(times, default=None)

    @property
    def up(self) -> int:
        return sum(link.stage == "up" for link in self._links.values())

    # Events

    def _decide(self, event: Event, now: Instant) -> Output:
        match event:
            case SignalingUp(welcome):
                self._ice_servers = tuple(welcome.ice_servers)
                return self._sessions_are({p.session: p.answerer for p in welcome.answerers}, now)
            case SignalingDown():
                return self._sessions_are({}, now)
            case SignalingSaid(message):
                return self._said(message, now)
            case RosterChanged():
                return self._judge_again(now)
            case LinkOffered(link, sdp) if self._stage(link) == "offering":
                self._links[link].stage, self._links[link].offer = "offered", sdp
                return [Tell(Offer(session=self._links[link].session, link=link, sdp=sdp))]
            case LinkOpened(link) if self._stage(link) == "accepted":
                self._links[link].stage = "opened"
                return [SendControl(link, self._hello(link))]
            case LinkMessage(link, text) if self._stage(link) in ("opened", "up"):
                return self._heard(link, text, now)
            case LinkLost(link, why) if link in self._links:
                return self._drop(link, now, why)
        return []

    def _said(self, message: object, now: Instant) -> Output:
        match message:
            case Arrived(session=session, answerer=answerer):
                self._sessions.arrived(session, answerer)
            case Left(session=session):
                self._sessions.left(session)
                return self._session_gone(session, now)
            case IceServers(ice_servers=servers):
                self._ice_servers = tuple(servers)
            case Answer():
                return self._answered(message, now)
            case DeviceCandidate(link=link) if self._stage(link) in ("accepted", "opened", "up"):
                return self._candidate(message)
            # After both hellos the server has no say in a link (section 8, 9).
            case Close(link=link, session=session, reason=reason) if self._pending(link, session):
                known = self._sessions.get(session)
                if known is not None and reason == "linked":
                    known.linked = True
                return self._drop(link, now, f"closed by the page: {reason}")
        return []

    # Sessions

    def _sessions_are(self, present: dict[str, str], now: Instant) -> Output:
        self._sessions.replace(present)
        out: Output = []
        for session in {link.session for link in self._links.values()}:
            out += self._session_gone(session, now)
        return out

    def _session_gone(self, session: str, now: Instant) -> Output:
        """The server's word: it ends what was being built, but a link that is up is only asked for a sign of life."""
        out: Output = []
        for name, link in list(self._links.items()):
            if link.session != session or session in self._sessions:
                continue
            if link.stage == "up":
                link.control.pings += 1
                link.deadline = min(link.deadline, now.mono + URGENT_S)
                out.append(SendControl(name, Ping(id=link.control.pings)))
            else:
                out += self._drop(name, now, "its session has left")
        return out

    def _wants(self, session: Session) -> bool:
        return (
            session.link is None
            and not (session.linked and self._has_link(session.answerer))
            and self._authority.knows(session.answerer)
            and (self._rules.standing or self._rung(session.answerer))
        )

    def _has_link(self, answerer: str) -> bool:
        return any(link.stage == "up" and link.answerer == answerer for link in self._links.values())

    # Making links

    def _offer(self, now: Instant) -> Output:
        out: Output = []
        for name, session in self._sessions:
            if self._wants(session) and session.retry_at <= now.mono:
                out += self._open(name, session, now)
        return out

    def _open(self, name: str, session: Session, now: Instant) -> Output:
        out: Output = []
        mine = [link for link in self._links.values() if link.answerer == session.answerer]
        if len(mine) >= PER_ANSWERER or (len(self._links) >= self._rules.limit and not self._evict(session, now, out)):
            session.retry_at = now.mono + session.backoff.delay()
            full = Close(session=name, link=self._new_link(), reason="full")
            return [*out, Tell(full), Note("warning", "links-full", {"answerer": session.answerer})]
        link = self._new_link()
        session.link = link
        self._links[link] = _Link(name, session.answerer, now.mono, now.mono + PENDING_S)
        return [*out, OpenLink(link, self._ice_servers)]

    def _evict(self, session: Session, now: Instant, out: Output) -> bool:
        """Make room for somebody who is rung: the oldest link that is neither rung, talking nor viewing goes."""
        if not self._rung(session.answerer):
            return False
        idle = [name for name, link in self._links.items() if not self._busy(name) and not self._rung(link.answerer)]
        if not idle:
            return False
        oldest = min(idle, key=lambda name: self._links[name].made_at)
        out += self._close(oldest, "full", now, "made room for somebody who is rung")
        return True

    # Verifying

    def _answered(self, answer: Answer, now: Instant) -> Output:
        link = self._links.get(answer.link)
        if link is None or link.session != answer.session or link.stage != "offered":
            return [Note("warning", "answer-refused", {"why": "no such open offer"})]
        try:
            vetted, link.key = self._authority.judge_answer(answer, link.answerer, link.offer)
        except PeerError as error:
            # The offer is consumed, valid or not (section 8, 6): its link is gone. A page whose description is bad and
            # one whose proof is bad learn the same.
            out = self._drop(answer.link, now, f"proof refused: {error}")
            return [
                Tell(Close(session=answer.session, link=answer.link, reason="proof")),
                Note("warning", "proof-refused", {"answerer": link.answerer, "why": str(error)}),
                *out,
            ]
        link.stage = "accepted"
        return [AcceptAnswer(answer.link, vetted.sdp, vetted.fingerprint)]

    def _candidate(self, message: DeviceCandidate) -> Output:
        link = self._links[message.link]
        if link.session != message.session:
            return []
        link.candidates += 1
        if link.candidates > PER_LINK:
            return []
        if message.candidate is not None:
            try:
                vet_candidate(message.candidate)
            except PeerError as error:
                return [Note("warning", "candidate-refused", {"why": str(error)})]
        return [AddCandidate(message.link, message.candidate)]

    def _heard(self, name: str, text: str, now: Instant) -> Output:
        link = self._links[name]
        try:
            message = parse_to_door(text)
            if link.stage == "opened":
                return self._greeted(name, message, now)
            return self._obeyed(name, message, now)
        except PeerError as error:
            reason: Reason = "hello" if link.stage == "opened" else "error"
            return self._close(name, reason, now, f"on control: {error}")

    def _greeted(self, name: str, message: ToDoor, now: Instant) -> Output:
        link = self._links[name]
        serial = link.control.greeted(message, self._hello(name))
        if not self._authority.stands(link.answerer, link.key, now):
            return self._close(name, "roster", now, "no longer on the roster")
        link.stage = "up"
        link.deadline = now.mono + HEARTBEAT_S
        self._sessions.link_up(link.session)
        known = self._sessions.get(link.session)
        plain = known is not None and known.plain
        fields: dict[str, object] = {"answerer": link.answerer}
        if plain:
            fields["page"] = "of an earlier make"
        out: Output = [LinkUp(name, link.answerer, plain), Note("info", "link-up", fields)]
        return [*(SendControl(name, newer) for newer in self._authority.newer_than(serial)), *out]

    def _obeyed(self, name: str, message: ToDoor, now: Instant) -> Output:
        link = self._links[name]
        heard = link.control.judged(message, now.mono)
        match heard:
            case LinkClose(reason=reason):
                known = self._sessions.get(link.session)
                if known is not None and reason == "error":
                    known.plain = True
                return self._drop(name, now, f"closed by the page: {reason}")
            case RosterMessage() | RosterKeyMessage():
                return [SignalingSaid(heard)]
        link.deadline = now.mono + HEARTBEAT_S
        return [] if isinstance(heard, Done) else [Commanded(name, heard)]

    def _hello(self, name: str) -> Hello:
        return self._authority.hello(name, self._links[name].answerer)

    # Ending

    def _judge_again(self, now: Instant) -> Output:
        """Under a new roster every link is judged anew: authority is the key, not the name (section 8, 1)."""
        out: Output = []
        for name, link in list(self._links.items()):
            known = self._authority.stands(link.answerer, link.key, now) if link.key else (
                self._authority.knows(link.answerer)
            )  # fmt: skip
            if not known:
                out += self._close(name, "roster", now, "no longer on the roster")
        return out

    def _expire(self, now: Instant) -> Output:
        out: Output = []
        for name, link in list(self._links.items()):
            if link.deadline <= now.mono:
                out += self._close(name, "timeout", now, f"silent while {link.stage}")
            elif not self._rules.standing and link.stage == "up" and not self._rung(link.answerer):
                out += [] if self._busy(name) else self._close(name, "bye", now, "no longer needed")
        return out

    def _close(self, name: str, reason: Reason, now: Instant, why: str) -> Output:
        link = self._links[name]
        said: Effect = (
            SendControl(name, LinkClose(reason=reason))
            if link.stage in ("opened", "up")
            else Tell(Close(session=link.session, link=name, reason=reason))
        )
        return [said, *self._drop(name, now, why)]

    def _drop(self, name: str, now: Instant, why: str) -> Output:
        link = self._links.pop(name)
        self._sessions.link_gone(link.session, name, now.mono)
        out: Output = [CloseLink(name)]
        if link.stage == "up":
            out.append(LinkDown(name, link.answerer))
        # An offer that its page declines is daily business; one that nobody took, or a verified answer without a
        # connection, is what an interception looks like from here.
        declined = link.stage in ("offering", "offered") and now.mono < link.deadline
        level: Literal["debug", "info"] = "debug" if declined else "info"
        return [*out, Note(level, "link-down", {"answerer": link.answerer, "why": why})]

    def _stage(self, link: str) -> Stage | None:
        return self._links[link].stage if link in self._links else None

    def _pending(self, link: str, session: str) -> bool:
        return self._stage(link) not in (None, "up") and self._links[link].session == session
