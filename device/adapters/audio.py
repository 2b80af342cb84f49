"""Microphone and loudspeaker through ALSA; the only place that imports alsaaudio.

Each direction has a thread of its own, and its PCM is kept *prepared* but not running: an idle door neither listens
nor hums nor wakes the processor, and yet nothing has to be opened when the button is pressed. (Opening holds
Python's lock for 10 ms and more: measured, that much later came the first picture.)
"""

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any

import alsaaudio
import numpy as np
import numpy.typing as npt

from device.core.events import Event, HardwareBack, HardwareFault
from device.errors import HardwareError
from device.media.mixer import Mixer
from device.media.opus import BLOCK_BYTES, RATE_HZ, SAMPLES, OpusEncoder
from device.ports import OpusPacket, ToneName

QUEUE_PACKETS = 10
"""200 ms for a busy event loop; the oldest is dropped when more arrives."""

TAIL_BLOCKS = 25
"""Half a second of silence after the last sound, before the loudspeaker rests."""

PERIODS = 4
"""Of the card's buffer: with 10 ms each, sound is at most 40 ms old when it is heard."""

RETRY_S = 2.0
WATCH_S = 5.0
"""How often a resting card is looked at, so that a microphone pulled out is known before the next visitor."""

Sink = Callable[[OpusPacket], None]
Samples = npt.NDArray[np.int16]


class AlsaSound:
    """`device.ports.Sound` on two ALSA PCMs; they may be the same card.

    A card that fails is HardwareFault("microphone" or "loudspeaker"), posted once, and tried again every RETRY_S
    until HardwareBack. Nothing is read from the microphone, let alone encoded or kept, while nobody listens.
    """

    def __init__(
        self, capture: str, playback: str, period_ms: int, mixer: Mixer, post: Callable[[Event], None]
    ) -> None:
        period = RATE_HZ * period_ms // 1000
        self._microphone = _Microphone(_Line("microphone", alsaaudio.PCM_CAPTURE, capture, period), post)
        self._loudspeaker = _Loudspeaker(_Line("loudspeaker", alsaaudio.PCM_PLAYBACK, playback, period), mixer, post)

    def open(self) -> None:
        """Open both cards and start. Call on the event loop. A card that fails is a posted fault, no exception."""
        self._microphone.open()
        self._loudspeaker.open()

    def listen(self, sink: Sink) -> Callable[[], None]:
        """See `device.ports.Sound.listen`."""
        return self._microphone.listen(sink)

    def play(self, pcm: bytes) -> None:
        """See `device.ports.Sound.play`."""
        self._loudspeaker.play(pcm)

    def tone(self, name: ToneName | None) -> None:
        """See `device.ports.Sound.tone`; a new tone begins at its beginning."""
        self._loudspeaker.tone(name)

    def close(self) -> None:
        """Stop both directions. May be called twice."""
        self._microphone.close()
        self._loudspeaker.close()


class _Line:
    """One PCM by its ALSA name: opens it as the protocol wants it, or says what is wrong."""

    def __init__(self, what: str, direction: int, pcm_name: str, period: int) -> None:
        self.what = what
        self._direction = direction
        self._pcm_name = pcm_name
        self._period = period

    def open(self) -> Any:
        """A prepared PCM: s16le at 48 kHz; `info()` has the granted channels. HardwareError, ALSAAudioError."""
        pcm = alsaaudio.PCM(
            type=self._direction,
            mode=alsaaudio.PCM_NORMAL,
            device=self._pcm_name,
            rate=RATE_HZ,
            channels=1,
            format=alsaaudio.PCM_FORMAT_S16_LE,
            periodsize=self._period,
            periods=PERIODS,
        )
        granted = pcm.info()
        if granted["rate"] != RATE_HZ or granted["format"] != alsaaudio.PCM_FORMAT_S16_LE:
            pcm.close()
            raise HardwareError(
                f"gives {granted['format_name']} at {granted['rate']} Hz, not S16_LE at {RATE_HZ}; "
                f"name plug:{self._pcm_name} instead"
            )
        return pcm

    def explain(self, error: Exception) -> str:
        return f"{self.what}: ALSA {self._pcm_name!r}: {error}"


class _Direction(ABC):
    """A thread that keeps a prepared PCM and works it while it is wanted."""

    def __init__(self, line: _Line, post: Callable[[Event], None]) -> None:
        self._line = line
        self._post = post
        self._changed = threading.Condition()
        self._closing = False
        self._faulty = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        if self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        self._closing = False
        pcm = self._try_to_open()  # here rather than on the thread: what is missing is known when this returns
        self._thread = threading.Thread(target=self._run, args=(pcm,), name=self._line.what, daemon=True)
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
    def _work(self, pcm: Any) -> None:
        """Until it is no longer wanted, or the daemon is closing. ALSAAudioError if the card fails."""

    def _run(self, pcm: Any) -> None:
        while not self._closing:
            if pcm is None:
                self._wait(lambda: False, RETRY_S)
                pcm = None if self._closing else self._try_to_open()
                continue
            try:
                if self._wait(self._wanted, WATCH_S):
                    self._work(pcm)
                    _give_up(pcm)
                    pcm = None if self._closing else self._line.open()
                elif pcm.state() == alsaaudio.PCM_STATE_DISCONNECTED:
                    raise HardwareError("is gone")
            except (HardwareError, alsaaudio.ALSAAudioError) as error:
                _give_up(pcm)
                pcm = None
                self._fault(error)
        if pcm is not None:
            _give_up(pcm)

    def _try_to_open(self) -> Any:
        try:
            pcm = self._line.open()
        except (HardwareError, alsaaudio.ALSAAudioError) as error:
            self._fault(error)
            return None
        if self._faulty:
            self._faulty = False
            self._post(HardwareBack(self._line.what))
        return pcm

    def _fault(self, error: Exception) -> None:
        if not self._faulty:
            self._faulty = True
            self._post(HardwareFault(self._line.what, self._line.explain(error)))

    def _wait(self, wanted: Callable[[], bool], timeout: float) -> bool:
        """Sleep until there is something to do; False when there is not, or it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or wanted(), timeout)
            return wanted() and not self._closing


class _Microphone(_Direction):
    """Encodes once, hands the same packets to everybody who listens."""

    def __init__(self, line: _Line, post: Callable[[Event], None]) -> None:
        super().__init__(line, post)
        self._sinks: list[Sink] = []
        self._ready: deque[OpusPacket] = deque(maxlen=QUEUE_PACKETS)
        self._delivering = False
        self._encoder = OpusEncoder()
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

    def _work(self, pcm: Any) -> None:
        channels = pcm.info()["channels"]
        pending = b""
        while self._sinks and not self._closing:
            count, data = pcm.read()
            if count <= 0:  # an overrun, whose bytes are junk, or nothing yet
                continue
            pending += _mixed_down(data, channels)
            while len(pending) >= BLOCK_BYTES:
                self._hand_over(OpusPacket(self._encoder.encode(pending[:BLOCK_BYTES], self._pts), self._pts))
                pending = pending[BLOCK_BYTES:]
                self._pts += SAMPLES

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


class _Loudspeaker(_Direction):
    """Plays what the mixer has."""

    def __init__(self, line: _Line, mixer: Mixer, post: Callable[[Event], None]) -> None:
        super().__init__(line, post)
        self._mixer = mixer

    def play(self, pcm: bytes) -> None:
        with self._changed:
            self._mixer.play(pcm)
            self._changed.notify_all()

    def tone(self, name: ToneName | None) -> None:
        with self._changed:
            self._mixer.tone(name)
            self._changed.notify_all()

    def _wanted(self) -> bool:
        return self._mixer.wanted

    def _work(self, pcm: Any) -> None:
        channels = pcm.info()["channels"]
        silent = 0
        while silent < TAIL_BLOCKS and not self._closing:
            with self._changed:
                block = self._mixer.next_block()
            silent = silent + 1 if block is None else 0
            data = np.repeat(np.zeros(SAMPLES, np.int16) if block is None else block, channels).tobytes()
            if pcm.write(data) < 0:  # an underrun: the library has recovered, the block is still to be played
                pcm.write(data)


def _give_up(pcm: Any) -> None:
    """Close without playing out what is left: the library's own close waits for that."""
    with contextlib.suppress(alsaaudio.ALSAAudioError):  # a card that is gone cannot be stopped any more
        pcm.drop()
    pcm.close()


def _mixed_down(data: bytes, channels: int) -> bytes:
    if channels == 1:
        return data
    frames = np.frombuffer(data, np.int16).reshape(-1, channels)
    mono: Samples = frames.mean(axis=1).astype(np.int16)
    return mono.tobytes()
