"""The roots of the error tree: one class per decision a caller makes."""


class DoorwardError(Exception):
    """An error with a sentence for the operator: what was wrong, where, and what to do.

    `exit_code` is the process's exit code when the error reaches the command line.
    """

    exit_code = 1


class ConfigError(DoorwardError):
    """A file we were given is wrong: restarting will not help (EX_CONFIG of sysexits.h)."""

    exit_code = 78


class PeerError(DoorwardError):
    """The other side broke the protocol; `reason` is the `close` reason that it is told."""

    def __init__(self, message: str, reason: str = "error") -> None:
        super().__init__(message)
        self.reason = reason


def one_line(text: str, limit: int = 300) -> str:
    """Text that others had a hand in, fit for a log and a terminal: one line, nothing unprintable, not too long."""
    shown = "".join(character if character.isprintable() else " " for character in text[:limit])
    return f"{shown}…" if len(text) > limit else shown
