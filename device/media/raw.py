"""What cameras deliver, as what encoders take: planar YUV 4:2:0, studio range, in the shape that was configured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from device.errors import HardwareError

Plane = NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]


@dataclass(frozen=True, slots=True)
class Layout:
    """A stream as the camera delivers it: libcamera's name of the format, pixels, bytes from line to line."""

    format: str
    width: int
    height: int
    stride: int


class FrameMaker:
    """Makes frames of a camera's buffers: cropped in the middle to the shape of `width` × `height`, turned, mirrored.

    They have the camera's own resolution: who needs them larger or smaller scales them. HardwareError for a format
    that is not among FORMATS.
    """

    def __init__(self, layout: Layout, width: int, height: int, *, turn: bool = False, mirror: bool = False) -> None:
        if layout.format not in FORMATS:
            known = ", ".join(FORMATS)
            raise HardwareError(f"camera: delivers {layout.format}, which is none of {known}: choose another camera")
        self._layout = layout
        self._unpack = FORMATS[layout.format]()
        across, down = cropped(layout.width, layout.height, width, height)
        self._size = across, down
        left, top = (layout.width - across) // 4 * 2, (layout.height - down) // 4 * 2
        self._areas = tuple(
            (slice(top // step, (top + down) // step), slice(left // step, (left + across) // step))
            for step in (1, 2, 2)
        )
        self._order = slice(None, None, -1 if turn else 1), slice(None, None, -1 if turn != mirror else 1)

    def make(self, buffer: Plane) -> VideoFrame | None:
        """A frame of its own, nothing of it shared with `buffer`; None for a torn picture, as USB brings them."""
        planes = self._unpack(buffer, self._layout)
        if planes is None:
            return None
        frame = VideoFrame(*self._size, "yuv420p")
        for target, plane, area in zip(writable_planes(frame), planes, self._areas, strict=True):
            target[:] = plane[area][self._order]
        return frame


def cropped(width: int, height: int, like_width: int, like_height: int) -> tuple[int, int]:
    """The largest size within width × height of the other shape, both even."""
    if width * like_height > height * like_width:
        width = height * like_width // like_height
    else:
        height = width * like_height // like_width
    return width & ~1, height & ~1


def writable_planes(frame: Any) -> Planes:
    """The frame's three planes as arrays onto its own memory, without the padding of their lines."""
    luma, blue, red = (
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )
    return luma, blue, red


def _yuv420(buffer: Plane, layout: Layout) -> Planes:
    """Y, U and V one after the other; the lines of U and V are half as long (libcamera's YUV420, DRM's YU12)."""
    stride, height = layout.stride, layout.height
    luma = stride * height
    chroma = luma // 4
    half = (height // 2, stride // 2)
    return (
        buffer[:luma].reshape(height, stride),
        buffer[luma : luma + chroma].reshape(half),
        buffer[luma + chroma : luma + 2 * chroma].reshape(half),
    )


def _nv12(buffer: Plane, layout: Layout) -> Planes:
    """Y, then U and V in turn."""
    stride, height = layout.stride, layout.height
    luma = stride * height
    both = buffer[luma : luma + luma // 2].reshape(height // 2, stride)
    return buffer[:luma].reshape(height, stride), both[:, 0::2], both[:, 1::2]


def _yuyv(buffer: Plane, layout: Layout) -> Planes:
    """Y U Y V, in every line; every other line's colour is left out."""
    lines = buffer[: layout.stride * layout.height].reshape(layout.height, layout.stride)
    return lines[:, 0::2], lines[0::2, 1::4], lines[0::2, 3::4]


class _Mjpeg:
    """One JPEG after the other, each as long as it is; the rest of the buffer is left over from longer ones."""

    def __init__(self) -> None:
        self._decoder: Any = av.CodecContext.create("mjpeg", "r")
        self._decoder.thread_count = 1

    def __call__(self, buffer: Plane, layout: Layout) -> Planes | None:
        data = buffer.tobytes()
        if not data.startswith(b"\xff\xd8"):
            return None  # and nothing would tell the decoder that it is over
        try:
            pictures = self._decoder.decode(av.Packet(data))
        except av.FFmpegError:
            return None
        if not pictures or (pictures[0].width, pictures[0].height) != (layout.width, layout.height):
            return None
        studio = pictures[0].reformat(
            format="yuv420p", src_color_range=ColorRange.JPEG, dst_color_range=ColorRange.MPEG
        )
        return writable_planes(studio)


Unpack = Callable[[Plane, Layout], Planes | None]
FORMATS: dict[str, Callable[[], Unpack]] = {
    "YUV420": lambda: _yuv420,
    "NV12": lambda: _nv12,
    "MJPEG": _Mjpeg,
    "YUYV": lambda: _yuyv,
}
"""The formats that can be taken, by their names in libcamera, the best first."""
