"""How a door station comes to its identity and to newer firmware, and back."""

from pathlib import Path

import pytest

from tests.harness.world import DEVICE
from tests.hil.journal import Journal
from tests.hil.operator import Operator
from tests.hil.rig import IDENTITY, STATE, UNIT, Rig
from tests.hil.steps import ring_in_vain
from tests.hil.virtual.wire import HERE

CARD = "/boot/firmware/doorward"
FIRST_BOOT = "doorward-first-boot.service"


@pytest.mark.long
def test_first_boot_from_a_bundle(rig: Rig, journal: Journal, tmp_path: Path) -> None:
    """docs/provisioning.md, on the SD card: the card takes two trips, and the key stays at the door."""
    operator = Operator(tmp_path / "operator", rig.at_home)
    operator.sh(f"doorward-provision site init home --host {HERE}", within=120)
    rig.pi.sh(f"systemctl stop doorward-device.path {UNIT}; rm -rf {IDENTITY}/* {STATE}/*", 120)
    rig.pi.write(f"{CARD}/device", DEVICE.encode())
    rig.pi.run("systemctl", "start", FIRST_BOOT, timeout=200)
    request = rig.pi.sh(f"cat {CARD}/request.csr").encode()
    bundle = operator.sh(f"doorward-provision device sign {DEVICE}", given=request)
    rig.pi.write(f"{CARD}/bundle.json", bundle)
    rig.pi.write(f"{CARD}/pins", operator.sh("doorward-provision ca pins"))
    journal.mark()
    rig.pi.run("systemctl", "start", "doorward-device.path", timeout=60)
    rig.pi.run("systemctl", "start", FIRST_BOOT, timeout=200)
    journal.wait_for("armed", 200)
    assert rig.pi.sh(f"ls {CARD}") == "", "what was taken in is gone from the card"
    assert rig.pi.sh(f"cat {IDENTITY}/bundle.json").encode().strip() == bundle.strip()
    ring_in_vain(rig, journal)


@pytest.mark.long
@pytest.mark.needs("rollback")
def test_upgrade_and_rollback_keep_identity_and_configuration(rig: Rig, journal: Journal) -> None:
    mine = f"sha256sum /etc/doorward/device.toml {IDENTITY}/*"
    before, running = rig.pi.sh(mine), _version(rig)
    rig.upgrade()
    journal.wait_for("armed", 300)
    assert _version(rig) != running
    assert rig.pi.sh(mine) == before
    ring_in_vain(rig, journal)
    journal.mark()
    rig.pi.run("doorward-device", "rollback", timeout=200)
    journal.wait_for("armed", 200)
    assert _version(rig) == running
    assert rig.pi.sh(mine) == before
    ring_in_vain(rig, journal)


def _version(rig: Rig) -> str:
    return rig.pi.sh("doorward-device --version")
