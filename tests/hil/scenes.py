"""What is held in front of the camera: a street that is light on one side, and how to tell it again on a page."""

from statistics import fmean
from typing import Any, Literal

from device.media.jpeg import to_jpeg
from device.ports import Still

Side = Literal["left", "right"]
WIDTH, HEIGHT = 640, 480
LIGHT, DARK = 200, 50


def street(light: Side = "left") -> bytes:
    """A JPEG; the same bytes every time."""
    left, right = (LIGHT, DARK) if light == "left" else (DARK, LIGHT)
    row = bytes([left]) * (WIDTH // 2) + bytes([right]) * (WIDTH // 2)
    return to_jpeg(Still(WIDTH, HEIGHT, row * HEIGHT + bytes([128]) * (WIDTH * HEIGHT // 2), 0.0))


def light_side(shown: Any) -> Side | None:
    """Which side of the rows that a page shows (`Person.luma`) is the light one; None if neither is."""
    rows = shown["rows"]
    middle = len(rows[0]) // 2 if rows else 0
    if not middle:
        return None
    halves = [row[:middle] for row in rows], [row[middle:] for row in rows]
    left, right = (fmean(fmean(part) for part in parts) for parts in halves)
    if abs(left - right) < (LIGHT - DARK) / 2:
        return None
    return "left" if left > right else "right"
