"""Performs `tune-audio`: sets what has its one right place, measures, says what was heard, and turns the mixer."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from device.adapters.audio.card import AlsaCard, AlsaMixer
from device.adapters.control import ask
from device.boards import LevelControl, MixerConfig
from device.config import SoundConfig
from device.media.sweep import TAIL_S, analyse, sweep
from device.tuning import Level, Unit, Verdict, Which, judge, next_level, shown
from protocol.errors import DoorwardError

WORTH_IT = 0.5
"""A smaller change, in dB or percent, is none: controls have steps."""


class Mixer(Protocol):
    """A card's controls by their simple names; HardwareError where one cannot be had."""

    def names(self) -> list[str]: ...

    def read(self, control: str, which: Which) -> tuple[float, Unit, float, float]:
        """Value, unit, lowest, highest."""

    def write(self, control: str, which: Which, value: float, unit: Unit) -> None: ...

    def switch(self, control: str, on: bool) -> None: ...


def tune(sound: SoundConfig, write: bool, say: Callable[[str], object]) -> bool:
    """Measure and say; whether nothing is to be changed. DoorwardError if it could not be measured."""
    settings = sound.mixer if write else None
    mixer = AlsaMixer(settings.card) if settings is not None else None
    if settings is not None and mixer is not None:
        for line in prepare(settings, mixer):
            say(line)
    recorded, late_by = AlsaCard(sound.capture, sound.playback).record_while_playing(sweep(), TAIL_S)
    try:
        heard = analyse(recorded, late_by)
    except ValueError as error:
        raise DoorwardError(f"the recording is of no use: {error}; is the machine busy? try again") from error
    verdict = judge(heard)
    for line in shown(heard):
        say(line)
    for sentence in verdict.sentences:
        say(f"→ {sentence}")
    if settings is not None and mixer is not None:
        for line in turn(settings, mixer, verdict):
            say(line)
    elif write:
        say("→ There is no mixer to write to: name the board, or [sound.mixer], in the configuration.")
    if verdict.ok:
        say("nothing is to be changed")
    return verdict.ok


def prepare(settings: MixerConfig, mixer: Mixer) -> Iterator[str]:
    """Before the sweep: what has one right place, and no level louder than is safe. A line for what was done."""
    there = mixer.names()
    for name, on in settings.switches.items():
        if name in there:
            mixer.switch(name, on)
            yield f"{name}: {'on' if on else 'off'}"
    for name, wanted_db in settings.fixed_db.items():
        if name in there and mixer.read(name, "capture")[1] == "dB":
            mixer.write(name, "capture", wanted_db, "dB")
            yield f"{name}: {wanted_db:g} dB"
    yield from turn(settings, mixer, Verdict([], {}))


def turn(settings: MixerConfig, mixer: Mixer, verdict: Verdict) -> Iterator[str]:
    """Both levels as the verdict wants them, and never above what is safe. A line for each that was changed."""
    there = mixer.names()
    rules: dict[Which, LevelControl | None] = {"playback": settings.playback, "capture": settings.capture}
    for which, rule in rules.items():
        name = None if rule is None else next((name for name in rule.controls if name in there), None)
        if rule is None or name is None:
            continue
        level = Level(name, *mixer.read(name, which))
        value = next_level(level, rule, verdict.turn.get(which, 0.0))
        if abs(value - level.value) >= WORTH_IT:
            mixer.write(name, which, value, level.unit)
            yield f"{name}: {level.value:.1f} → {value:.1f} {level.unit} (`alsactl store` keeps it)"


def refuse_beside_a_daemon(control_socket: Path) -> None:
    """DoorwardError if the daemon runs: it has the card, and a visitor would hear the sweep."""
    if not control_socket.exists():
        return
    try:
        asyncio.run(ask(control_socket, {"do": "status"}))
    except DoorwardError:
        return  # a socket that was left behind, or one that is not ours to ask: then the card will be busy
    raise DoorwardError("the daemon is running and has the sound card: stop it, and start it again afterwards")
