"""Runs the lanes one after the other and says at the end what was skipped, by name, and why.

A lane is a folder of tests. A lane named by --required that ran nothing fails the run.
"""

import argparse
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

LANES = ("unit", "contract", "integration", "browser", "faults", "demo")
REPORTS = Path("build/reports")


@dataclass
class Outcome:
    """What one lane did; `skipped` maps a reason to how many tests gave it."""

    lane: str
    passed: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    code: int = 0


def run_lane(lane: str) -> Outcome:
    folder = Path("tests") / lane
    outcome = Outcome(lane)
    if not any(folder.rglob("test_*.py")):
        outcome.skipped["there are no tests in it"] += 1
        return outcome
    report = REPORTS / f"junit-{lane}.xml"
    report.unlink(missing_ok=True)
    print(f"\n=== {lane} ===", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", str(folder), f"--junitxml={report}"]
    outcome.code = subprocess.run(command, check=False).returncode
    if not report.exists():
        outcome.failed += 1
        return outcome
    for case in ET.parse(report).getroot().iter("testcase"):
        skipped = case.find("skipped")
        if skipped is not None:
            outcome.skipped[skipped.get("message") or "no reason given"] += 1
        elif case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
        else:
            outcome.passed += 1
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--required", default="", help="lanes that must have run something")
    parser.add_argument("lanes", nargs="*", default=list(LANES))
    arguments = parser.parse_args()
    REPORTS.mkdir(parents=True, exist_ok=True)
    outcomes = [run_lane(lane) for lane in arguments.lanes or LANES]

    print("\n=== summary ===")
    bad = False
    for outcome in outcomes:
        skipped = sum(outcome.skipped.values())
        print(f"{outcome.lane:12} {outcome.passed} passed, {outcome.failed} failed, {skipped} skipped")
        for reason, count in outcome.skipped.items():
            print(f"{'':12} skipped {count}: {reason}")
        empty = outcome.passed + outcome.failed == 0
        if outcome.lane in arguments.required.split() and empty:
            print(f"{'':12} FAILED: this lane is required here and ran nothing")
        bad = bad or outcome.failed > 0 or outcome.code not in (0, 5)
        bad = bad or (empty and outcome.lane in arguments.required.split())
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    print(f"\n{passed} passed, {failed} failed, {sum(sum(o.skipped.values()) for o in outcomes)} skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
