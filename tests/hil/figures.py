"""What the scenarios measured, for build/reports/hil.json. Emulated times are reported, never judged."""

import json
from pathlib import Path
from statistics import median

FIGURES = Path("build/reports/hil-figures.json")
PULSES = 30
"""A median of fewer says little."""


def note(name: str, value: float) -> None:
    """Add a measurement to those of this name."""
    kept = load()
    kept.setdefault(name, []).append(round(value, 3))
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(kept))


def load() -> dict[str, list[float]]:
    kept: dict[str, list[float]] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    return kept


def summary() -> dict[str, float | None]:
    """The medians; None where too little was measured."""
    kept = load()
    errors, boots = kept.get("strike_pulse_error_ms", []), kept.get("cold_boot_to_armed_s", [])
    return {
        "strike_pulse_error_ms": round(median(errors), 3) if len(errors) >= PULSES else None,
        "cold_boot_to_armed_s": round(median(boots), 3) if boots else None,
    }
