"""Opus as the protocol wants it: 20 ms, mono, constant rate, no DTX, so that packet sizes tell nothing (RFC 6562)."""

from fractions import Fraction
from typing import Any

import av

RATE_HZ = 48_000
SAMPLES = 960
BLOCK_BYTES = SAMPLES * 2
"""20 ms of s16le mono."""


class OpusEncoder:
    """libopus through PyAV."""

    def __init__(self, bitrate_bps: int = 32_000) -> None:
        context: Any = av.CodecContext.create("libopus", "w")
        context.sample_rate = RATE_HZ
        context.layout = "mono"
        context.format = "s16"
        context.bit_rate = bitrate_bps
        context.time_base = Fraction(1, RATE_HZ)
        context.options = {"application": "voip", "frame_duration": "20", "vbr": "off"}
        context.open()
        self._context = context

    def encode(self, pcm: bytes, pts: int) -> bytes:
        """One packet of 20 ms s16le mono; `pts` in samples."""
        frame = av.AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.sample_rate = RATE_HZ
        frame.pts = pts
        frame.time_base = Fraction(1, RATE_HZ)
        frame.planes[0].update(pcm)
        return b"".join(bytes(packet) for packet in self._context.encode(frame))
