"""Media of one link: encoded packets out through a bounded queue, Opus in to the loudspeaker."""

import asyncio
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import av
from aiortc import MediaStreamTrack
from aiortc.rtp import RtpPacket

from device.ports import FarEnd, Sound

VIDEO_CLOCK = Fraction(1, 90_000)
AUDIO_CLOCK = Fraction(1, 48_000)

QUEUED_FRAMES = 8
"""A quarter of a second of video; more is too late to be worth sending."""

QUEUED_SOUND = 10
"""200 ms of Opus packets."""


class PacketTrack(MediaStreamTrack):
    """A track of packets that are already encoded; while nothing is put in, it sends nothing.

    When full, sound loses its oldest packet; video loses everything up to the next key frame, and `on_overflow` is
    called to ask for one.
    """

    def __init__(self, kind: Literal["audio", "video"], on_overflow: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.kind = kind
        self._clock = VIDEO_CLOCK if kind == "video" else AUDIO_CLOCK
        self._limit = QUEUED_FRAMES if kind == "video" else QUEUED_SOUND
        self._on_overflow = on_overflow
        self._packets: deque[Any] = deque()
        self._arrived = asyncio.Event()
        self._awaits_key = kind == "video"
        self._last_pts = -1

    def put(self, data: bytes, pts: int, key: bool = True) -> None:
        """Queue one access unit or Opus packet; `pts` on the clock of its kind."""
        if self._awaits_key and not key:
            return
        self._awaits_key = False
        if len(self._packets) >= self._limit:
            if self.kind == "video" and not key:
                self.flush()
                return
            self._packets.popleft() if self.kind == "audio" else self._packets.clear()
        packet = av.Packet(data)
        # Two streams of one picture have its time: a browser takes two frames of one time stamp for one.
        self._last_pts = packet.pts = max(pts, self._last_pts + 1)
        packet.time_base = self._clock
        self._packets.append(packet)
        self._arrived.set()

    def flush(self) -> None:
        """Drop what waits; video goes on with a key frame, which is asked for."""
        self._packets.clear()
        self._awaits_key = self.kind == "video"
        if self._on_overflow is not None:
            self._on_overflow()

    def clear(self) -> None:
        """Drop what waits and ask for nothing: the track rests."""
        self._packets.clear()
        self._awaits_key = self.kind == "video"

    async def recv(self) -> Any:
        while not self._packets:
            self._arrived.clear()
            await self._arrived.wait()
        return self._packets.popleft()


class SoundInlet:
    """Stands where the library's jitter buffer stood: hands packets on as they come, while told to.

    Reordering, concealment and decoding are the loudspeaker's, which alone knows when it will need what.
    """

    def __init__(self, sound: Sound) -> None:
        self._sound = sound
        self._far_end: FarEnd | None = None

    def listen(self, on: bool) -> None:
        """Begin or end; either way what was left is forgotten."""
        if self._far_end is not None:
            self._far_end.close()
        self._far_end = self._sound.far_end() if on else None

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """The jitter buffer's method. Never asks for a key frame and never hands on a frame."""
        if self._far_end is not None and packet.payload:
            self._far_end.put(packet.timestamp, packet.payload)
        return False, None
