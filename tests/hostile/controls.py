"""Attacks with what no thief has: the keys. They must succeed, or the detectors are blind."""

import asyncio

from tests.harness.processes import SCALE
from tests.hostile.attack import Attack, Ends
from tests.hostile.attacks.proofs import by, forged
from tests.hostile.relay import Lie
from tests.hostile.scene import Scene


async def answered_by_an_heir(scene: Scene) -> None:
    """A fake page with the victim's key: the door must show, sound and open."""
    await forged(by(Scene.true_key))(scene)
    await _until(lambda: scene.haul.video > 5 and scene.haul.audio > 5 and scene.den.strikes.released)
    await _until(lambda: not scene.den.strikes.released)


async def rung_by_a_twin(scene: Scene) -> None:
    """A fake door with the real one's key: the page must show its picture, and say hello."""
    door = scene.true_door()
    visit = await scene.visit()
    link = "L" * 22
    await visit.end.say({"type": "offer", "device": scene.device, "link": link, "sdp": await door.offer()})
    answer = await visit.end.expect("answer", link=link)
    door.accept(answer["sdp"])
    scene.begin(door.plunder(scene.names(link)))
    deadline = asyncio.get_running_loop().time() + 10 * SCALE
    while not (seen := await visit.tab.seen()).shown and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.1)
    assert seen.unmuted
    assert seen.foreign("00:" * 31 + "00")


async def honest(scene: Scene) -> None:
    """The relay tells the truth for once: the page must show the real door."""
    await scene.visit(Lie())


CONTROLS = (
    Attack("control-page", "answer with the victim's own key", "door", Ends(log="link-up"), answered_by_an_heir),
    Attack("control-door", "offer with the door's own key", "page", Ends(), rung_by_a_twin),
    Attack(
        "control-refusal", "nothing at all, and yet a refusal is expected", "door", Ends(log="proof-refused"), honest
    ),
    Attack("control-honest", "pass everything on", "both", Ends(log="link-up", stays=True), honest),
)


async def _until(there: object) -> None:
    async with asyncio.timeout(15 * SCALE):
        while not there():  # type: ignore[operator]
            await asyncio.sleep(0.05)
