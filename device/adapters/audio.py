"""Microphone and loudspeaker through ALSA; the only place that imports alsaaudio.

Each direction has a thread of its own. The microphone is open only while somebody listens, the loudspeaker only while
there is something to hear: an idle door neither listens nor hums.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import alsaaudio
import numpy as np
import numpy.typing as npt

from device.core.events import Event, HardwareBack, HardwareFault
from device.errors import HardwareError
from device.media.opus import BLOCK_BYTES, RATE_HZ, SAMPLES, OpusEncoder
from device.media.tones import tone
from device.ports import OpusPacket, ToneName

QUEUE_BLOCKS = 10
"""200 ms of far-end sound; the oldest is dropped when more arrives."""

START_BLOCKS = 2
"""40 ms are collected before playing begins, so that the first late packet is not a gap."""

TAIL_BLOCKS = 25
"""Half a second of silence after the last sound, before the loudspeaker is given up."""

RETRY_S = 2.0

Sink = Callable[[OpusPacket], None]
Samples = npt.NDArray[np.int16]


class AlsaSound:
    """`device.ports.Sound` on two ALSA PCMs; they may be the same card."""

    def __init__(self, capture: str, playback: str, period_ms: int, post: Callable[[Event], None]) -> None:
        self._capture = capture
        self._playback = playback
        self._period = RATE_HZ * period_ms // 1000
        self._post = post
        self._changed = threading.Condition()
        self._sinks: list[Sink] = []
        self._far: deque[bytes] = deque(maxlen=QUEUE_BLOCKS)
        self._tone: Samples | None = None
        self._tone_at = 0
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._faults: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Try both PCMs, then start the threads. Call on the event loop; HardwareError names the PCM that failed."""
        if self._threads:
            return
        self._loop = asyncio.get_running_loop()
        self._closing.clear()
        self._threads = [
            threading.Thread(target=self._capture_loop, name="microphone", daemon=True),
            threading.Thread(target=self._playback_loop, name="loudspeaker", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        for pcm in (self._open_pcm(alsaaudio.PCM_CAPTURE), self._open_pcm(alsaaudio.PCM_PLAYBACK)):
            pcm.close()

    def listen(self, sink: Sink) -> Callable[[], None]:
        """See `device.ports.Sound.listen`."""
        with self._changed:
            self._sinks.append(sink)
            self._changed.notify_all()

        def stop() -> None:
            with self._changed:
                if sink in self._sinks:
                    self._sinks.remove(sink)

        return stop

    def play(self, pcm: bytes) -> None:
        """See `device.ports.Sound.play`."""
        with self._changed:
            for at in range(0, len(pcm) - BLOCK_BYTES + 1, BLOCK_BYTES):
                self._far.append(pcm[at : at + BLOCK_BYTES])
            self._changed.notify_all()

    def tone(self, name: ToneName | None) -> None:
        """See `device.ports.Sound.tone`; a new tone begins at its beginning."""
        with self._changed:
            self._tone = None if name is None else tone(name)
            self._tone_at = 0
            self._changed.notify_all()

    def close(self) -> None:
        """Stop both threads. May be called twice."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(3)
        self._threads = []

    # The microphone

    def _capture_loop(self) -> None:
        while self._wait(lambda: bool(self._sinks)):
            self._guarded("microphone", self._capture_while_listened_to)

    def _capture_while_listened_to(self) -> None:
        pcm = self._open_pcm(alsaaudio.PCM_CAPTURE)
        try:
            channels = pcm.info()["channels"]
            encoder, pending, pts = OpusEncoder(), b"", 0
            self._works("microphone")
            while self._sinks and not self._closing.is_set():
                count, data = pcm.read()
                if count <= 0:  # an overrun, whose bytes are junk, or nothing yet
                    continue
                pending += _mixed_down(data, channels)
                while len(pending) >= BLOCK_BYTES:
                    packet = OpusPacket(encoder.encode(pending[:BLOCK_BYTES], pts), pts)
                    pending, pts = pending[BLOCK_BYTES:], pts + SAMPLES
                    self._hand_over(packet)
        finally:
            pcm.close()

    def _hand_over(self, packet: OpusPacket) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():
            return

        def give() -> None:
            for sink in list(self._sinks):
                sink(packet)

        loop.call_soon_threadsafe(give)

    # The loudspeaker

    def _playback_loop(self) -> None:
        while self._wait(lambda: self._tone is not None or len(self._far) >= START_BLOCKS):
            self._guarded("loudspeaker", self._play_while_there_is_sound)

    def _play_while_there_is_sound(self) -> None:
        pcm = self._open_pcm(alsaaudio.PCM_PLAYBACK)
        try:
            channels = pcm.info()["channels"]
            self._works("loudspeaker")
            silent = 0
            while silent < TAIL_BLOCKS and not self._closing.is_set():
                block = self._next_block()
                silent = silent + 1 if block is None else 0
                data = np.repeat(np.zeros(SAMPLES, np.int16) if block is None else block, channels).tobytes()
                if pcm.write(data) < 0:  # an underrun: the library has recovered, the block is still to be played
                    pcm.write(data)
        finally:
            pcm.close()

    def _next_block(self) -> Samples | None:
        """20 ms of what is to be heard, far end and tone together; None for silence."""
        with self._changed:
            far = np.frombuffer(self._far.popleft(), np.int16) if self._far else None
            if self._tone is None:
                return far
            part: Samples = self._tone[self._tone_at : self._tone_at + SAMPLES]
            self._tone_at = (self._tone_at + SAMPLES) % len(self._tone)
        if far is None:
            return part
        mixed = far.astype(np.int32) + part // 2
        return np.clip(mixed, -32768, 32767).astype(np.int16)

    # Both

    def _open_pcm(self, direction: int) -> Any:
        capture = direction == alsaaudio.PCM_CAPTURE
        name = self._capture if capture else self._playback
        try:
            pcm = alsaaudio.PCM(
                type=direction,
                mode=alsaaudio.PCM_NORMAL,
                device=name,
                rate=RATE_HZ,
                channels=1,
                format=alsaaudio.PCM_FORMAT_S16_LE,
                periodsize=self._period,
                periods=4,
            )
        except alsaaudio.ALSAAudioError as error:
            raise HardwareError(f"{'microphone' if capture else 'loudspeaker'}: ALSA {name!r}: {error}") from error
        granted = pcm.info()["rate"]
        if granted != RATE_HZ:
            pcm.close()
            raise HardwareError(f"ALSA {name!r}: gives {granted} Hz, not {RATE_HZ}; name a plug: PCM instead")
        return pcm

    def _wait(self, wanted: Callable[[], bool]) -> bool:
        """Sleep until there is something to do; False when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing.is_set() or wanted())
        return not self._closing.is_set()

    def _guarded(self, what: str, work: Callable[[], None]) -> None:
        """A device that fails is a fault at the door, once, and is tried again while it is wanted."""
        try:
            work()
        except (HardwareError, alsaaudio.ALSAAudioError) as error:
            if what not in self._faults:
                self._faults.add(what)
                self._post(HardwareFault(what, str(error)))
            self._closing.wait(RETRY_S)

    def _works(self, what: str) -> None:
        if what in self._faults:
            self._faults.discard(what)
            self._post(HardwareBack(what))


def _mixed_down(data: bytes, channels: int) -> bytes:
    if channels == 1:
        return data
    frames = np.frombuffer(data, np.int16).reshape(-1, channels)
    mono: Samples = frames.mean(axis=1).astype(np.int16)
    return mono.tobytes()
