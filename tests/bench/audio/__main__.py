"""`python -m tests.bench.audio`: echo cancellation through a simulated door; build/reports/bench-audio.json."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from device.adapters.echo import VoiceSettings, WebrtcVoice
from tests.bench.audio import speech
from tests.bench.audio.cancellers import Livekit, Process, Speex
from tests.bench.audio.measures import converged_s, erle_db, run, understood
from tests.bench.audio.scene import Heard, Scene, hear
from tests.bench.figures import Figure, machine, median_of

REPORT = Path("build/reports/bench-audio.json")
LEARNING_S = 5.0
"""Echo alone, before it is measured what is left of it, and before the visitor talks, too."""

DOOR = Scene()
ECHOES = {
    "linear": Scene(distorting=False, room=False),
    "door": DOOR,
    "door_drift": replace(DOOR, drift_ppm=80.0),
    "late": replace(DOOR, delay_ms=240.0),
    "street": replace(DOOR, street_dbfs=-46.0),
}
DOUBLE_TALK = {
    "double_talk": replace(DOOR, isolation_db=15.0),
    "double_talk_street": replace(DOOR, isolation_db=15.0, street_dbfs=-46.0),
    "double_talk_close": DOOR,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """`suffix` stands behind the names of its figures; ours have none."""

    suffix: str
    what: str
    make: Callable[[], Process]


CANDIDATES = (
    Candidate("", "ours: pywebrtc-audio as the door runs it", lambda: WebrtcVoice(VoiceSettings()).process),
    Candidate("_gain", "ours with gain_db = 10", lambda: WebrtcVoice(VoiceSettings(gain_db=10.0)).process),
    Candidate("_livekit", "LiveKit's libwebrtc", lambda: Livekit().process),
    Candidate("_speexdsp", "libspeexdsp", lambda: Speex().process),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=len(speech.TENANTS), help="how many of the talkers")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each scene lasts")
    arguments = parser.parse_args()
    if lacking := speech.missing():
        print(f"bench-audio: cannot measure here: {lacking}", file=sys.stderr)
        return 1
    candidates, left_out = available()
    measured: dict[str, list[float]] = {}
    for pair in range(arguments.pairs):
        far = speech.speak(speech.TENANTS[pair], arguments.seconds)
        visitor = speech.speak(speech.VISITORS[pair], arguments.seconds)
        visitor[: int(LEARNING_S * speech.RATE_HZ)] = 0
        for name, scene in ECHOES.items():
            heard = hear(replace(scene, seed=pair + 1), far)
            for candidate in candidates:
                note(measured, echo_figures(candidate, name, heard, far))
        for name, scene in DOUBLE_TALK.items():
            heard = hear(replace(scene, seed=pair + 1), far, visitor)
            note(measured, {f"stoi_{name}_unfiltered": understood(heard, heard.microphone, LEARNING_S)})
            for candidate in candidates:
                done = run(candidate.make(), heard, far, time.process_time)
                note(measured, {f"stoi_{name}{candidate.suffix}": understood(heard, done.out, LEARNING_S)})
        print(f"talkers {pair + 1} of {arguments.pairs}", flush=True)
    figures = {name: median_of(values, unit(name), digits(name)) for name, values in sorted(measured.items())}
    report = {
        "target": "bench-audio",
        "machine": machine(),
        "candidates": {candidate.suffix or "ours": candidate.what for candidate in candidates},
        "left_out": left_out,
        "figures": {name: figure.as_json() for name, figure in figures.items()},
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(table(figures, candidates))
    for why in left_out:
        print(f"left out: {why}")
    print(f"\n{REPORT}")
    return 0


def available() -> tuple[list[Candidate], list[str]]:
    """Who can be measured here, and why the others cannot. Ours must be there."""
    there, left_out = [], []
    for candidate in CANDIDATES:
        try:
            candidate.make()
        except ImportError as error:
            left_out.append(f"{candidate.what}: {error}")
        else:
            there.append(candidate)
    if not any(candidate.suffix == "" for candidate in there):
        raise RuntimeError("the door's own canceller is not installed: make setup")
    return there, left_out


def echo_figures(candidate: Candidate, name: str, heard: Heard, far: speech.Sound) -> dict[str, float]:
    """Echo and nobody talking: what is left of it, since when, and what it cost."""
    done = run(candidate.make(), heard, far, time.process_time)
    figures = {f"erle_{name}_db{candidate.suffix}": erle_db(heard, done.out, LEARNING_S)}
    if name == "door":
        figures[f"voice_cpu_ms_per_s{candidate.suffix}"] = done.cpu_ms_per_s
        gone_after = converged_s(heard, done.out)
        if gone_after is not None:  # who never gets there shows by a smaller n, or by having no such figure
            figures[f"convergence_door_s{candidate.suffix}"] = gone_after
    return figures


def note(measured: dict[str, list[float]], figures: dict[str, float]) -> None:
    for name, value in figures.items():
        if not np.isfinite(value):
            raise RuntimeError(f"{name} is {value}")
        measured.setdefault(name, []).append(value)


def unit(name: str) -> str:
    return "dB" if "_db" in name else "s" if name.startswith("convergence") else "ms/s" if "cpu" in name else "1"


def digits(name: str) -> int:
    return 3 if name.startswith("stoi") else 1


def table(figures: dict[str, Figure], candidates: list[Candidate]) -> str:
    """A row a figure, a column a candidate; a dash where there is none."""
    suffixes = [candidate.suffix for candidate in candidates]
    rows = sorted({stem(name) for name in figures})
    lines = [f"{'median':26}" + "".join(f"{suffix.strip('_') or 'ours':>11}" for suffix in [*suffixes, "_unfiltered"])]
    for row in rows:
        cells = [figures.get(row + suffix) for suffix in [*suffixes, "_unfiltered"]]
        lines.append(f"{row:26}" + "".join(f"{'–' if cell is None else f'{cell.value:g}':>11}" for cell in cells))
    return "\n".join(lines)


def stem(name: str) -> str:
    """A figure's name without the candidate's suffix."""
    for suffix in ("_unfiltered", *(candidate.suffix for candidate in CANDIDATES)):
        if suffix and name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


if __name__ == "__main__":
    sys.exit(main())
