"""What a person saw: frames with the time drawn into them, and when each was presented."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

GAP_MS = 150.0
"""A picture that stands still for longer than this is seen to: four frames of thirty a second are missing."""

CALM_MS = 1000.0
"""A picture has recovered when for so long no gap follows."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Both in milliseconds since 1970, on the drawing clock; `drawn` is None where the code could not be read."""

    at: float
    drawn: float | None


def script() -> str:
    """What a page needs before it can watch: `window.watching` of `watch.js`."""
    files = [Path(__file__).parent / name for name in ("timecode.js", "watch.js")]
    return "(() => {\n" + "\n".join(file.read_text(encoding="utf-8") for file in files) + "\n})();"


def frames(noted: Sequence[Sequence[float | None]], offset_ms: float) -> list[Frame]:
    """From what `watch.js` noted; `offset_ms` is what to take from the page's clock."""
    return [Frame(float(at or 0) - offset_ms, drawn) for at, drawn in noted]


def glass_to_glass_ms(seen: Sequence[Frame]) -> list[float]:
    """From drawing to presenting, for each frame whose code could be read."""
    return [frame.at - frame.drawn for frame in seen if frame.drawn is not None]


def out_of_order(seen: Sequence[Frame]) -> int:
    """How many frames show an earlier moment than one before them."""
    drawn = [frame.drawn for frame in seen if frame.drawn is not None]
    return sum(1 for before, after in itertools.pairwise(drawn) if after < before)


def frozen_ms(seen: Sequence[Frame], begins: float, ends: float) -> float:
    """How long the picture stood still between two moments, counting gaps longer than GAP_MS, whole."""
    moments = [begins, *(frame.at for frame in seen if begins < frame.at < ends), ends]
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    return sum(gap for gap in gaps if gap > GAP_MS)


def recovery_ms(seen: Sequence[Frame], ends: float) -> float | None:
    """From the end of a disturbance until a frame after which no gap follows for CALM_MS; None if there is none."""
    moments = [frame.at for frame in seen if frame.at >= ends]
    for start, moment in enumerate(moments):
        calm = [at for at in moments[start:] if at <= moment + CALM_MS]
        if moments[-1] < moment + CALM_MS:
            return None
        if all(after - before <= GAP_MS for before, after in itertools.pairwise(calm)):
            return moment - ends
    return None
