"""What both directions have in common: a thread, a PCM kept open, and a card that may fail and return."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

import structlog

from device.adapters.audio.line import Failed, Line, OpenLine
from device.core.events import Event, HardwareBack, HardwareFault
from device.errors import HardwareError

RETRY_S = 2.0
WATCH_S = 5.0
"""How often a resting card is looked at, so that a microphone pulled out is known before the next visitor."""

log = structlog.get_logger()


class Direction(ABC):
    """A thread that keeps a PCM open and works it while it is wanted."""

    def __init__(self, line: Line, post: Callable[[Event], None]) -> None:
        self._line = line
        self._post = post
        self._changed = threading.Condition()
        self._closing = False
        self._faulty = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slips = 0

    def open(self) -> None:
        if self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        self._closing = False
        card = self._try_to_open()  # here rather than on the thread: what is missing is known when this returns
        self._thread = threading.Thread(target=self._run, args=(card,), name=self._line.what, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(3)
            self._thread = None

    @abstractmethod
    def _wanted(self) -> bool:
        """Whether there is something to do. Called with the lock held."""

    @abstractmethod
    def _work(self, card: OpenLine) -> None:
        """Until it is no longer wanted, or the daemon is closing. ALSAAudioError if the card fails."""

    def _slipped(self) -> None:
        """The card ran dry, or over: the first time is a warning, the rest are counted."""
        self._slips += 1
        if self._slips == 1:
            log.warning("sound-xrun", what=self._line.what)

    def _run(self, card: OpenLine | None) -> None:
        while not self._closing:
            if card is None:
                self._wait(lambda: False, RETRY_S)
                card = None if self._closing else self._try_to_open()
                continue
            try:
                if self._wait(self._wanted, WATCH_S):
                    self._work_and_tell(card)
                    card.close()
                    card = None if self._closing else self._line.open()
                elif card.gone:
                    raise HardwareError("is gone")
            except Failed as error:
                lasted = card is not None and card.age_s > RETRY_S
                if card is not None:
                    card.close()
                card = self._again() if lasted else None
                if card is None:
                    self._fault(error)
                else:
                    log.warning("sound-card-reopened", what=self._line.what, why=self._line.explain(error))
        if card is not None:
            card.close()

    def _work_and_tell(self, card: OpenLine) -> None:
        self._slips = 0
        try:
            self._work(card)
        finally:
            if self._slips:
                log.info("sound-xruns", what=self._line.what, count=self._slips)

    def _try_to_open(self) -> OpenLine | None:
        try:
            card = self._line.open()
        except Failed as error:
            self._fault(error)
            return None
        if self._faulty:
            self._faulty = False
            self._post(HardwareBack(self._line.what))
        return card

    def _again(self) -> OpenLine | None:
        """A card that worked for a while may only have been away while nobody looked: a visitor need not wait."""
        try:
            return self._line.open()
        except Failed:
            return None

    def _fault(self, error: Exception) -> None:
        if not self._faulty:
            self._faulty = True
            self._post(HardwareFault(self._line.what, self._line.explain(error)))

    def _wait(self, wanted: Callable[[], bool], timeout: float) -> bool:
        """Sleep until there is something to do; False when there is not, or it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or wanted(), timeout)
            return wanted() and not self._closing
