"""Everything that the daemon writes to its card, one thing after the other."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import structlog

from device.core.effects import KeepRoster
from device.core.events import Event, RosterKept, Warned
from device.work import Work

T = TypeVar("T")

log = structlog.get_logger()


class Keeping:
    """A card that cannot be written to is `Warned` of, and no exception. On the event loop; the writing is not."""

    def __init__(self, work: Work, post: Callable[[Event], None]) -> None:
        self._work = work
        self._post = post
        self._storing = asyncio.Lock()

    def later(self, write: Callable[[T], None], value: T) -> None:
        """Write it after what was to be written before."""
        self._work.own(self.now(write, value))

    async def now(self, write: Callable[[T], None], value: T) -> None:
        """The same; returns once it is written, or has failed."""
        try:
            async with self._storing:  # one after the other, in the order of the effects
                await asyncio.to_thread(write, value)
        except OSError as error:
            log.error("storage", why=str(error))
            self._post(Warned("storage", True))
        else:
            self._post(Warned("storage", False))
            if isinstance(value, KeepRoster):
                self._post(RosterKept(value.signed.digest))

    async def written(self) -> None:
        """Wait until what was to be written before now is on the card, or has failed."""
        async with self._storing:
            pass
