"""H.264 by the VideoCore encoder of a Pi up to the 4 and of the Zero 2 W, through picamera2's own encoder object.

What the library does was read in picamera2 0.3.38; no physical Pi was at hand.
"""

import fcntl
import struct
import time
from collections.abc import Callable
from typing import Any

from device.adapters.camera.session import Picture, Session
from device.media.h264 import FLOOR_BPS
from device.media.nal import ParameterSets
from device.media.streams import SoftwareStream
from device.ports import EncodedFrame, StreamFormat

VIDIOC_S_CTRL = 0xC008561C
"""Set one control: `_IOWR('V', 28, struct v4l2_control)`, two words of 32 bits (linux/videodev2.h)."""

BITRATE = 0x009909CF
"""V4L2_CID_MPEG_VIDEO_BITRATE (linux/v4l2-controls.h)."""

KEY_FRAME_EVERY_S = 10
"""Like x264's here: key frames come when somebody needs one."""


class HardwareStream:
    """Encodes one of the camera's pictures from construction to `close`; its first frame is a key frame.

    Made, closed and asked for another rate on the adapter's thread; `tick` is called for every frame, before it is
    encoded, on the library's, where the encoded frames come out too.
    """

    def __init__(
        self, session: Session, picture: Picture, main_fps: int, wanted: StreamFormat, stream: SoftwareStream,
        pts_at: Callable[[float], int],
    ) -> None:  # fmt: skip
        from picamera2.encoders.h264_encoder import H264Encoder  # noqa: PLC0415 - there only where libcamera is
        from picamera2.outputs import Output  # noqa: PLC0415 - likewise

        take = self._take

        class Outcome(Output):  # type: ignore[misc]
            """Hands every access unit on."""

            def outputframe(
                self, frame: bytes, keyframe: bool = True, timestamp: int = 0, packet: Any = None, audio: bool = False
            ) -> None:
                take(bytes(frame), timestamp)

        self._session = session
        self._stream = stream
        self._pts_at = pts_at
        self._ceiling_bps = wanted.bitrate_bps
        self._sets = ParameterSets()
        self._encoder: Any = H264Encoder(
            bitrate=stream.bitrate_bps or wanted.bitrate_bps,
            repeat=True,
            iperiod=wanted.fps * KEY_FRAME_EVERY_S,
            framerate=wanted.fps,
            profile="constrained baseline",
        )
        self._encoder.frame_skip_count = max(1, round(main_fps / wanted.fps))
        session.camera.start_encoder(self._encoder, Outcome(), name=picture)

    def tick(self, now: float) -> None:
        if self._stream.outlet.key_frame_due(now):
            self._encoder.force_key_frame()

    def follow_bitrate(self) -> None:
        """Give the encoder the rate that was asked for last; the library has no call for it while it runs."""
        wanted = self._stream.take_bitrate()
        if wanted is not None:
            held = max(FLOOR_BPS, min(self._ceiling_bps, wanted))
            fcntl.ioctl(self._encoder.vd, VIDIOC_S_CTRL, struct.pack("=Ii", BITRATE, held))

    def close(self) -> None:
        self._session.camera.stop_encoder(self._encoder)

    def _take(self, data: bytes, timestamp_us: int) -> None:
        whole, key = self._sets.complete(data)
        captured = (self._encoder.firsttimestamp + timestamp_us) / 1e6  # both in microseconds of the sensor's clock
        now = time.monotonic()
        drawn_at = time.time() - max(0.0, now - captured)
        pts = self._stream.stamp(self._pts_at(captured))
        self._stream.outlet.hand_over(EncodedFrame(whole, pts, key, drawn_at), captured)
