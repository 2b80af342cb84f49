"""A moving test picture that says where and when it was drawn, for a door station without a camera.

Drawing is incremental: the background is drawn once, and each frame repaints only what moved. At 1280 × 720 that
is some 0.2 ms, so that a frame is on its way long before the next is due.
"""

import math
import time

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from device.media.glyphs import ADVANCE, ROWS, glyph
from device.media.raw import Plane, writable_planes
from device.media.timecode import block_edges, block_rows, time_code

_INK = 225
_BALL = (190, 90, 170)
"""Luma and both chroma values: a calm orange."""

_SWING_S = 7.0
"""The ball crosses the picture and comes back in this time."""

_GRAIN = 24
"""The noise's range, of 256."""


class TestPicture:
    """One reusable frame. `draw` changes it in place: encode it before drawing the next.

    With `grain`, noise moves across its lower half, so that it needs its bits as a street at dusk does.
    """

    __test__ = False  # not a test case, whatever its name suggests to a test runner

    def __init__(self, width: int, height: int, caption: str, grain: bool = False) -> None:
        self.frame = VideoFrame(width, height, "yuv420p")
        self._planes = writable_planes(self.frame)
        self._width, self._height = width, height
        self._scale = max(1, width // 320)
        self._shown = ""
        self._ball_x: int | None = None
        self._paint_background(caption)
        self._background = tuple(plane.copy() for plane in self._planes)
        self._ball = _disc(max(16, height // 8) & ~3)
        self._code_edges, self._code_rows = block_edges(width), slice(*block_rows(height))
        self._grain_rows = slice(height * 5 // 8, block_rows(height)[0] - 8)
        rows = self._grain_rows.stop - self._grain_rows.start
        self._grain = np.random.default_rng(1).integers(96, 96 + _GRAIN, (rows, 2 * width), np.uint8) if grain else None

    def draw(self, at: float) -> VideoFrame:
        """The frame for the wall-clock time `at`, in seconds since 1970."""
        self._write_clock(at)
        self._move_ball(at)
        if self._grain is not None:
            start = int(at * 300) % self._width
            self._planes[0][self._grain_rows, : self._width] = self._grain[:, start : start + self._width]
        self._write_code(at)
        return self.frame

    @property
    def luma(self) -> Plane:
        """The luma plane, height × width; a view."""
        return self._planes[0]

    def _paint_background(self, caption: str) -> None:
        luma, blue, red = self._planes
        luma[:] = np.linspace(60, 110, self._height).astype(np.uint8)[:, None]
        blue[:] = np.linspace(140, 128, self._height // 2).astype(np.uint8)[:, None]
        red[:] = 122
        luma[self._height * 27 // 30 :] = 40
        margin = 8 * self._scale
        scale = self._scale
        room = (self._width - 2 * margin) // (ADVANCE * scale)
        self._write(caption[:room], margin, margin, scale)

    def _write(self, text: str, left: int, top: int, scale: int) -> None:
        for number, character in enumerate(text):
            ink = glyph(character, scale)
            x = left + number * ADVANCE * scale
            cell = self._planes[0][top : top + ink.shape[0], x : x + ink.shape[1]]
            cell[ink[:, : cell.shape[1]]] = _INK

    def _write_clock(self, at: float) -> None:
        """The time of day in tenths of a second; only the characters that changed."""
        text = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(at))}.{int(at * 10) % 10}"
        scale = self._scale * 2
        left, top = 8 * self._scale, (8 + 2 * ROWS) * self._scale
        for number, (new, old) in enumerate(zip(text, self._shown.ljust(len(text), "\0"), strict=False)):
            if new == old:
                continue
            ink = glyph(new, scale)
            x = left + number * ADVANCE * scale
            box = np.s_[top : top + ink.shape[0], x : x + ink.shape[1]]
            cell = self._planes[0][box]
            cell[:] = np.where(ink[:, : cell.shape[1]], np.uint8(_INK), self._background[0][box])
        self._shown = text

    def _move_ball(self, at: float) -> None:
        size = self._ball[0].shape[0]
        travel = self._width - size - 16 * self._scale
        x = 8 * self._scale + int(travel * (0.5 - 0.5 * math.cos(2 * math.pi * at / _SWING_S))) & ~1
        y = self._height // 2 & ~1
        for plane, background, ink, colour, step in zip(
            self._planes, self._background, self._ball, _BALL, (1, 2, 2), strict=True
        ):
            extent = size // step
            rows = slice(y // step, y // step + extent)
            if self._ball_x is not None:
                was = rows, slice(self._ball_x // step, self._ball_x // step + extent)
                plane[was] = background[was]
            plane[rows, x // step : x // step + extent][ink] = colour
        self._ball_x = x

    def _write_code(self, at: float) -> None:
        edges = self._code_edges
        row = np.repeat(time_code(int(at * 1000)), np.diff(edges))
        self._planes[0][self._code_rows, edges[0] : edges[-1]] = row


def _disc(size: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """The ball's pixels in the luma plane and, at half the size, in both chroma planes."""

    def circle(extent: int) -> NDArray[np.bool_]:
        offset = np.arange(extent) - (extent - 1) / 2
        inside: NDArray[np.bool_] = np.hypot(offset[:, None], offset[None, :]) <= extent / 2
        return inside

    return circle(size), circle(size // 2), circle(size // 2)
