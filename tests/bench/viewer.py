"""The person who is rung: the real page in a real browser, and when it presented which frame."""

import random
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from tests.bench.house import NEW, PERSON, STANDING, Door, House
from tests.harness.processes import SCALE, wait_until

HARNESS = Path(__file__).parents[1] / "harness"
ROUND_TRIPS = 50
FRAME_WITHIN_MS = 15_000


@dataclass(frozen=True, slots=True)
class Offset:
    """What to take from the page's clock to get ours (milliseconds), give or take half of `round_trip_ms`."""

    offset_ms: float
    round_trip_ms: float

    def as_json(self) -> dict[str, float]:
        return {"offset_ms": round(self.offset_ms, 3), "round_trip_ms": round(self.round_trip_ms, 3)}


@dataclass(frozen=True, slots=True)
class Glimpse:
    """How long one press took until its frame was presented, and what of that had passed when it was drawn."""

    total_ms: float
    drawn_ms: float
    received_ms: float | None


class Viewer:
    """One page, invited and linked as far as the devices want it."""

    def __init__(self, context: BrowserContext, house: House) -> None:
        self.page: Page = context.new_page()
        self.page.set_viewport_size({"width": 1280, "height": 1600})
        self.page.set_default_timeout(15_000 * SCALE)
        self.page.add_init_script(
            f"(() => {{\n{_script(HARNESS / 'timecode.js')}\n{_script(Path(__file__).parent / 'probe.js')}\n}})();"
        )
        self.page.goto(house.site.invitation(PERSON))
        self.page.click("#confirm-invitation")
        wait_until("the standing link", lambda: house.doors[STANDING].control.links_up() == 1, 30)
        for name in (STANDING, NEW):
            self.page.wait_for_selector(f"#door-{name}")

    def clock(self) -> Offset:
        """Compare both clocks; the quickest of many questions counts."""
        best: Offset | None = None
        for _ in range(ROUND_TRIPS):
            asked = time.time() * 1000
            told = float(self.page.evaluate("() => window.bench.now()"))
            heard = time.time() * 1000
            if best is None or heard - asked < best.round_trip_ms:
                best = Offset(told - (asked + heard) / 2, heard - asked)
        if best is None:
            raise RuntimeError("the page was never asked for its time")
        return best

    def press_to_frame(self, door: Door, offset: Offset) -> Glimpse:
        """Press, wait for the picture, decline, and wait until all is quiet again."""
        self._wait_for_quiet(door)
        # Not in step with the browser's own rhythm.
        self.page.wait_for_timeout(800 + random.random() * 400)
        self.page.evaluate("(device) => window.bench.arm(device)", door.name)
        pressed = door.press() * 1000
        shown = "(pressed) => window.bench.frames.some((frame) => frame.drawn !== null && frame.drawn >= pressed)"
        # A drawn time is cut to whole milliseconds, so a frame drawn within the press's own is not before it.
        self.page.wait_for_function(shown, arg=int(pressed), polling=20, timeout=FRAME_WITHIN_MS * SCALE)
        frames = self.page.evaluate("() => window.bench.disarm()")
        first = next(frame for frame in frames if frame["drawn"] is not None and frame["drawn"] >= int(pressed))
        self.page.click(f"#decline-{door.name}")
        received = first["received"]
        return Glimpse(
            first["at"] - offset.offset_ms - pressed,
            first["drawn"] - pressed,
            None if received is None else received - offset.offset_ms - pressed,
        )

    def answer(self, door: Door) -> None:
        """Press, answer, and see the talk begin."""
        self._wait_for_quiet(door)
        door.press()
        self.page.click(f"#answer-{door.name}")
        self.page.wait_for_selector(f'#door-{door.name}[data-phase="talking"]')

    def hang_up(self, door: Door) -> None:
        self.page.click(f"#hang-up-{door.name}")
        self._wait_for_quiet(door)

    def _wait_for_quiet(self, door: Door) -> None:
        links = 1 if door.name == STANDING else 0
        wait_until(f"{door.name}: {links} links", lambda: door.control.links_up() == links, 15)
        if links:
            self.page.wait_for_selector(f'#door-{door.name}[data-phase="idle"]')


def _script(path: Path) -> str:
    return path.read_text(encoding="utf-8")
