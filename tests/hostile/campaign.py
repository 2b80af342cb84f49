"""All attacks, lane beside lane."""

import asyncio
from collections.abc import Callable, Sequence

from tests.hostile.attack import Attack
from tests.hostile.den import Den
from tests.hostile.trial import Result, trial

Report = Callable[[Result], None]


async def campaign(den: Den, attacks: Sequence[Attack], report: Report) -> None:
    """Try every attack; each result is reported as it comes. What waits for time-outs waits side by side."""

    async def one_by_one(queue: Sequence[Attack]) -> None:
        for attack in queue:
            report(await trial(den, attack))

    slow = [[attack] for attack in attacks if attack.lane == "slow"]
    lanes = [[attack for attack in attacks if attack.lane == lane] for lane in ("door", "page", "broken")]
    async with asyncio.TaskGroup() as tasks:
        for queue in (*slow, *lanes):
            tasks.create_task(one_by_one(queue))
