"""A clip and speech that are made once and sent by every sender alike."""

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from device.media.h264 import H264Encoder
from device.media.picture import TestPicture

WIDTH, HEIGHT, FPS = 1280, 720, 30
BITRATE_BPS = 2_000_000
SECONDS = 10
KEY_EVERY = 60
"""Frames: a viewer who joins waits two seconds at most."""


def clip(path: Path) -> Path:
    """H.264, Annex B: the test picture under some noise, so that it needs its bits as a street at dusk does."""
    picture, encoder = TestPicture(WIDTH, HEIGHT, "bench"), H264Encoder(WIDTH, HEIGHT, FPS, BITRATE_BPS)
    noise = np.random.default_rng(1).integers(0, 24, (64, WIDTH), np.uint8)
    with path.open("wb") as file:
        for number in range(SECONDS * FPS):
            picture.draw(1_000_000_000 + number / FPS)
            plane: Any = picture.frame.planes[0]
            luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            luma[64:512, :WIDTH] = 96 + np.roll(np.tile(noise, (7, 1)), number * 5, axis=1)
            data, _ = encoder.encode(picture.frame, number * 90_000 // FPS, key=number % KEY_EVERY == 0)
            file.write(data)
    return path


def speech(path: Path, text: str) -> Path:
    """s16le, mono, 48 kHz."""
    wav = path.with_suffix(".wav")
    subprocess.run(["espeak-ng", "-s", "150", "-w", str(wav), text], check=True, capture_output=True)
    command = ["sox", str(wav), "-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", "48000", str(path)]
    subprocess.run(command, check=True)
    return path


def access_units(data: bytes) -> list[tuple[bytes, bool]]:
    """The clip cut before every picture, with the parameter sets that belong to it, and whether it is a key frame.

    Every picture is one slice: its NAL unit is of type 1 or 5 (table 7-1 of H.264); others belong to the next one.
    """
    starts = [found.start() for found in re.finditer(rb"\x00\x00\x00?\x01", data)]
    units: list[tuple[bytes, bool]] = []
    pending = b""
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        nal = data[start:end]
        kind = nal[nal.index(b"\x01") + 1] & 31
        pending += nal
        if kind in (1, 5):
            units.append((pending, kind == 5))
            pending = b""
    return units
