"""A small bitmap alphabet, for text on a picture without a font file.

Each glyph is seven rows of five dots, top row first. Small letters are shown as capitals; what is not here is
shown as a box.
"""

import functools

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS = 7, 5
ADVANCE = COLUMNS + 1
"""Dots from the left edge of one character to the left edge of the next."""

# One hexadecimal pair per row; bit 4 is the leftmost dot.
_GLYPHS = {
    " ": "00000000000000", "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f",
    "3": "1f02040201110e", "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e",
    "7": "1f010204080808", "8": "0e11110e11110e", "9": "0e11110f01020c", "A": "0e11111f111111",
    "B": "1e11111e11111e", "C": "0e11101010110e", "D": "1c12111111121c", "E": "1f10101e10101f",
    "F": "1f10101e101010", "G": "0e11101711110f", "H": "1111111f111111", "I": "0e04040404040e",
    "J": "0702020202120c", "K": "11121418141211", "L": "1010101010101f", "M": "111b1515111111",
    "N": "11111915131111", "O": "0e11111111110e", "P": "1e11111e101010", "Q": "0e11111115120d",
    "R": "1e11111e141211", "S": "0f10100e01011e", "T": "1f040404040404", "U": "1111111111110e",
    "V": "11111111110a04", "W": "1111111515150a", "X": "11110a040a1111", "Y": "11110a04040404",
    "Z": "1f01020408101f", "-": "0000001f000000", "_": "0000000000001f", ".": "00000000000c0c",
    ",": "000000000c0408", ":": "000c0c000c0c00", "/": "00010204081000", "·": "0000000c0c0000",
    "(": "02040808080402", ")": "08040202020408", "+": "0004041f040400", "'": "0c040800000000",
}  # fmt: skip
_BOX = "1f11111111111f"


@functools.cache
def glyph(character: str, scale: int) -> NDArray[np.bool_]:
    """Which pixels of a cell of ROWS × ADVANCE dots, each `scale` pixels square, are ink."""
    rows = bytes.fromhex(_GLYPHS.get(character.upper(), _BOX))
    dots = [[bool(row >> (COLUMNS - 1 - column) & 1) for column in range(COLUMNS)] + [False] for row in rows]
    return np.repeat(np.repeat(np.array(dots), scale, axis=0), scale, axis=1)
