"""All attacks, lane beside lane."""

import asyncio
from collections.abc import Callable, Sequence

from tests.hostile.attack import Attack
from tests.hostile.den import Den
from tests.hostile.trial import Result, trial

Report = Callable[[Result], None]


async def campaign(den: Den, attacks: Sequence[Attack], report: Report) -> None:
    """Try every attack; each result is reported as it comes."""

    async def one_by_one(queue: Sequence[Attack]) -> None:
        for attack in queue:
            report(await trial(den, attack))

    async with asyncio.TaskGroup() as tasks:
        for queue in queues(attacks):
            tasks.create_task(one_by_one(queue))


def queues(attacks: Sequence[Attack]) -> list[list[Attack]]:
    """What runs side by side: one queue for each lane, but what waits for time-outs waits all at once."""
    slow = [[attack] for attack in attacks if attack.lane == "slow"]
    return slow + [[attack for attack in attacks if attack.lane == lane] for lane in ("door", "page", "broken")]
