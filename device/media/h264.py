"""H.264 as the protocol offers it: constrained baseline, Annex-B, parameter sets with every key frame (RFC 7742)."""

from fractions import Fraction
from typing import Any

import av
from av.video.frame import PictureType

from device.errors import HardwareError

CLOCK_HZ = 90_000
"""The RTP clock of video (RFC 6184, section 8.2.1)."""

FLOOR_BPS = 150_000
"""Below this a 720p picture is not worth its bits, and some encoders hang below 100 kbit/s."""


def level(width: int, height: int) -> str:
    """The level, at up to 30 frames a second: 3.1 holds 720p30, 4.0 holds 1080p30 (table A-1 of H.264)."""
    return "3.1" if -(-width // 16) * -(-height // 16) <= 3600 else "4.0"


class H264Encoder:
    """x264 through PyAV: no look-ahead, one frame in, one access unit out.

    One thread: 720p takes 2 ms a frame on one core, and slicing it for two saves nothing (measured).
    """

    def __init__(self, width: int, height: int, fps: int, bitrate_bps: int) -> None:
        """HardwareError if the library cannot encode this."""
        try:
            self._context = _open(width, height, fps, bitrate_bps)
        except (av.FFmpegError, ValueError) as error:
            raise HardwareError(f"camera: no H.264 encoder for {width}×{height}, {fps} a second: {error}") from error
        self._ceiling = bitrate_bps

    def encode(self, frame: Any, pts: int, *, key: bool) -> tuple[bytes, bool]:
        """One access unit, and whether it is a key frame. `pts` is on the 90 kHz clock and must rise."""
        frame.pts = pts
        frame.time_base = Fraction(1, CLOCK_HZ)
        frame.pict_type = PictureType.I if key else PictureType.NONE
        packets = self._context.encode(frame)
        return b"".join(bytes(packet) for packet in packets), any(packet.is_keyframe for packet in packets)

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Takes effect with the next frame; held between the floor and what the encoder was made for."""
        self._context.bit_rate = max(FLOOR_BPS, min(self._ceiling, bitrate_bps))


def _open(width: int, height: int, fps: int, bitrate_bps: int) -> Any:
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, CLOCK_HZ), Fraction(fps, 1)
    context.bit_rate = bitrate_bps
    context.thread_count = 1
    # The bit rate follows `set_bitrate` only under a VBV limit; half a second of it bounds what one key frame delays.
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "level": level(width, height),
        "forced-idr": "1",
        "maxrate": str(bitrate_bps),
        "bufsize": str(bitrate_bps // 2),
        "x264-params": f"repeat-headers=1:annexb=1:keyint={fps * 10}:min-keyint=1:scenecut=0",
    }
    context.open()
    return context
