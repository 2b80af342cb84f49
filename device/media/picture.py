"""A moving test picture: time, site, device, something that moves, and a time code that a program can read.

The time code is one row of `CODE_BITS` blocks near the lower edge: white, black, 42 bits of milliseconds since 1970
(the most significant first), and a 4-bit check: the sum of the preceding hexadecimal digits, modulo 16.
"""

import math
from datetime import datetime
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]

CODE_BITS = 48
_TIME_BITS = 42
_WHITE, _BLACK = 235, 16

# Five columns a glyph, the top row in the lowest bit.
_FONT = {
    "0": "3e5149453e", "1": "00427f4000", "2": "4261514946", "3": "2141454b31", "4": "1814127f10", "5": "2745454539",
    "6": "3c4a494930", "7": "0171090503", "8": "3649494936", "9": "064949291e", ":": "0036360000", "-": "0808080808",
    ".": "0060600000", "/": "2010080402", " ": "0000000000", "A": "7e1111117e", "B": "7f49494936", "C": "3e41414122",
    "D": "7f4141221c", "E": "7f49494941", "F": "7f09090901", "G": "3e4149497a", "H": "7f0808087f", "I": "00417f4100",
    "J": "2040413f01", "K": "7f08142241", "L": "7f40404040", "M": "7f020c027f", "N": "7f0408107f", "O": "3e4141413e",
    "P": "7f09090906", "Q": "3e4151215e", "R": "7f09192946", "S": "4649494931", "T": "01017f0101", "U": "3f4040403f",
    "V": "1f2040201f", "W": "3f4038403f", "X": "6314081463", "Y": "0708700807", "Z": "6151494543",
}  # fmt: skip


class TestPicture:
    """Draws into one frame again and again, only where something changes; the encoder copies what it is given."""

    __test__ = False  # not a test, whatever its name suggests to pytest

    def __init__(self, width: int, height: int, caption: str) -> None:
        self.frame: Any = av.VideoFrame(width, height, "yuv420p")
        self._width = width
        self._height = height
        self._luma, u, v = (_plane(self.frame, index) for index in range(3))
        self._luma[:, :width] = np.linspace(150, 60, height, dtype=np.uint8)[:, None]
        rows = u.shape[0]
        u[:] = np.linspace(150, 118, rows, dtype=np.uint8)[:, None]
        v[:] = np.linspace(108, 140, rows, dtype=np.uint8)[:, None]
        self._scale = max(2, width // 213)
        self._text(caption.upper(), height // 10, self._scale)
        self._background = self._luma.copy()
        self._moved: tuple[slice, slice] | None = None

    def draw(self, utc: float) -> None:
        """Make it the picture of this moment (seconds since 1970)."""
        self._mover(utc)
        moment = datetime.fromtimestamp(utc).astimezone()
        self._text(f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 100_000}", self._height // 4, self._scale + 1)
        self._code(int(utc * 1000))

    def _mover(self, utc: float) -> None:
        if self._moved is not None:
            self._luma[self._moved] = self._background[self._moved]
        size = self._height // 6 // 2 * 2
        left = int((0.5 + 0.45 * math.sin(utc)) * (self._width - size))
        top = int(self._height * 0.55)
        self._moved = (slice(top, top + size), slice(left, left + size))
        self._luma[self._moved] = 220

    def _text(self, text: str, top: int, scale: int) -> None:
        columns = [int(_FONT.get(character, _FONT[" "])[i : i + 2], 16) for character in text for i in range(0, 10, 2)]
        bits = np.array([[column >> row & 1 for column in columns] for row in range(7)], dtype=np.uint8)
        spaced = np.zeros((7, len(text) * 6), dtype=np.uint8)
        for index in range(len(text)):
            spaced[:, index * 6 : index * 6 + 5] = bits[:, index * 5 : index * 5 + 5]
        block = np.kron(spaced, np.ones((scale, scale), dtype=np.uint8))[:, : self._width]
        left = (self._width - block.shape[1]) // 2
        area = self._luma[top : top + block.shape[0], left : left + block.shape[1]]
        area[:] = np.where(block, _WHITE, 40)

    def _code(self, milliseconds: int) -> None:
        size, left, top = _code_place(self._width, self._height)
        row = np.repeat([_WHITE if bit else _BLACK for bit in _bits(milliseconds)], size)
        self._luma[top : top + size, left : left + size * CODE_BITS] = row


def decode_time_code(luma: Luma) -> float | None:
    """The moment at which a picture was drawn, seconds since 1970; None if its code cannot be read. `luma` is h×w."""
    size, left, top = _code_place(luma.shape[1], luma.shape[0])
    middle = luma[top + size // 2, left + size // 2 : left + size * CODE_BITS : size]
    bits = [int(value > 128) for value in middle]
    milliseconds = int("".join(map(str, bits[2 : 2 + _TIME_BITS])), 2)
    return milliseconds / 1000 if bits == _bits(milliseconds) else None


def _bits(milliseconds: int) -> list[int]:
    check = sum(int(digit, 16) for digit in f"{milliseconds:x}") % 16
    return [int(bit) for bit in f"10{milliseconds:0{_TIME_BITS}b}{check:04b}"]


def _code_place(width: int, height: int) -> tuple[int, int, int]:
    """A block's size, and the row's left and upper edge, in pixels."""
    size = width * 9 // 10 // CODE_BITS // 2 * 2
    return size, (width - size * CODE_BITS) // 2 // 2 * 2, height - 2 * size - 8


def _plane(frame: Any, index: int) -> Luma:
    plane = frame.planes[index]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
