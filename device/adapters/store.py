"""What the device keeps on its card: the roster, the newest time it knew, and the call journal. Written rarely."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import msgspec

from device.core.effects import KeepRoster, RecordCall
from device.core.events import Instant
from device.saved_time import SAVED, saved_time

JOURNAL = "calls.jsonl"
JOURNAL_LINES = 1000
"""Calls kept; older ones are dropped once there are twice as many."""


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` whole or not at all: temporary file, fsync, rename, fsync of the folder. Mode 0600."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class FileStore:
    """Files in the state folder. Every method raises OSError: a full or broken card is the caller's fault to show."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load_roster(self) -> list[str]:
        """The lines of the kept roster file: successions of the roster key, then the roster; none at first."""
        try:
            return (self._folder / "roster.jws").read_text(encoding="ascii", errors="replace").split()
        except FileNotFoundError:
            return []

    def keep_roster(self, kept: KeepRoster) -> None:
        """One file, so that a roster is never without the way to its key."""
        self._make_folder()
        write_atomically(self._folder / "roster.jws", "\n".join([*kept.successions, kept.signed.jws, ""]).encode())

    def load_time(self) -> float:
        """The time that was saved, seconds UTC; 0 if none can be read."""
        return saved_time(self._folder)

    def save_time(self, utc: float) -> None:
        self._make_folder()
        write_atomically(self._folder / SAVED, f"{utc:.0f}\n".encode())

    def record_call(self, record: RecordCall) -> None:
        """Append one line to the journal, and shorten it when it has grown to twice its size."""
        self._make_folder()
        path = self._folder / JOURNAL
        line = json.dumps(asdict(record), separators=(",", ":")).encode() + b"\n"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a+b") as file:
            file.seek(0)
            before = file.read()
            torn = bool(before) and not before.endswith(b"\n")  # by a power cut: only that line is lost
            file.write(b"\n" + line if torn else line)
            file.flush()
            os.fsync(file.fileno())
        lines = (before + line).splitlines(keepends=True)
        if len(lines) > 2 * JOURNAL_LINES:
            write_atomically(path, b"".join(lines[-JOURNAL_LINES:]))

    def load_calls(self) -> list[RecordCall]:
        """The journal, oldest first; a line that cannot be read, as a power cut may leave one, is left out."""
        try:
            lines = (self._folder / JOURNAL).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        calls = []
        for line in lines:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                calls.append(msgspec.json.decode(line, type=RecordCall))
        return calls

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)


class Clock:
    """Now, never earlier than what was once known (protocol section 8, rule 5): a Pi boots without a clock."""

    def __init__(
        self,
        known: float,
        system: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._system = system
        self._monotonic = monotonic
        self._base = known - monotonic()

    def raise_to(self, utc: float) -> None:
        """It is at least `utc`: a roster issued then has been verified."""
        self._base = max(self._base, utc - self._monotonic())

    def certain(self) -> float:
        """What nobody can have forged, seconds UTC: the newest time saved or roster issued, and what has passed since.

        It may be behind, as nothing passes while the machine is off. This is what to save: a system clock that ran
        ahead for an hour would otherwise make every roster look expired long after it was set right.
        """
        return self._base + self._monotonic()

    def now(self) -> Instant:
        mono = self._monotonic()
        return Instant(mono, max(self._system(), self._base + mono))
