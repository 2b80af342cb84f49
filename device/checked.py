"""One row of `doorward-device check`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """What was tried, whether it works, what was seen, and what to do if not.

    `note`: nothing is wrong, as far as could be told; the remedy says how to tell, or to have it better.
    """

    what: str
    ok: bool
    seen: str
    remedy: str = ""
    note: bool = False

    @property
    def mark(self) -> str:
        """Four characters."""
        if not self.ok:
            return "FAIL"
        return "note" if self.note else "ok  "
