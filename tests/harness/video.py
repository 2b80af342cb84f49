"""What is in encoded pictures, by decoders that know nothing of our encoders."""

from collections.abc import Sequence
from typing import Any

import av

from device.ports import EncodedFrame, Stream

SPS, PPS, IDR = 7, 8, 5
"""NAL unit types (table 7-1 of H.264)."""


def nal_units(data: bytes) -> list[bytes]:
    return [unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]


def nal_types(data: bytes) -> list[int]:
    return [unit[0] & 0x1F for unit in nal_units(data)]


def decode(frames: Sequence[EncodedFrame], stream: Stream = "main") -> list[Any]:
    """The pictures, by a decoder that has seen nothing before."""
    decoder: Any = av.CodecContext.create("libvpx" if stream == "vp8" else "h264", "r")
    decoder.thread_count = 1
    pictures: list[Any] = []
    for frame in frames:
        packet = av.Packet(frame.data)
        packet.pts = frame.pts
        pictures += decoder.decode(packet)
    pictures += decoder.decode(None)
    return pictures
