"""`make hil`: the scenarios on one rig, and build/reports/hil.json."""

import argparse
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.bench.figures import Figure, machine
from tests.hil import figures

REPORT = Path("build/reports/hil.json")
JUNIT = Path("build/reports/junit-hil.xml")


PATIENCE = {"DOORWARD_TEST_TIMEOUT_SCALE": "6"}
"""An emulated door takes its time; no deadline of a test is a judgement on it."""


def _env(rig: str) -> dict[str, str]:
    patience = PATIENCE if rig == "virtual" else {}
    return {**patience, **os.environ, "DOORWARD_RIG": rig}


def report_of(rig: str, cases: list[ET.Element]) -> dict[str, object]:
    """In the form of the bench's; and by name what was skipped and why, what failed, and what each scenario took."""
    skipped = {str(case.get("name")): str(why.get("message")) for case in cases for why in case.iter("skipped")}
    failed = [str(case.get("name")) for case in cases if list(case.iter("failure")) or list(case.iter("error"))]
    counts = {
        "scenarios": len(cases),
        "passed": len(cases) - len(skipped) - len(failed),
        "failed": len(failed),
        "skipped": len(skipped),
    }
    measured = {name: Figure(count, "scenarios", (count, count), 1) for name, count in counts.items()}
    return {
        "target": "hil",
        "machine": {**machine(), "rig": rig},
        "figures": {name: figure.as_json() for name, figure in {**measured, **figures.summary()}.items()},
        "failed": failed,
        "skipped": skipped,
        "took_s": {str(case.get("name")): round(float(case.get("time", 0)), 1) for case in cases},
        **figures.told(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", default="virtual", help="`virtual`, or the description file of a bench: hw/rig/")
    parser.add_argument("--only", default="", help="scenarios whose name has these words, as pytest's -k")
    arguments = parser.parse_args()
    for old in (figures.FIGURES, figures.TEXTS, JUNIT, REPORT):
        old.unlink(missing_ok=True)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "tests/hil", f"--junitxml={JUNIT}"]
    command += ["-k", arguments.only] if arguments.only else []
    code = subprocess.run(command, env=_env(arguments.rig), check=False).returncode
    report = report_of(arguments.rig, list(ET.parse(JUNIT).getroot().iter("testcase")) if JUNIT.exists() else [])
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    print(f"{REPORT}:\n{json.dumps(report, indent=2)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
