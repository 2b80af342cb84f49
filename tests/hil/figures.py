"""What the scenarios measured, for build/reports/hil.json. Emulated times are reported, never judged."""

import json
from pathlib import Path
from statistics import median

FIGURES = Path("build/reports/hil-figures.json")
TEXTS = Path("build/reports/hil-texts.json")
JUDGED = ("strike_pulse_error_ms", "cold_boot_to_armed_s")
PULSES = 30
"""A median of fewer says little."""


def note(name: str, value: float) -> None:
    """Add a measurement to those of this name."""
    kept = load()
    kept.setdefault(name, []).append(round(value, 3))
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(kept))


def tell(name: str, text: str) -> None:
    """Keep what is said in words; the last word counts."""
    kept = {**_texts(), name: text}
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    TEXTS.write_text(json.dumps(kept))


def _texts() -> dict[str, str]:
    kept: dict[str, str] = json.loads(TEXTS.read_text()) if TEXTS.exists() else {}
    return kept


def load() -> dict[str, list[float]]:
    kept: dict[str, list[float]] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    return kept


def summary() -> dict[str, float | str | None]:
    """The medians, None where too little was measured; and what was told in words."""
    kept = load()
    errors, boots = kept.get("strike_pulse_error_ms", []), kept.get("cold_boot_to_armed_s", [])
    return {
        "strike_pulse_error_ms": round(median(errors), 3) if len(errors) >= PULSES else None,
        "cold_boot_to_armed_s": round(median(boots), 3) if boots else None,
        **{name: median(found) for name, found in kept.items() if name not in JUDGED},
        **_texts(),
    }
