"""The encoder and the pixel formats of the picamera2 double: see `tests.fakes.picamera2`."""

import threading
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from device.media.picture import TestPicture
from tests.harness.video import PPS, SPS, nal_units


class Output:
    def outputframe(
        self, frame: bytes, keyframe: bool = True, timestamp: int = 0, packet: Any = None, audio: bool = False
    ) -> None:
        raise NotImplementedError


class H264Encoder:
    """The board's encoder: x264 in its place, as strict about what it is given."""

    def __init__(
        self, *, bitrate: int, repeat: bool, iperiod: int, framerate: float, profile: str
    ) -> None:  # the library knows more, which the adapter does not say
        assert profile == "constrained baseline"
        self.bitrate, self.repeat, self.iperiod, self.framerate = bitrate, repeat, iperiod, framerate
        self.frame_skip_count = 1
        self.firsttimestamp: int | None = None
        self.forced = 0
        self.name = ""
        self.vd: Any = None
        self._skipped = 0
        self._lock = threading.Lock()

    def start(self, output: Output, size: tuple[int, int], pixels: str) -> None:
        if pixels not in {"YUV420", "NV12"}:
            raise RuntimeError("Unrecognised format", pixels, "for V4L2")
        assert isinstance(output, Output)
        self._output = output
        self.vd = SimpleNamespace(encoder=self)
        context: Any = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = *size, "yuv420p"
        context.time_base = Fraction(1, 1_000_000)
        context.options = {
            "preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1",
            "x264-params": f"repeat-headers=1:annexb=1:keyint={self.iperiod}:scenecut=0",
        }  # fmt: skip
        context.open()
        self.context = context
        self._picture = TestPicture(*size, "double")

    def stop(self) -> None:
        with self._lock:
            self.vd = None

    def force_key_frame(self) -> None:
        self.forced += 1

    def encode(self, request: Any) -> None:
        self._skipped = (self._skipped + 1) % self.frame_skip_count
        if self._skipped != 0:
            return
        with self._lock:
            if self.vd is None:
                return
            timestamp = int(request.monotonic * 1e6)
            first, self.firsttimestamp = self.firsttimestamp is None, self.firsttimestamp or timestamp
            frame = self._picture.draw(request.wall)
            frame.pts, frame.time_base = timestamp - self.firsttimestamp, Fraction(1, 1_000_000)
            frame.pict_type = PictureType.I if self.forced or first else PictureType.NONE
            self.forced = 0
            for packet in self.context.encode(frame):
                # Its first output has the parameter sets; later key frames come without, to see who minds.
                units = [unit for unit in nal_units(bytes(packet)) if first or unit[0] & 0x1F not in {SPS, PPS}]
                data = b"".join(b"\0\0\0\1" + unit for unit in units)
                self._output.outputframe(data, packet.is_keyframe, timestamp - self.firsttimestamp)


def packed(pixels: str, planes: list[NDArray[np.uint8]], stride: int, frame: Any) -> NDArray[np.uint8]:
    luma, blue, red = planes
    height, width = luma.shape
    if pixels == "MJPEG":
        return np.frombuffer(_jpeg(frame) + bytes(4096), np.uint8)
    if pixels == "YUYV":
        lines = np.zeros((height, stride), np.uint8)
        lines[:, 0 : 2 * width : 2] = luma
        lines[:, 1 : 2 * width : 4] = blue.repeat(2, 0)
        lines[:, 3 : 2 * width : 4] = red.repeat(2, 0)
        return lines.ravel()
    buffer: NDArray[np.uint8] = np.zeros(stride * height * 3 // 2, np.uint8)
    buffer[: stride * height].reshape(height, stride)[:, :width] = luma
    rest = buffer[stride * height :]
    if pixels == "NV12":
        lines = rest.reshape(height // 2, stride)
        lines[:, 0:width:2], lines[:, 1:width:2] = blue, red
    else:
        halves = rest.reshape(2, height // 2, stride // 2)
        halves[0, :, : width // 2], halves[1, :, : width // 2] = blue, red
    return buffer


def _jpeg(frame: Any) -> bytes:
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj422p"
    encoder.time_base = Fraction(1, 30)
    full = frame.reformat(format="yuvj422p", src_color_range="MPEG", dst_color_range="JPEG")
    full.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(full), *encoder.encode(None)])
