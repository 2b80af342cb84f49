"""The pictures of visitors whom nobody answered: files in the state folder, few and small, the oldest gone first."""

import re
from dataclasses import dataclass
from pathlib import Path

from device.adapters.store import write_atomically

FOLDER = "snapshots"
_NAME = re.compile(r"(?P<at>\d{12})-(?P<call>[A-Za-z0-9_-]{22})\.jpg")


@dataclass(frozen=True, slots=True)
class Picture:
    """One call's: `at` as in its record, seconds UTC."""

    at: int
    call: str
    jpeg: bytes


class Snapshots:
    """At most `limit` pictures of `limit_bytes` together. Every method raises OSError, for the caller to show."""

    def __init__(self, state: Path, limit: int, limit_bytes: int) -> None:
        self._folder = state / FOLDER
        self._limit = limit
        self._limit_bytes = limit_bytes

    def keep(self, picture: Picture) -> None:
        """Room is made first, so that the card never holds more than it may."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(picture.jpeg) > self._limit_bytes:
            return
        self.trim(self._limit - 1, self._limit_bytes - len(picture.jpeg))
        write_atomically(self._folder / f"{picture.at:012d}-{picture.call}.jpg", picture.jpeg)

    def trim(self, limit: int | None = None, limit_bytes: int | None = None) -> None:
        """Remove the oldest until what is left is within the limits, and what a power cut left half written."""
        limit = self._limit if limit is None else limit
        limit_bytes = self._limit_bytes if limit_bytes is None else limit_bytes
        if not self._folder.exists():
            return
        for torn in self._folder.glob(".*.new"):
            torn.unlink(missing_ok=True)
        kept, size = 0, 0
        for path in reversed(self._files()):
            kept, size = kept + 1, size + path.stat().st_size
            if kept > limit or size > limit_bytes:
                path.unlink(missing_ok=True)

    def calls(self) -> set[str]:
        """The calls of which there is a picture."""
        return {match["call"] for path in self._files() if (match := _NAME.fullmatch(path.name))}

    def load(self, call: str) -> bytes | None:
        for path in self._files():
            if path.name.endswith(f"-{call}.jpg"):
                return path.read_bytes()
        return None

    def _files(self) -> list[Path]:
        """Oldest first: names begin with the time."""
        if not self._folder.exists():
            return []
        return sorted(path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))
