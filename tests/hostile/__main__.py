"""`python -m tests.hostile`: every attack against the real daemon and the real page; build/reports/hostile.json.

Exit code 1 if an attack got through, if a control did not (then the detectors are blind), or if there were too few.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.bench.figures import Figure, machine
from tests.harness import chromium, namespaces, pulse
from tests.hostile.attacks import ATTACKS
from tests.hostile.campaign import campaign
from tests.hostile.controls import CONTROLS
from tests.hostile.den import Den, den
from tests.hostile.trial import Result, trial

REPORT = Path("build/reports/hostile.json")
FEWEST = 40
WITHIN_S = 600.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only attacks whose name contains one of these")
    words = parser.parse_args().words
    attacks = [attack for attack in ATTACKS if not words or any(word in attack.name for word in words)]
    for lacking in (namespaces.missing(), pulse.missing(), chromium.missing()):
        if lacking:
            print(f"hostile: cannot attack here: {lacking}", file=sys.stderr)
            return 1
    results: list[Result] = []
    with (
        tempfile.TemporaryDirectory(prefix="doorward-hostile-", ignore_cleanup_errors=True) as folder,
        namespaces.network() as net,
        pulse.pulse_door() as sound,
        den(Path(folder), net, sound) as home,
    ):
        about = machine(home.people.version)
        blind = look_around(home)
        home.below.run(campaign(home, attacks, lambda result: _heard(results, result)), WITHIN_S)
    print(table(results))
    succeeded = sum(result.succeeded for result in results)
    if not words:
        write_report(about, len(results), succeeded)
    for line in blind:
        print(line)
    enough = bool(words) or len(results) >= FEWEST
    return 0 if enough and not succeeded and not blind else 1


def look_around(home: Den) -> list[str]:
    """Whether the detectors see what they are there for; a line for each that does not."""
    blind = []
    for control in CONTROLS:
        result = home.below.run(trial(home, control.attack))
        if unseen := control.seen(result):
            blind.append(f"the detectors are blind: {control.name}: expected {unseen}, saw {result}")
        print(f"{'blind' if unseen else 'seen':11} {control.name}", flush=True)
    return blind


def table(results: list[Result]) -> str:
    """Attack × result, by name of what was attacked."""
    lines = [f"{'attack':32} {'on':7} {'s':>5}  {'result':68} what was tried"]
    for result in sorted(results, key=lambda one: one.attack.target):
        attack = result.attack
        lines.append(f"{attack.name:32} {attack.target:7} {result.seconds:5.1f}  {result!s:68} {attack.tries}")
    succeeded = sum(result.succeeded for result in results)
    return "\n".join([*lines, "", f"{len(results)} attacks, {succeeded} succeeded"])


def write_report(about: dict[str, object], attacks: int, succeeded: int) -> None:
    """The report in the form of the bench's."""
    figures = {
        "attacks": Figure(attacks, "attacks", (attacks, attacks), attacks),
        "attacks_succeeded": Figure(succeeded, "attacks", (succeeded, succeeded), attacks),
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    counted = {name: {**figure.as_json(), "spread": 0} for name, figure in figures.items()}
    report = {"target": "hostile", "machine": about, "figures": counted}
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\n{REPORT}")


def _heard(results: list[Result], result: Result) -> None:
    results.append(result)
    print(f"{'GOT THROUGH' if result.succeeded else 'refused':11} {result.attack.name}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
