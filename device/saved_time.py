"""The newest time the daemon was certain of, kept on the card for the next start."""

import math
from pathlib import Path

SAVED = "clock"
"""In the state folder: the newest time the daemon was certain of, seconds UTC."""


def saved_time(state: Path) -> float:
    """The newest time ever saved, seconds UTC; 0 if none can be read."""
    try:
        kept = float((state / SAVED).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0.0
    return kept if math.isfinite(kept) else 0.0
