"""`python -m tests.bench`: measure the figures that README.md defines; build/reports/bench.json."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.bench.figures import Figure, cpu_s, machine, median_of, pss_mib
from tests.bench.house import NEW, STANDING, Door, House, house
from tests.bench.viewer import Glimpse, Viewer
from tests.harness import chromium, namespaces, pulse

REPORT = Path("build/reports/bench.json")
WARM_UPS = 3
PSS_AFTER_S = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presses", type=int, default=15, help="measured presses of each kind")
    parser.add_argument("--starts", type=int, default=5, help="measured starts of the daemon")
    parser.add_argument("--call-seconds", type=float, default=60.0, help="how long the measured call lasts")
    arguments = parser.parse_args()
    for lacking in (namespaces.missing(), pulse.missing(), chromium.missing()):
        if lacking:
            print(f"bench: cannot measure here: {lacking}", file=sys.stderr)
            return 1
    with (
        tempfile.TemporaryDirectory(prefix="doorward-bench-", ignore_cleanup_errors=True) as folder,
        namespaces.network() as net,
        pulse.pulse_door() as sound,
        house(Path(folder), net, sound) as home,
        sync_playwright() as playwright,
    ):
        figures = measure_starts(home.doors[STANDING], arguments.starts)
        home.doors[NEW].start()
        with chromium.chromium(playwright, home.site.ca_path, net.at_home()) as context:
            viewer = Viewer(context, home)
            standing = home.doors[STANDING]
            viewer.page.wait_for_timeout(2000)
            figures["rss_idle_mib"] = median_of([pss_mib(standing.pid)], "MiB")
            presses, clocks = measure_presses(viewer, home, arguments.presses)
            figures |= presses
            figures |= measure_call(viewer, standing, arguments.call_seconds)
            browser = context.browser
            about = machine(browser.version if browser else viewer.page.evaluate("() => navigator.userAgent"))
    report = {
        "target": "bench",
        "machine": about,
        "clocks": clocks,
        "figures": {name: figure.as_json() for name, figure in figures.items()},
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(table(figures))
    print(f"\n{REPORT}")
    return 0


def measure_starts(door: Door, count: int) -> dict[str, Figure]:
    """Start the daemon again and again (once unmeasured: files are read for the first time); it runs afterwards."""
    for _ in range(count + 1):
        door.stop()
        door.start()
        say(f"start: armed after {door.armed_ms[-1]:.0f} ms, ready after {door.ready_ms[-1]:.0f} ms")
    return {
        "start_to_armed_ms": median_of(door.armed_ms[1:], "ms", 0),
        "start_to_ready_ms": median_of(door.ready_ms[1:], "ms", 0),
    }


def measure_presses(viewer: Viewer, home: House, count: int) -> tuple[dict[str, Figure], dict[str, object]]:
    """A B A B: whatever else happens on the machine happens to both."""
    seen: dict[str, list[Glimpse]] = {STANDING: [], NEW: []}
    before = viewer.clock()
    for turn in range(WARM_UPS + count):
        for name, glimpses in seen.items():
            glimpse = viewer.press_to_frame(home.doors[name], before)
            received = "" if glimpse.received_ms is None else f", received {glimpse.received_ms:.1f}"
            kind = "warm-up" if turn < WARM_UPS else "press"
            say(f"{kind} {name}: {glimpse.total_ms:.1f} ms (drawn {glimpse.drawn_ms:.1f}{received})")
            if turn >= WARM_UPS:
                glimpses.append(glimpse)
    after = viewer.clock()
    totals = {name: [glimpse.total_ms for glimpse in glimpses] for name, glimpses in seen.items()}
    standing, new = (median_of(totals[name], "ms") for name in (STANDING, NEW))
    ratio = median_of([a / b for a, b in zip(totals[STANDING], totals[NEW], strict=True)], "1", 3)
    figures = {
        "press_to_frame_standing_ms": standing,
        "press_to_frame_new_ms": new,
        # The quotient of the medians; the spread is that of the pairs' quotients.
        "press_to_frame_ratio": Figure(round(standing.value / new.value, 3), "1", ratio.spread, ratio.n),
    }
    return figures, {"before": before.as_json(), "after": after.as_json()}


def measure_call(viewer: Viewer, door: Door, seconds: float) -> dict[str, Figure]:
    """One call: the memory 30 s into it, and the processor time of all of it."""
    viewer.answer(door)
    used = cpu_s(door.pid)
    middle = min(PSS_AFTER_S, seconds / 2)
    viewer.page.wait_for_timeout(middle * 1000)
    memory = pss_mib(door.pid)
    viewer.page.wait_for_timeout((seconds - middle) * 1000)
    used = cpu_s(door.pid) - used
    viewer.hang_up(door)
    return {
        "rss_call_mib": median_of([memory], "MiB"),
        "cpu_call_cores": median_of([used / seconds], "cores", 3),
    }


def table(figures: dict[str, Figure]) -> str:
    lines = [f"{'figure':28} {'value':>9}  {'unit':6} {'quartiles':>18} {'n':>4}"]
    for name, figure in figures.items():
        low, high = figure.spread
        lines.append(f"{name:28} {figure.value:>9g}  {figure.unit:6} {f'{low:g} … {high:g}':>18} {figure.n:>4}")
    return "\n".join(lines)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
