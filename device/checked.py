"""One row of `doorward-device check`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """What was tried, whether it works, what was seen, and what to do if not."""

    what: str
    ok: bool
    seen: str
    remedy: str = ""
