"""Runs the lanes one after the other and says at the end what was skipped, by name, and why.

A lane is a folder of tests. A lane named by --required that ran nothing fails the run.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LANES = ("unit", "contract", "integration", "browser", "faults", "packages", "runbook", "hostile", "demo", "hil")

SHORT = {"DOORWARD_HIL": "short"}
"""The lane leaves out the scenarios that are marked long; `make hil` takes all of them."""

PATIENT = {"hil": {"DOORWARD_TEST_TIMEOUT_SCALE": "6"}}
"""An emulated door takes its time."""

REPORTS = Path("build/reports")
AHEAD = {"hil": ("tests.hil.virtual", "image")}
"""Of a lane what takes minutes, begun with the first lane: both have one processor's worth of work. What has a clock in
it, as the emulated Pi's boot, is left to the lane itself.
"""


@dataclass
class Outcome:
    """What one lane did; `skipped` maps a reason to the names of the tests that gave it."""

    lane: str
    passed: int = 0
    failed: int = 0
    skipped: dict[str, list[str]] = field(default_factory=dict)
    code: int = 0

    @property
    def ran(self) -> int:
        return self.passed + self.failed

    def verdict(self, required: Sequence[str]) -> str | None:
        """Why the lane failed; None if it did not. Exit code 5 of pytest is "no tests ran"."""
        if self.failed or self.code not in (0, 5):
            return "see above"
        return "this lane is required here and ran nothing" if self.lane in required and not self.ran else None


@dataclass(frozen=True, slots=True)
class Begun:
    """What was begun ahead of its lane, and where it says what it does."""

    process: subprocess.Popen[bytes]
    log: Path


def run_lane(lane: str) -> Outcome:
    folder = Path("tests") / lane
    outcome = Outcome(lane)
    if not any(folder.rglob("test_*.py")):
        outcome.skipped["there are no tests in it"] = [lane]
        return outcome
    report = REPORTS / f"junit-{lane}.xml"
    report.unlink(missing_ok=True)
    print(f"\n=== {lane} ===", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", str(folder), f"--junitxml={report}"]
    outcome.code = subprocess.run(command, env={**PATIENT.get(lane, {}), **os.environ, **SHORT}, check=False).returncode
    if not report.exists():
        outcome.failed += 1
        return outcome
    for case in ET.parse(report).getroot().iter("testcase"):
        skipped = case.find("skipped")
        if skipped is not None:
            reason = skipped.get("message") or "no reason given"
            outcome.skipped.setdefault(reason, []).append(case.get("name") or case.get("classname") or lane)
        elif case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
        else:
            outcome.passed += 1
    return outcome


@contextlib.contextmanager
def begun(lanes: Sequence[str]) -> Iterator[dict[str, Begun]]:
    """What the lanes need of `AHEAD`, on its way; ended if it is not waited for."""
    under_way = {}
    for lane in lanes:
        if lane in AHEAD and lane != lanes[0]:
            log = REPORTS / f"ahead-{lane}.log"
            with log.open("wb") as file:
                command = ["nice", "-n", "19", sys.executable, "-m", *AHEAD[lane]]
                process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
                under_way[lane] = Begun(process, log)
    try:
        yield under_way
    finally:
        for one in under_way.values():
            if one.process.poll() is None:
                os.killpg(one.process.pid, signal.SIGTERM)
                one.process.wait()


def summary(outcomes: Sequence[Outcome], required: Sequence[str]) -> str:
    """One line a lane, every skipped test by name with its reason, and the sum last."""
    lines = ["", "=== summary ==="]
    for outcome in outcomes:
        skipped = sum(len(names) for names in outcome.skipped.values())
        lines.append(f"{outcome.lane:12} {outcome.passed} passed, {outcome.failed} failed, {skipped} skipped")
        for reason, names in outcome.skipped.items():
            lines += [f"{'':12} skipped: {name}: {reason}" for name in names]
        if verdict := outcome.verdict(required):
            lines.append(f"{'':12} FAILED: {verdict}")
    passed, failed = (sum(getattr(outcome, what) for outcome in outcomes) for what in ("passed", "failed"))
    skipped = sum(len(names) for outcome in outcomes for names in outcome.skipped.values())
    return "\n".join([*lines, "", f"{passed} passed, {failed} failed, {skipped} skipped"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--required", default="", help="lanes that must have run something, separated by spaces")
    parser.add_argument("lanes", nargs="*", default=list(LANES), help=", ".join(LANES))
    arguments = parser.parse_args()
    required = arguments.required.split()
    REPORTS.mkdir(parents=True, exist_ok=True)
    outcomes = []
    with begun(arguments.lanes) as under_way:
        for lane in arguments.lanes:
            if lane in under_way and under_way[lane].process.wait():
                print(f"{lane}: not made ahead:\n{under_way[lane].log.read_text(errors='replace')[-4000:]}")
            outcomes.append(run_lane(lane))
    print(summary(outcomes, required))
    return 1 if any(outcome.verdict(required) for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
