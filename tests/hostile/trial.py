"""Runs one attack, and judges it: what it got, and how it was refused."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.harness.processes import SCALE, Line
from tests.hostile.attack import Attack
from tests.hostile.counters import counted
from tests.hostile.den import Den
from tests.hostile.scene import Scene

EVIDENCE_S = 8.0
"""How long a refusal may take to show, in a log, a console or a counter, after the attack has done all it can."""

GRACE_S = 0.3
"""What a door or a page gives away after it has refused would come within this: a link sends 30 frames a second."""

ATTACK_S = 60.0


@dataclass
class Result:
    """`gains` is what the attacker got; `lacks` is what was expected of the refusal and did not come."""

    attack: Attack
    gains: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        """An attack that is not refused as it must be counts as one that got through."""
        return bool(self.gains or self.lacks)

    def __str__(self) -> str:
        if not self.succeeded:
            kept = "held: " if self.attack.ends.stays else "refused: "
            return f"{kept}{self.attack.ends}"
        return "; ".join([f"GOT {gain}" for gain in self.gains] + [f"NO {lack}" for lack in self.lacks])


async def trial(den: Den, attack: Attack) -> Result:
    """The judged attack; whatever it raises is a lack, too."""
    result = Result(attack)
    began = time.monotonic()
    async with Scene(den, attack) as scene:
        mark = scene.attacked.process.mark()
        strikes = den.strikes.count
        before = await asyncio.to_thread(counted, scene.attacked, attack.ends.log)
        try:
            async with asyncio.timeout(ATTACK_S * SCALE):
                await attack.run(scene)
            result.lacks += await _lacking(scene, mark, before)
        except Exception as error:
            result.lacks.append(f"end: {type(error).__name__}: {error}")
        await asyncio.sleep(GRACE_S * SCALE)
        result.gains += await _gained(scene)
        if den.strikes.count > strikes:
            result.gains.append("a released strike")
    result.seconds = time.monotonic() - began
    return result


async def _gained(scene: Scene) -> list[str]:
    gains = [] if scene.haul.nothing else [str(scene.haul)]
    true = scene.true_fingerprint if scene.attack.target == "both" else None
    for tab in scene.tabs:
        seen = await tab.seen()
        if seen.foreign(true):
            gains.append(f"{seen.foreign(true)} frames decoded by the page")
        if true is None and (seen.shown or seen.unmuted):
            gains.append(f"{seen.shown} frames shown, {seen.unmuted} tracks alive")
        if true is None and seen.sent:
            gains.append(f"{seen.sent} packets of the microphone")
    return gains


async def _lacking(scene: Scene, mark: int, before: float) -> list[str]:
    ends, tabs, lacks = scene.attack.ends, scene.tabs, []
    until = time.monotonic() + EVIDENCE_S * SCALE

    def logged() -> bool:
        return any(_told(line, scene) for line in scene.attacked.process.lines[mark:])

    def rose() -> bool:
        return counted(scene.attacked, ends.log) > before

    if ends.log and not await _comes(logged, until):
        lacks.append(f"log line {ends.log} ({ends.why})")
    elif ends.log and not await _comes(rose, until):
        lacks.append(f"counter of {ends.log}")
    if ends.close and not await _comes(lambda: ends.close in scene.reasons(), until):
        lacks.append(f"close {ends.close}, but {scene.reasons()}")
    if ends.console and not await _comes(lambda: any(ends.console in line for line in scene.console()), until):
        lacks.append(f"console line {ends.console!r}, but {scene.console()}")
    elif ends.console and not any([await tab.refusals() for tab in tabs]):
        lacks.append("counter of the page")
    if ends.stays:
        lacks += await _not_connected(scene)
    return lacks


async def _not_connected(scene: Scene) -> list[str]:
    """Whether pictures reach the real page from the real door: more than there were a moment ago."""
    true = scene.true_fingerprint
    tab = scene.tabs[0]
    before = (await tab.seen()).frames.get(true, 0)
    deadline = time.monotonic() + EVIDENCE_S * SCALE
    while time.monotonic() < deadline:
        if (await tab.seen()).frames.get(true, 0) > before:
            return []
        await asyncio.sleep(0.05)
    return ["picture of the true door at the true page"]


def _told(line: Line, scene: Scene) -> bool:
    ends = scene.attack.ends
    named = line.get("answerer")
    mine = named is None or named == scene.person or named in {end.answerer for end in scene.pretended}
    return line.get("event") == ends.log and ends.why in str(line.get("why", "")) and mine


async def _comes(there: Callable[[], bool], until: float) -> bool:
    while not there():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.02)
    return True
