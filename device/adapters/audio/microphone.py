"""The microphone: read, filtered, encoded once, handed to everybody who listens."""

import time
from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from device.adapters.audio.direction import Direction
from device.adapters.audio.line import Line, OpenLine
from device.core.events import Event
from device.media.opus import RATE_HZ, SAMPLES, OpusEncoder
from device.media.reference import FRAME, Reference
from device.ports import OpusPacket, VoiceFilter

QUEUE_PACKETS = 10
"""200 ms for a busy event loop; the oldest is dropped when more arrives."""

Sink = Callable[[OpusPacket], None]
Samples = npt.NDArray[np.int16]


class Microphone(Direction):
    """Nothing is read, let alone filtered, encoded or kept, while nobody listens."""

    def __init__(
        self, line: Line, post: Callable[[Event], None], voice: VoiceFilter | None, reference: Reference
    ) -> None:
        super().__init__(line, post)
        self._sinks: list[Sink] = []
        self._ready: deque[OpusPacket] = deque(maxlen=QUEUE_PACKETS)
        self._delivering = False
        self._encoder = OpusEncoder()
        self._voice = voice
        self._reference = reference
        self._pts = 0

    def listen(self, sink: Sink) -> Callable[[], None]:
        with self._changed:
            self._sinks.append(sink)
            self._changed.notify_all()

        def stop() -> None:
            with self._changed:
                if sink in self._sinks:
                    self._sinks.remove(sink)

        return stop

    def _wanted(self) -> bool:
        return bool(self._sinks)

    def _work(self, card: OpenLine) -> None:
        if self._voice is not None:
            self._voice.reset()
        pending = clean = np.zeros(0, np.int16)
        while self._sinks and not self._closing:
            heard = card.read()
            if heard is None:
                self._slipped()
                continue
            pending = np.concatenate([pending, heard])
            captured_at = time.monotonic() - card.unread_s - len(pending) / RATE_HZ
            while len(pending) >= FRAME:
                clean = np.concatenate([clean, self._filtered(pending[:FRAME], captured_at)])
                pending = pending[FRAME:]
                captured_at += FRAME / RATE_HZ
            while len(clean) >= SAMPLES:
                data = self._encoder.encode(clean[:SAMPLES].tobytes(), self._pts)
                self._hand_over(OpusPacket(data, self._pts))
                clean = clean[SAMPLES:]
                self._pts += SAMPLES

    def _filtered(self, near: Samples, captured_at: float) -> Samples:
        return near if self._voice is None else self._voice.process(near, self._reference.frame(captured_at))

    def _hand_over(self, packet: OpusPacket) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        with self._changed:
            self._ready.append(packet)
            if self._delivering:
                return
            self._delivering = True
        loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        """On the event loop."""
        with self._changed:
            ready, self._delivering = tuple(self._ready), False
            self._ready.clear()
        for packet in ready:
            for sink in tuple(self._sinks):
                sink(packet)
