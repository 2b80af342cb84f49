"""The loudspeaker: plays what the mixer has, and keeps no more in the card than the card needs."""

import time
from collections.abc import Callable

import numpy as np
import structlog

from device.adapters.audio.direction import Direction
from device.adapters.audio.line import Line, OpenLine
from device.core.events import Event
from device.media.mixer import Mixer
from device.media.opus import RATE_HZ, OpusDecoder
from device.media.playout import BLOCK, Playout
from device.media.reference import Reference
from device.ports import ToneName

TAIL_BLOCKS = 50
"""Half a second of silence after the last sound, before the loudspeaker rests."""

CALM_BLOCKS = 1000
"""After 10 s without an underrun the card is trusted with less again."""

BLOCK_S = BLOCK / RATE_HZ

log = structlog.get_logger()


class Loudspeaker(Direction):
    """Packets are decoded here, on the thread that plays, when they are to be heard."""

    def __init__(self, line: Line, mixer: Mixer, post: Callable[[Event], None], reference: Reference) -> None:
        super().__init__(line, post)
        self._mixer = mixer
        self._reference = reference
        self._resting = False

    def far_end(self) -> "FarVoice":
        playout = Playout(OpusDecoder())
        with self._changed:
            self._mixer.join(playout)
        return FarVoice(playout, self._stir, self._leave)

    def tone(self, name: ToneName | None) -> None:
        with self._changed:
            self._mixer.tone(name)
            self._changed.notify_all()

    def _stir(self) -> None:
        """Something has come: wake the thread if it sleeps."""
        if self._resting:
            with self._changed:
                self._changed.notify_all()

    def _leave(self, playout: Playout) -> None:
        with self._changed:
            self._mixer.leave(playout)

    def _wanted(self) -> bool:
        self._resting = True  # before the question, so that nobody who comes after it is overlooked
        return self._mixer.wanted

    def _work(self, card: OpenLine) -> None:
        self._resting = False
        least = depth = max(2 * BLOCK_S, card.period_s + BLOCK_S)
        silent = calm = 0
        while silent < TAIL_BLOCKS and not self._closing:
            queued = card.queued_s
            if queued > depth - BLOCK_S:
                time.sleep(queued - (depth - BLOCK_S))
                queued = card.queued_s
            now = time.monotonic()
            with self._changed:
                block = self._mixer.next_block(now)
            silent = silent + 1 if block is None else 0
            samples = np.zeros(BLOCK, np.int16) if block is None else block
            self._reference.played(samples, now + queued)
            calm += 1
            if not card.write(samples) and silent < TAIL_BLOCKS:
                self._slipped()
                depth, calm = min(depth + card.period_s, card.buffer_s), 0
            elif calm >= CALM_BLOCKS and depth > least:
                depth, calm = max(least, depth - card.period_s), 0


class FarVoice:
    """`device.ports.FarEnd` on a playout."""

    def __init__(self, playout: Playout, stir: Callable[[], None], leave: Callable[[Playout], None]) -> None:
        self._playout = playout
        self._stir = stir
        self._leave = leave
        self._closed = False

    def put(self, timestamp: int, payload: bytes) -> None:
        """See `device.ports.FarEnd.put`."""
        if not self._closed:
            self._playout.put(timestamp, payload, time.monotonic())
            self._stir()

    def close(self) -> None:
        """See `device.ports.FarEnd.close`."""
        if self._closed:
            return
        self._closed = True
        self._leave(self._playout)
        figures = self._playout.figures
        if figures["packets"]:
            log.info("far-end-heard", **figures)
