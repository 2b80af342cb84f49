"""`make soak`: a day on the wall, and whether the page is as large at its end; build/reports/soak.json."""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.bench.figures import Figure, machine, median_of
from tests.bench.soak.day import Day
from tests.browser.page.stand import CHROMIUM_ARGS, Server, certificate
from tests.harness.chromium import executable

REPORT = Path("build/reports/soak.json")

STEADY_HOURS = 3
"""Until then the browser still compiles what the page runs often, which is memory as well."""

JUDGED_HOURS = 12
"""In fewer, the hours' own ups and downs of some 2 kB hide what they leave."""

MOST_PER_HOUR = 1_000
"""Bytes more that the page may hold after each hour: less than a promise and a function (48) for each visit."""

MOST_NODES = 50
MOST_LISTENERS = 60
"""More than at the first hour: the media that is no longer used is collected at the browser's leisure."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    arguments = parser.parse_args()
    if executable() is None:
        print("soak: cannot measure here: chromium is not installed", file=sys.stderr)
        return 1
    began = time.monotonic()
    sizes: list[dict[str, int]] = []
    with tempfile.TemporaryDirectory(prefix="doorward-soak-") as folder, sync_playwright() as playwright:
        server = Server(certificate(Path(folder)))
        browser = playwright.chromium.launch(executable_path=executable(), args=CHROMIUM_ARGS, headless=True)
        try:
            day = Day(browser, server)
            for hour in range(1, arguments.hours + 1):
                sizes.append(day.hour())
                print(f"hour {hour}: {sizes[-1]}, {day.rings} visits, {time.monotonic() - began:.0f} s", flush=True)
            about = machine(browser.version)
        finally:
            browser.close()
            server.close()
    counts = {"hours": arguments.hours, "visits": day.rings, "links": day.links, "logins": day.logins}
    figures = figures_of(sizes) | {f"{name}_n": Figure(n, "1", (n, n), 1) for name, n in counts.items()}
    report = {"target": "soak", "machine": about, "figures": {name: one.as_json() for name, one in figures.items()}}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for name, one in figures.items():
        print(f"{name:28} {one.value:>12} {one.unit:10} {one.spread[0]} … {one.spread[1]} (n = {one.n})")
    print(f"\n{REPORT}")
    if arguments.hours < JUDGED_HOURS:
        print(f"soak: not judged: fewer than {JUDGED_HOURS} hours")
        return 0
    wrong = judged(figures)
    for complaint in wrong:
        print(f"soak: not flat: {complaint}", file=sys.stderr)
    return 1 if wrong else 0


def figures_of(sizes: Sequence[dict[str, int]]) -> dict[str, Figure]:
    """The page after the first hour and after the last, and how fast it grows."""
    first, last = sizes[0], sizes[-1]
    named = {"heap": "B", "held": "B", "nodes": "1", "listeners": "1"}
    figures = {
        f"{name}_{when}": Figure(size[name], unit, (size[name], size[name]), 1)
        for name, unit in named.items()
        for when, size in (("first_hour", first), ("last_hour", last))
    }
    return figures | {f"{name}_growth_per_hour": growth([size[name] for size in sizes]) for name in ("heap", "held")}


def growth(sizes: Sequence[int]) -> Figure:
    """The median slope of all pairs of hours (Theil and Sen) once the page is steady: no single hour moves it."""
    steady = sizes[min(STEADY_HOURS, len(sizes) - 2) :]
    slopes = [(steady[j] - steady[i]) / (j - i) for i, j in itertools.combinations(range(len(steady)), 2)]
    return median_of(slopes, "B")


def judged(figures: dict[str, Figure]) -> list[str]:
    """What is not flat, in words; nothing if all is."""
    wrong = []
    if (hourly := figures["held_growth_per_hour"].value) > MOST_PER_HOUR:
        wrong.append(f"what the page holds grows by {hourly:.0f} B an hour, more than {MOST_PER_HOUR}")
    for name, most in (("nodes", MOST_NODES), ("listeners", MOST_LISTENERS)):
        more = figures[f"{name}_last_hour"].value - figures[f"{name}_first_hour"].value
        if more > most:
            wrong.append(f"{more:.0f} more {name} than after the first hour, which is more than {most}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
