"""Work that the daemon owns: it ends with the daemon, and the daemon with work that dies unexpectedly."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Work:
    """Tasks in the group that `begin` was given. On the event loop."""

    def __init__(self) -> None:
        self._tasks: asyncio.TaskGroup | None = None
        self._lingering: set[asyncio.Task[Any]] = set()

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks

    def own(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin it; at the end it is waited for."""
        if self._tasks is None:
            raise RuntimeError("nothing is begun before the daemon runs")
        return self._tasks.create_task(work)

    def linger(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """The same, for what may take its time, and is not waited for at the end."""
        task = self.own(work)
        self._lingering.add(task)
        task.add_done_callback(self._lingering.discard)
        return task

    def end(self) -> None:
        """Cancel what lingers."""
        for task in self._lingering:
            task.cancel()
