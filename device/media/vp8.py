"""VP8 for browsers without H.264 (RFC 7742 makes both mandatory; Firefox has H.264 only where it may download it)."""

from fractions import Fraction
from typing import Any

import av
from av.video.frame import PictureType

from device.errors import HardwareError
from device.media.h264 import CLOCK_HZ, FLOOR_BPS

SPEED = 8
"""libvpx's `cpu-used` for real time: the picture loses little below 640 × 360, and a Pi has other things to do."""


class Vp8Encoder:
    """libvpx through PyAV: no look-ahead, one frame in, at most one frame out, on one thread."""

    def __init__(self, width: int, height: int, fps: int, bitrate_bps: int) -> None:
        """HardwareError if the library cannot encode this."""
        self._format = width, height, fps
        self._ceiling = self._bitrate_bps = bitrate_bps
        try:
            self._context = _open(*self._format, bitrate_bps)
        except (av.FFmpegError, ValueError) as error:
            raise HardwareError(f"camera: no VP8 encoder for {width}×{height}, {fps} a second: {error}") from error

    def encode(self, frame: Any, pts: int, *, key: bool) -> tuple[bytes, bool]:
        """One frame, and whether it is a key frame; empty where the encoder dropped it to keep to its rate.

        `pts` is on the 90 kHz clock and must rise.
        """
        frame.pts = pts
        frame.time_base = Fraction(1, CLOCK_HZ)
        frame.pict_type = PictureType.I if key else PictureType.NONE
        packets = self._context.encode(frame)
        return b"".join(bytes(packet) for packet in packets), any(packet.is_keyframe for packet in packets)

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Takes effect with the next frame; held between the floor and what the encoder was made for.

        libvpx takes its rate only when it is opened, so the next frame is the first of a new encoder: a key frame.
        """
        wanted = max(FLOOR_BPS, min(self._ceiling, bitrate_bps))
        if wanted != self._bitrate_bps:
            self._bitrate_bps = wanted
            self._context = _open(*self._format, wanted)


def _open(width: int, height: int, fps: int, bitrate_bps: int) -> Any:
    context: Any = av.CodecContext.create("libvpx", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, CLOCK_HZ), Fraction(fps, 1)
    context.bit_rate = bitrate_bps
    context.thread_count = 1
    context.gop_size = fps * 10
    context.options = {
        "deadline": "realtime",
        "cpu-used": str(SPEED),
        "lag-in-frames": "0",
        "minrate": str(bitrate_bps),  # all three alike is libvpx's constant rate
        "maxrate": str(bitrate_bps),
        "bufsize": str(bitrate_bps // 2),
    }
    context.open()
    return context
