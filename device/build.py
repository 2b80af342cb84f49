"""When this program was made: no clock can be right that shows an earlier time."""

from datetime import UTC, datetime
from pathlib import Path

WRITTEN = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
"""Where nobody built a package: about when this was written."""


def built() -> float:
    """Seconds UTC. The package build leaves the time in the file `built` beside this module."""
    try:
        return max(WRITTEN, float(Path(__file__).with_name("built").read_text(encoding="ascii")))
    except FileNotFoundError:
        return WRITTEN
