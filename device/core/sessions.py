"""Who is present at the server, and when each may be offered a link (again)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from device.core.backoff import Backoff

RETRY_FIRST_S = 1.0
RETRY_MOST_S = 60.0
"""The device re-offers after 1 to 60 s while the session lasts (section 8, 9)."""


@dataclass(slots=True)
class Session:
    """One page of one answerer. `link` is the one that was made for it; `linked`: it said it has a live one.

    `plain`: it did not understand what we said, so it is of an earlier make (protocol section 5).
    """

    answerer: str
    backoff: Backoff
    retry_at: float = 0.0
    linked: bool = False
    link: str | None = None
    plain: bool = False


class Sessions:
    """By session id. What the server says about presence is believed for offers, and for nothing else."""

    def __init__(self, fraction: Callable[[], float]) -> None:
        self._fraction = fraction
        self._present: dict[str, Session] = {}

    def __contains__(self, session: str) -> bool:
        return session in self._present

    def __iter__(self) -> Iterator[tuple[str, Session]]:
        return iter(list(self._present.items()))

    def get(self, session: str) -> Session | None:
        return self._present.get(session)

    def replace(self, present: dict[str, str]) -> None:
        """The server has started anew: these sessions, by answerer, and no others."""
        self._present = {}
        for session, answerer in present.items():
            self.arrived(session, answerer)

    def arrived(self, session: str, answerer: str) -> None:
        self._present[session] = Session(answerer, Backoff(RETRY_FIRST_S, RETRY_MOST_S, self._fraction))

    def left(self, session: str) -> None:
        self._present.pop(session, None)

    def link_up(self, session: str) -> None:
        """Its link works: the next failure begins with short delays."""
        if session in self._present:
            self._present[session].backoff.reset()

    def link_gone(self, session: str, link: str, now: float) -> None:
        """Its link is away: another is offered after a while."""
        known = self._present.get(session)
        if known is not None and known.link == link:
            known.link = None
            known.retry_at = now + known.backoff.delay()
