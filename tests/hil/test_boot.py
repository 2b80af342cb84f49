"""From no power to a door that answers, whatever the clock says."""

import json
import time

import pytest

from tests.hil import figures
from tests.hil.house import DEVICE, House
from tests.hil.journal import Journal
from tests.hil.rig import UNIT, Rig
from tests.hil.steps import ring_in_vain

YEAR_S = 365 * 86400


def test_cold_boot_to_armed(rig: Rig, journal: Journal) -> None:
    rig.cut_power()
    rig.restore_power()
    journal.wait_for("armed", 240)
    figures.note("cold_boot_to_armed_s", _armed_after_s(rig))
    journal.mark()
    ring_in_vain(rig, journal)


@pytest.mark.long
def test_a_clock_at_1970_does_not_silence_the_button(rig: Rig, journal: Journal) -> None:
    journal.restart(clock=86400)
    journal.wait_for("armed", 240)
    assert int(rig.pi.sh("date +%s")) > rig.site.rosters[DEVICE].issued, "it is raised to what is known"
    ring_in_vain(rig, journal)


@pytest.mark.long
def test_an_expired_certificate_is_said_and_the_button_answers(rig: Rig, home: House, journal: Journal) -> None:
    home.start_server()
    journal.restart(clock=time.time() + 3 * YEAR_S)
    assert "expired" in journal.wait_for("signaling-down", 120)["why"]
    ring_in_vain(rig, journal)
    checked = rig.pi.run("doorward-device", "check", may_fail=True, timeout=180)
    assert checked.code == 1
    assert "expired" in checked.text


def _armed_after_s(rig: Rig) -> float:
    """Since the kernel started, by its own clock."""
    for line in rig.pi.sh(f"journalctl -q -b -u {UNIT} -o json").splitlines():
        entry = json.loads(line)
        if '"armed"' in str(entry["MESSAGE"]):
            return int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
    raise AssertionError("the journal of this boot has no line that says armed")
