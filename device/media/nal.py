"""H.264 in Annex-B form, as far as a camera that encodes in hardware needs it (H.264, annex B and table 7-1)."""

import re
from collections.abc import Iterator

IDR, SPS, PPS = 5, 7, 8
"""NAL unit types."""

_START = re.compile(b"\x00\x00\x01")


def nal_units(data: bytes) -> Iterator[bytes]:
    """The NAL units of an access unit, without start codes."""
    starts = [match.end() for match in _START.finditer(data)]
    for begin, end in zip(starts, [*(start - 3 for start in starts[1:]), len(data)], strict=True):
        unit = data[begin:end].rstrip(b"\0")  # a NAL unit never ends with zero: they belong to the next start code
        if unit:
            yield unit


class ParameterSets:
    """Sees to it that every key frame carries its parameter sets, whatever the encoder repeats."""

    def __init__(self) -> None:
        self._kept: dict[int, bytes] = {}

    def complete(self, data: bytes) -> tuple[bytes, bool]:
        """The access unit, and whether it is a key frame that can be begun with."""
        kinds = set()
        for unit in nal_units(data):
            kind = unit[0] & 0x1F
            kinds.add(kind)
            if kind in (SPS, PPS):
                self._kept[kind] = unit
        if IDR not in kinds:
            return data, False
        missing = [kind for kind in (SPS, PPS) if kind not in kinds]
        if any(kind not in self._kept for kind in missing):
            return data, False
        return b"".join(b"\0\0\0\1" + self._kept[kind] for kind in missing) + data, True
