"""Whom a button's ring reaches: over a standing link at once, or by waking them through the server."""

from dataclasses import dataclass, replace

from device.core.effects import Effect, Tell
from device.core.view import Picture
from protocol.messages import Ring


@dataclass(frozen=True, slots=True)
class Reach:
    """`rung`: whom the button rings and who may answer, in the roster's order; some are `linked`, some are `absent`."""

    rung: tuple[str, ...]
    linked: frozenset[str]
    absent: tuple[str, ...]
    online: bool

    def anybody(self) -> bool:
        """Whether there is anybody to ring."""
        return bool(self.linked) or (self.online and bool(self.absent))

    def without(self, declined: frozenset[str]) -> "Reach":
        """Whom it still reaches when these are left alone; `rung` stays as it was."""
        return replace(
            self, linked=self.linked - declined, absent=tuple(who for who in self.absent if who not in declined)
        )

    def wakes(self, call: str, button: str) -> list[Effect]:
        """The message that wakes those who are absent; none where there is nobody to wake, or no server."""
        return (
            [Tell(Ring(call=call, button=button, answerers=list(self.absent)))] if self.absent and self.online else []
        )


def reach(picture: Picture, button: str) -> Reach:
    """Under the roster in force; nobody without one."""
    roster = picture.roster
    rung = tuple(who for who in roster.rung_by(button) if roster.may(who, "talk")) if roster else ()
    linked = frozenset(answerer for answerer in picture.links.values() if answerer in rung)
    absent = tuple(who for who in rung if who not in linked)
    return Reach(rung, linked, absent, "offline" not in picture.faults)
