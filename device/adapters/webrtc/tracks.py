"""Media of one link: encoded packets out through a bounded queue, Opus in through a small reorder buffer."""

import asyncio
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import av
from aiortc import MediaStreamTrack
from aiortc.rtp import RtpPacket
from av.audio.codeccontext import AudioCodecContext

VIDEO_CLOCK = Fraction(1, 90_000)
AUDIO_CLOCK = Fraction(1, 48_000)

QUEUED_FRAMES = 8
"""A quarter of a second of video; more is too late to be worth sending."""

QUEUED_SOUND = 10
"""200 ms of Opus packets."""

REORDERED = 3
"""Packets to wait for one that is missing: 60 ms."""

BLOCK = 1920
"""Bytes of 20 ms of s16le mono at 48 kHz."""


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
    """Stands where the library's jitter buffer stood: puts packets in order and decodes them on the spot.

    Nothing is decoded unless `listening`. A missing packet is waited for while at most REORDERED later ones have come.
    `play` gets s16le mono at 48 kHz in multiples of 20 ms.
    """

    def __init__(self, play: Callable[[bytes], None]) -> None:
        self._play = play
        self._decoder: AudioCodecContext | None = None
        self._waiting: dict[int, bytes] = {}
        self._next: int | None = None
        self._pcm = bytearray()

    @property
    def listening(self) -> bool:
        return self._decoder is not None

    def listen(self, on: bool) -> None:
        """Begin or end decoding; either way what was left is forgotten."""
        self._decoder = _opus_decoder() if on else None
        self._waiting.clear()
        self._next = None
        self._pcm.clear()

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """The jitter buffer's method. Never asks for a key frame and never hands on a frame."""
        if self._decoder is not None:
            self._reorder(packet.sequence_number, packet.payload)
        return False, None

    def _reorder(self, number: int, payload: bytes) -> None:
        if self._next is None:
            self._next = number
        ahead = (number - self._next) & 0xFFFF
        if ahead >= 0x8000:
            return  # late, or twice
        if ahead > 100:  # the sender began anew
            self._waiting.clear()
            self._next = number
        self._waiting[number] = payload
        while self._waiting:
            if self._next in self._waiting:
                self._decode(self._waiting.pop(self._next))
            elif len(self._waiting) <= REORDERED:
                return
            self._next = (self._next + 1) & 0xFFFF

    def _decode(self, payload: bytes) -> None:
        if self._decoder is None or not payload:
            return
        try:
            frames = self._decoder.decode(av.Packet(payload))
        except av.FFmpegError:
            return  # one packet of a verified peer is no Opus: a gap of 20 ms
        for frame in frames:
            self._pcm += bytes(frame.planes[0])[: frame.samples * 2]
        ready = len(self._pcm) // BLOCK * BLOCK
        if ready:
            self._play(bytes(self._pcm[:ready]))
            del self._pcm[:ready]


def _opus_decoder() -> AudioCodecContext:
    decoder = av.CodecContext.create("libopus", "r")
    decoder.format = "s16"
    decoder.layout = "mono"
    decoder.sample_rate = 48_000
    return decoder
