"""What to change at a door's sound, in sentences, and to what its mixer shall be set. Pure.

The figures: `docs/sound.md`. A level is in dB where the card tells dB, else in percent of its range.
"""

from dataclasses import dataclass
from typing import Literal

from device.boards import LevelControl
from device.media.sweep import Heard

BOTH_TALK_DB = 15.0
"""Isolation from which both can talk at once and the visitor is understood (`make bench-audio`, STOI)."""

LOUD_ECHO_DB = 0.0
"""Isolation below which the echo is as loud as what made it: nothing takes that away without the visitor."""

HEADROOM_DBFS = -3.0
"""A peak above this is about to be clipped."""

NOISY_DBFS = -45.0
"""A street, or a microphone turned up so far that it hears itself."""

FAINT_DBFS = -55.0
"""An echo this faint says that the microphone, or the loudspeaker, is turned down too far to be of use."""

LATE_MS = 250.0
"""The latest echo that the canceller was measured with."""

LARGEST_STEP_DB = 12.0
PERCENT_A_DB = 1.5
"""For cards that tell no dB: a guess, so that a step is small; the next measurement sees what it did."""

Which = Literal["playback", "capture"]
Unit = Literal["dB", "%"]


@dataclass(frozen=True, slots=True)
class Level:
    """How a control stands: `value` between `lowest` and `highest`, in `unit`."""

    control: str
    value: float
    unit: Unit
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ok`: nothing is to be changed. `turn`: by how many dB each side should be turned, up or down."""

    sentences: list[str]
    turn: dict[Which, float]

    @property
    def ok(self) -> bool:
        return not self.sentences


def judge(heard: Heard) -> Verdict:
    """What is wrong with what was heard, the worst first; each sentence says what to do."""
    if heard.isolation_db is None or heard.delay_ms is None or heard.echo_dbfs is None:
        return Verdict([_unheard(heard)], {})
    said: list[str] = []
    turn: dict[Which, float] = {}
    if heard.clipped or heard.peak_dbfs > HEADROOM_DBFS:
        down = min(LARGEST_STEP_DB, max(6.0, heard.peak_dbfs - 2 * HEADROOM_DBFS))
        turn["capture"] = -down
        said.append(
            f"The loudspeaker overdrives the microphone ({heard.peak_dbfs:.0f} dB, {heard.clipped} samples cut off): "
            f"turn the microphone down by {down:.0f} dB."
        )
    elif heard.echo_dbfs < FAINT_DBFS:
        up = min(LARGEST_STEP_DB, FAINT_DBFS + 10 - heard.echo_dbfs)
        turn["capture"] = up
        said.append(
            f"The microphone hardly hears anything ({heard.echo_dbfs:.0f} dB): turn it up by {up:.0f} dB, "
            "and make sure that its hole in the case is open."
        )
    if heard.isolation_db < BOTH_TALK_DB and "capture" not in turn:
        down = min(BOTH_TALK_DB - heard.isolation_db, LARGEST_STEP_DB if heard.isolation_db < LOUD_ECHO_DB else 6.0)
        turn["playback"] = -down
        said.append(
            f"The microphone hears the loudspeaker only {heard.isolation_db:.0f} dB more quietly than it was played; "
            f"{BOTH_TALK_DB:.0f} dB let both sides talk at once. Put foam between the two, or more distance; "
            f"if that does not help, turn the loudspeaker down by {down:.0f} dB."
        )
    if heard.noise_dbfs > NOISY_DBFS:
        said.append(
            f"It is loud here, {heard.noise_dbfs:.0f} dB when nobody talks. If the street is quiet, the microphone "
            'is turned up too far or badly wired; if it is not, set noise = "strong" in [sound.voice].'
        )
    if heard.delay_ms > LATE_MS:
        said.append(
            f"The sound comes back after {heard.delay_ms:.0f} ms; more than {LATE_MS:.0f} is late for the canceller. "
            "Name the card itself (plughw:…) instead of a sound server, or take a smaller period_ms."
        )
    return Verdict(said, turn)


def next_level(level: Level, rule: LevelControl, turn_db: float) -> float:
    """Where the control shall stand: turned, within its range, and never above what is safe, turned or not."""
    safe = rule.safe_db if level.unit == "dB" else float(rule.safe_percent)
    wanted = level.value + (turn_db if level.unit == "dB" else turn_db * PERCENT_A_DB)
    return max(level.lowest, min(wanted, safe, level.highest))


def shown(heard: Heard) -> list[str]:
    """The measurement, a line each."""
    lines = [
        f"silence            {heard.noise_dbfs:6.1f} dB",
        f"loudest sample     {heard.peak_dbfs:6.1f} dB" + (f", {heard.clipped} cut off" if heard.clipped else ""),
    ]
    if heard.delay_ms is not None:
        lines += [
            f"delay, there and back {heard.delay_ms:4.0f} ms",
            f"loudspeaker, heard {heard.echo_dbfs:6.1f} dB",
            f"isolation          {heard.isolation_db:6.1f} dB",
        ]
    return lines


def _unheard(heard: Heard) -> str:
    why = (
        "the microphone gives nothing at all: is its way switched on in the mixer, is it plugged in?"
        if heard.peak_dbfs < -90
        else "the microphone works: is the loudspeaker connected, its amplifier powered, its volume up?"
    )
    return f"The microphone did not hear the loudspeaker; {why}"
