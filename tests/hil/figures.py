"""What the scenarios measured, for build/reports/hil.json. Emulated times are reported, never judged."""

import json
from pathlib import Path

from tests.bench.figures import Figure, median_of

FIGURES = Path("build/reports/hil-figures.json")
TEXTS = Path("build/reports/hil-texts.json")
PULSES = 30
"""A median of fewer says little."""


def note(name: str, value: float) -> None:
    """Add a measurement to those of this name, which ends with its unit: `_s` or `_ms`; without one it is a number."""
    kept = load()
    kept.setdefault(name, []).append(round(value, 3))
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(kept))


def tell(name: str, text: str) -> None:
    """Keep what is said in words; the last word counts."""
    kept = {**told(), name: text}
    TEXTS.parent.mkdir(parents=True, exist_ok=True)
    TEXTS.write_text(json.dumps(kept))


def told() -> dict[str, str]:
    kept: dict[str, str] = json.loads(TEXTS.read_text()) if TEXTS.exists() else {}
    return kept


def load() -> dict[str, list[float]]:
    kept: dict[str, list[float]] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    return kept


def summary() -> dict[str, Figure]:
    """The medians; none of pulses of which too few were measured."""
    return {
        name: median_of(found, _unit(name), digits=3)
        for name, found in load().items()
        if name != "strike_pulse_error_ms" or len(found) >= PULSES
    }


def _unit(name: str) -> str:
    suffix = name.rpartition("_")[2]
    return suffix if suffix in ("s", "ms") else "1"
