"""Media of one link: encoded packets out, Opus in to the loudspeaker."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket

from device.ports import FarEnd, Sound

VIDEO_CLOCK = Fraction(1, 90_000)
AUDIO_CLOCK = Fraction(1, 48_000)


class PacketTrack(MediaStreamTrack):
    """A track of packets that are already encoded: what is put in leaves at once, or never.

    `attach` says where to, once the connection is there; until then all is lost, and video's first is a key frame,
    which `ask_key_frame` has sent for.
    """

    def __init__(self, kind: Literal["audio", "video"], ask_key_frame: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.kind = kind
        self._clock = VIDEO_CLOCK if kind == "video" else AUDIO_CLOCK
        self._ask_key_frame = ask_key_frame
        self._send: Callable[[av.Packet[Any]], None] | None = None
        self._awaits_key = kind == "video"
        self._last_pts = -1

    def attach(self, send: Callable[["av.Packet[Any]"], None]) -> None:
        """From now on what is put in goes there."""
        self._send = send
        self.flush()

    def put(self, data: bytes, pts: int, key: bool = True) -> None:
        """Send one access unit or Opus packet; `pts` on the clock of its kind."""
        if self._send is None or (self._awaits_key and not key):
            return
        self._awaits_key = False
        packet = av.Packet(data)
        # Two streams of one picture have its time: a browser takes two frames of one time stamp for one.
        self._last_pts = packet.pts = max(pts, self._last_pts + 1)
        packet.time_base = self._clock
        self._send(packet)

    def flush(self) -> None:
        """What comes is not sent: video goes on with a key frame, which is asked for."""
        self.clear()
        if self._ask_key_frame is not None:
            self._ask_key_frame()

    def clear(self) -> None:
        """What comes is another picture, or another time: video goes on with its key frame."""
        self._awaits_key = self.kind == "video"

    def stop(self) -> None:
        self._send = None
        super().stop()

    async def recv(self) -> Any:
        """Nobody pulls: what is sent is pushed."""
        raise MediaStreamError


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
