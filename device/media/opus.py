"""Opus as the protocol wants it: 20 ms, mono, constant rate, no DTX, so that packet sizes tell nothing (RFC 6562).

And its decoder, with the concealment of what was lost.
"""

from fractions import Fraction
from typing import Any

import av
import numpy as np

from device.media.rates import Samples, joined

RATE_HZ = 48_000
SAMPLES = 960
BLOCK_BYTES = SAMPLES * 2
"""20 ms of s16le mono."""

LONGEST_MS = 120


def duration(payload: bytes) -> int:
    """Samples that a packet holds, by its first bytes (RFC 6716, 3.1 and 3.2); 0 if it is no Opus."""
    if not payload:
        return 0
    config = payload[0] >> 3
    ms: float
    if config < 12:
        ms = (10, 20, 40, 60)[config % 4]
    elif config < 16:
        ms = (10, 20)[config % 2]
    else:
        ms = (2.5, 5, 10, 20)[config % 4]
    match payload[0] & 3:
        case 0:
            frames = 1
        case 1 | 2:
            frames = 2
        case _:
            frames = payload[1] & 0x3F if len(payload) > 1 else 0
    return int(frames * ms * RATE_HZ // 1000) if frames * ms <= LONGEST_MS else 0


class OpusDecoder:
    """libopus through PyAV: mono, 48 kHz."""

    def __init__(self) -> None:
        context: Any = av.CodecContext.create("libopus", "r")
        context.format = "s16"
        context.layout = "mono"
        context.sample_rate = RATE_HZ
        context.open()
        self._context = context
        self._toc = b"\x78"  # 20 ms, until the sender shows what it uses

    def decode(self, payload: bytes) -> Samples | None:
        """What the packet holds; None if it is no Opus."""
        made = self._decode(payload)
        if made is not None:
            self._toc = bytes([payload[0] & 0xFC])  # the same, one frame
        return made

    def conceal(self, samples: int) -> Samples:
        """At least so many samples in place of what did not come, after what was heard before, and fading.

        A packet of nothing but its first byte is a frame that was not sent, for which the decoder makes one up
        (RFC 6716, 2.1.9 and 4.4).
        """
        parts: list[Samples] = []
        while sum(map(len, parts)) < samples:
            made = self._decode(self._toc)
            parts.append(np.zeros(samples, np.int16) if made is None or not len(made) else made)
        return np.concatenate(parts)

    def _decode(self, payload: bytes) -> Samples | None:
        try:
            frames = self._context.decode(av.Packet(payload))
        except av.FFmpegError:
            return None  # of a verified peer
        return joined(frames) if frames else None


BITRATE_BPS = 48_000
EXPECTED_LOSS_PERCENT = 5
"""For which the microphone's packets repeat the speech of the one before, coarsely, within the constant rate.

`docs/sound.md` has what it gains and what 32 kbit/s without it would sound like.
"""


class OpusEncoder:
    """libopus through PyAV."""

    def __init__(self, bitrate_bps: int = BITRATE_BPS) -> None:
        context: Any = av.CodecContext.create("libopus", "w")
        context.sample_rate = RATE_HZ
        context.layout = "mono"
        context.format = "s16"
        context.bit_rate = bitrate_bps
        context.time_base = Fraction(1, RATE_HZ)
        context.options = {
            "application": "voip",
            "frame_duration": "20",
            "vbr": "off",
            "fec": "1",
            "packet_loss": str(EXPECTED_LOSS_PERCENT),
        }
        context.open()
        self._context = context
        frame = av.AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.sample_rate = RATE_HZ
        frame.time_base = Fraction(1, RATE_HZ)
        self._frame = frame  # one for all: it is encoded before the next is filled

    def encode(self, pcm: bytes, pts: int) -> bytes:
        """One packet of 20 ms s16le mono; `pts` in samples."""
        self._frame.pts = pts
        self._frame.planes[0].update(pcm)
        return b"".join(bytes(packet) for packet in self._context.encode(self._frame))
