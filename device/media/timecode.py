"""The time code: wall-clock milliseconds as a row of black and white blocks, readable after any codec.

Layout, from the picture's width and height in pixels alone:

* a block is a square of `size = width // 50`, rounded down to an even number, pixels;
* BLOCKS (48) blocks stand side by side, centred: the first begins at `(width - 48 * size) // 2`;
* their top edge is at `height - 2 * size`, so that one block's height stays free below them;
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


def block_size(width: int) -> int:
    """Pixels on each side of a block, in a picture this wide."""
    return width // 50 & ~1


def time_code(millis: int) -> NDArray[np.uint8]:
    """One luma value per block for `millis`, milliseconds since 1970; up to the year 2109."""
    bits = (0b10 << TIME_BITS | millis % (1 << TIME_BITS)) << 4 | _checksum(millis)
    return np.array([WHITE if bits >> place & 1 else BLACK for place in range(BLOCKS - 1, -1, -1)], np.uint8)


def decode_time_code(luma: NDArray[np.uint8]) -> float | None:
    """Seconds since 1970 from a picture's luma (height × width), or None where no valid code stands."""
    height, width = luma.shape
    size = block_size(width)
    left = (width - BLOCKS * size) // 2
    middle = height - 2 * size + size // 2
    bits = 0
    for block in range(BLOCKS):
        centre = left + block * size + size // 2
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
