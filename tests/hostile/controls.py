"""Attacks with what no thief has: the keys. They must succeed, or the detectors are blind."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tests.harness.processes import SCALE
from tests.hostile.attack import Attack, Ends
from tests.hostile.attacks.proofs import by, forged
from tests.hostile.relay import Lie
from tests.hostile.scene import Scene
from tests.hostile.trial import Result

ENOUGH_S = 15.0
OTHER = ":".join(["00"] * 32)


@dataclass(frozen=True, slots=True)
class Control:
    """An attack that must be seen to succeed, by each of these words in what is said of it; none: it must be held."""

    attack: Attack
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.attack.name

    def seen(self, result: Result) -> list[str]:
        """What should have been seen and was not; or what was seen, where nothing should have been."""
        if not self.words:
            return [*result.gains, *result.lacks]
        return [word for word in self.words if word not in str(result)]


async def answered_by_an_heir(scene: Scene) -> None:
    """A fake page with the victim's key: the door must show, sound and open."""
    await forged(by(Scene.true_key))(scene)
    await _until(lambda: scene.haul.video > 5 and scene.haul.audio > 5 and scene.den.strikes.released)
    await _until(lambda: not scene.den.strikes.released)


async def rung_by_a_twin(scene: Scene) -> None:
    """A fake door with the real one's key: the page must show its picture and open its microphone's link."""
    door = scene.true_door()
    visit = await scene.visit()
    link = "L" * 22
    await visit.end.say({"type": "offer", "device": scene.device, "link": link, "sdp": await door.offer()})
    answer = await visit.end.expect("answer", link=link)
    door.accept(answer["sdp"])
    scene.begin(door.plunder(scene.names(link)))
    await visit.tab.page.wait_for_selector(f'#door-{scene.device}[data-picture="live"]')


async def honest(scene: Scene) -> None:
    """The relay tells the truth for once."""
    await scene.visit(Lie())


async def honest_and_seen(scene: Scene) -> None:
    """The same, until pictures flow: they are some other door's than the one that is believed to be true."""
    visit = await scene.visit(Lie())
    await visit.tab.page.wait_for_selector(f'#door-{scene.device}[data-picture="live"]')


CONTROLS = (
    Control(
        Attack("control-page", "answer with the victim's own key", "door", Ends(log="link-up"), answered_by_an_heir),
        (" video and ", " audio packets", "hello", "a released strike"),
    ),
    Control(
        Attack("control-door", "offer with the door's own key", "page", Ends(), rung_by_a_twin),
        ("frames decoded by the page", "frames shown", "tracks alive", "hello"),
    ),
    Control(
        Attack("control-frames", "frames of the real door where none are expected", "page", Ends(), honest_and_seen),
        ("frames decoded by the page", "frames shown"),
    ),
    Control(
        Attack(
            "control-unrefused",
            "nothing at all is refused",
            "both",
            Ends(log="proof-refused", close="fingerprint", console="link ended"),
            honest,
        ),
        ("NO log line proof-refused", "NO close fingerprint", "NO console line"),
    ),
    Control(Attack("control-honest", "pass everything on", "both", Ends(log="link-up", stays=True), honest), ()),
)


async def _until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(ENOUGH_S * SCALE):
        while not there():  # noqa: ASYNC110 - counters have no events
            await asyncio.sleep(0.05)
