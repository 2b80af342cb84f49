"""What is still to be said to each browser: one word at a time, and of each call only the newest.

Two words to one browser that are under way together may arrive in either order: a telephone would ring for a call that
somebody has answered. So the next is sent when the last is through, and none is sent again that is not the newest.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from signaling.core.effects import Notify


class Words:
    """`put` is what there is to say; `of_one` hands a browser's words to whoever says them."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, Notify]] = {}  # of every browser that has words, or is being spoken to
        self._idle: asyncio.Queue[str] = asyncio.Queue()  # those of them to whom nobody speaks yet
        self._changed = asyncio.Event()

    def put(self, key: str, notify: Notify, limit: int) -> bool:
        """Say `notify` to `key` in place of what waits for the same call; False where `limit` words wait already."""
        words = self._waiting.get(key)
        replaces = words is not None and notify.call in words
        if not replaces and sum(map(len, self._waiting.values())) >= limit:
            return False
        if words is None:
            words = self._waiting[key] = {}
            self._idle.put_nowait(key)
        words[notify.call] = notify
        self._changed.set()
        return True

    async def of_one(self) -> AsyncIterator[tuple[str, Notify]]:
        """All words for the next browser that has some, each when the caller is through with the one before."""
        key = await self._idle.get()
        words = self._waiting[key]
        while words:
            yield key, words.pop(next(iter(words)))
        del self._waiting[key]

    async def newer(self, key: str, notify: Notify, within_s: float) -> bool:
        """Whether, within this time, there is something newer to say to `key` of the same call."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not self._has(key, notify):
                    self._changed.clear()
                    await self._changed.wait()
        return self._has(key, notify)

    def _has(self, key: str, notify: Notify) -> bool:
        return notify.call in self._waiting.get(key, {})
