"""An event loop on a thread of its own, in another network namespace than the rest of the process."""

import asyncio
import contextlib
import ctypes
import os
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from tests.harness.processes import SCALE

CLONE_NEWNET = 0x40000000
"""linux/sched.h."""

T = TypeVar("T")


class Underground:
    """Runs coroutines there; what they open (sockets, processes) belongs to that network."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def begin(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T], within_s: float = 60.0) -> T:
        return self.begin(work).result(within_s * SCALE)


@contextlib.contextmanager
def underground(namespace: str) -> Iterator[Underground]:
    """A running loop in the namespace of this name; RuntimeError if it cannot be entered."""
    loop = asyncio.new_event_loop()
    entered: Future[None] = Future()

    def live() -> None:
        try:
            _enter(namespace)
        except OSError as error:
            entered.set_exception(RuntimeError(f"namespace {namespace}: {error}"))
            return
        asyncio.set_event_loop(loop)
        entered.set_result(None)
        loop.run_forever()

    thread = threading.Thread(target=live, name="underground", daemon=True)
    thread.start()
    entered.result(10)
    try:
        yield Underground(loop)
    finally:
        asyncio.run_coroutine_threadsafe(_tidy(), loop).result(10 * SCALE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _tidy() -> None:
    """End what is left, so that nothing is lost without a word."""
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()


def _enter(namespace: str) -> None:
    """setns(2) moves one thread alone; Python has it from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(Path("/var/run/netns") / namespace, os.O_RDONLY)
    try:
        if libc.setns(handle, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(handle)
