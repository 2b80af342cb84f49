"""The roots of the error tree: one class per decision a caller makes."""

import errno
from pathlib import Path


class DoorwardError(Exception):
    """An error with a sentence for the operator: what was wrong, where, and what to do.

    `exit_code` is the process's exit code when the error reaches the command line.
    """

    exit_code = 1


class ConfigError(DoorwardError):
    """A file we were given is wrong: restarting will not help (EX_CONFIG of sysexits.h)."""

    exit_code = 78


class FileUnreadable(ConfigError):
    """A file could not be read this time, for a reason that may pass (a bad read, no memory): start again."""

    exit_code = 1


LASTING = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG}
)
"""What is wrong with a file until somebody mends it."""


def unreadable(path: str | Path, error: OSError, remedy: str) -> ConfigError:
    """What to raise for a file of ours that could not be read: ConfigError, or FileUnreadable where that may pass."""
    kind = ConfigError if error.errno in LASTING else FileUnreadable
    return kind(f"{path}: cannot be read: {error.strerror or error}; {remedy}")


class PeerError(DoorwardError):
    """The other side broke the protocol; `reason` is the `close` reason that it is told."""

    def __init__(self, message: str, reason: str = "error") -> None:
        super().__init__(message)
        self.reason = reason


def one_line(text: str, limit: int = 300) -> str:
    """Text that others had a hand in, fit for a log and a terminal: one line, nothing unprintable, not too long."""
    shown = "".join(character if character.isprintable() else " " for character in text[:limit])
    return f"{shown}…" if len(text) > limit else shown
