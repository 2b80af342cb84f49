"""The time code: wall-clock milliseconds as a row of black and white blocks, readable after any codec.

Layout, in parts of the picture's width and height, so that it survives being scaled:

* BLOCKS (48) blocks stand side by side, each 3/160 of the width: the first begins at 1/20 of the width;
* they are 1/30 of the height, and as much stays free below them;
* white is 1, black is 0: blocks 0 and 1 are the marker 1 0; then 42 bits of milliseconds since 1970 (UTC), the
  most significant first; then 4 bits of checksum: those 42 bits, in groups of four from the least significant,
  combined by exclusive or and inverted.

A reader looks at the middle of each block. `tests/harness/timecode.js` reads the same code from a canvas.
"""

import numpy as np
from numpy.typing import NDArray

BLOCKS = 48
TIME_BITS = 42
WHITE, BLACK = 235, 16
"""Luma of studio-range video (ITU-R BT.601)."""

_THRESHOLD = (WHITE + BLACK) // 2


def block_edges(width: int) -> NDArray[np.int_]:
    """Where the blocks begin and end, in a picture this wide: BLOCKS + 1 columns."""
    return np.rint((np.arange(BLOCKS + 1) * 3 / 160 + 1 / 20) * width).astype(np.int_)


def block_rows(height: int) -> tuple[int, int]:
    """The row at which the blocks begin, and the one behind their last, in a picture this high."""
    return round(height * 28 / 30), round(height * 29 / 30)


def time_code(millis: int) -> NDArray[np.uint8]:
    """One luma value per block for `millis`, milliseconds since 1970; up to the year 2109."""
    bits = (0b10 << TIME_BITS | millis % (1 << TIME_BITS)) << 4 | _checksum(millis)
    return np.array([WHITE if bits >> place & 1 else BLACK for place in range(BLOCKS - 1, -1, -1)], np.uint8)


def decode_time_code(luma: NDArray[np.uint8]) -> float | None:
    """Seconds since 1970 from a picture's luma (height × width), or None where no valid code stands."""
    height, width = luma.shape
    edges, (top, bottom) = block_edges(width), block_rows(height)
    middle = (top + bottom) // 2
    bits = 0
    for block in range(BLOCKS):
        centre = int(edges[block] + edges[block + 1]) // 2
        patch = luma[middle - 2 : middle + 2, centre - 2 : centre + 2]
        bits = bits << 1 | int(patch.mean() > _THRESHOLD)
    millis = bits >> 4 & ((1 << TIME_BITS) - 1)
    if bits >> (TIME_BITS + 4) != 0b10 or bits & 0xF != _checksum(millis):
        return None
    return millis / 1000


def _checksum(millis: int) -> int:
    total = 0
    for place in range(0, TIME_BITS, 4):
        total ^= millis % (1 << TIME_BITS) >> place & 0xF
    return total ^ 0xF
