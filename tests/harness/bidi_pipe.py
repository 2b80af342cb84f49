"""Carries WebDriver BiDi between a pipe and a browser that listens on another network namespace's loopback.

python -m tests.harness.bidi_pipe URL: a line in is a message out, and the other way round.
"""

import asyncio
import sys

from websockets.asyncio.client import connect

LARGEST = 64 * 1024 * 1024


async def carry(url: str) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=LARGEST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with connect(url, max_size=LARGEST, proxy=None) as browser, asyncio.TaskGroup() as tasks:

        async def back() -> None:
            async for message in browser:
                sys.stdout.write(f"{message!s}\n")
                sys.stdout.flush()

        listening = tasks.create_task(back())
        while line := await lines.readline():
            await browser.send(line.decode())
        listening.cancel()


if __name__ == "__main__":
    asyncio.run(carry(sys.argv[1]))
