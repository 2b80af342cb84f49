"""A still picture as JPEG, small enough for a phone's connection; what stands on it only if that is asked for."""

from fractions import Fraction
from typing import Any

import av
import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange

from device.errors import HardwareError
from device.media.glyphs import ADVANCE, ROWS, glyph
from device.media.raw import Plane, writable_planes
from device.ports import Still

LARGEST = 256 * 1024
"""Bytes; a picture that would be larger is made with fewer details, or smaller. Pages take none of more than 1 MiB."""

QUALITIES = (4, 8, 14, 22, 31)
"""The quantiser's scale of FFmpeg's encoder, tried one after the other: 2 is the best, 31 the last."""


def to_jpeg(still: Still, stamp: str | None = None) -> bytes:
    """The picture, with `stamp` burnt in at its foot. It says nothing else: no camera, no place, no time (no EXIF)."""
    try:
        frame = VideoFrame(still.width, still.height, "yuv420p")
        _fill(frame, still)
        if stamp:
            _write(writable_planes(frame)[0], stamp)
        full = frame.reformat(format="yuvj420p", src_color_range=ColorRange.MPEG, dst_color_range=ColorRange.JPEG)
        while True:
            for quality in QUALITIES:
                if len(made := _encode(full, quality)) <= LARGEST:
                    return made
            full = full.reformat(width=full.width // 4 * 2, height=full.height // 4 * 2)
    except (av.FFmpegError, ValueError) as error:
        raise HardwareError(f"camera: its picture cannot be made a JPEG: {error}") from error


def _fill(frame: Any, still: Still) -> None:
    data = np.frombuffer(still.i420, np.uint8)
    at = 0
    for plane in writable_planes(frame):
        plane[:] = data[at : at + plane.size].reshape(plane.shape)
        at += plane.size


def _encode(frame: Any, quality: int) -> bytes:
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.qmin = encoder.qmax = quality
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def _write(luma: Plane, text: str) -> None:
    """White on a dark bar, as long as the picture is wide."""
    height, width = luma.shape
    scale = max(1, width // 480)
    bar = luma[height - (ROWS + 4) * scale :]
    bar[:] = bar // 4 + 12
    for number, character in enumerate(text[: width // (ADVANCE * scale) - 1]):
        ink = glyph(character, scale)
        left = (2 + number * ADVANCE) * scale
        cell = bar[2 * scale : 2 * scale + ink.shape[0], left : left + ink.shape[1]]
        cell[ink[:, : cell.shape[1]]] = 235
