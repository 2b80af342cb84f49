"""The power goes while something is written: afterwards there is what was before, or what was to come, whole."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from protocol.keys import load_private_key
from provisioning.site import issue_site
from tests.harness.world import DEVICE
from tests.hil.house import House
from tests.hil.journal import Journal
from tests.hil.rig import IDENTITY, STATE, Rig
from tests.hil.steps import cut_power_and_boot, ring_in_vain

BUNDLE = f"{IDENTITY}/bundle.json"


def _writing(rig: Rig, folder: str, name: str) -> Callable[[], None]:
    """Watch a folder from now on; call what is returned to wait until a file of this pattern is being written there.

    The file is new under a name of its own until it is whole; that takes a moment, and may be over when it is seen.
    """
    rig.pi.run("rm", "-f", "/run/before")
    looks = f"[ -d {folder} ] || install -d -o doorward -g doorward -m 0700 {folder}; touch -r {folder} /run/before; "
    looks += f'until compgen -G "{folder}/.{name}.new" || [ {folder} -nt /run/before ]; do :; done'
    seen = rig.pi.later(looks, 300)
    rig.pi.sh("until [ -e /run/before ]; do sleep 0.2; done")  # it watches
    return seen


def _is_cut_and_comes_back(rig: Rig, journal: Journal) -> None:
    """And answers the button."""
    cut_power_and_boot(rig, journal)
    ring_in_vain(rig, journal)


@pytest.fixture
def renewed(rig: Rig, tmp_path: Path) -> tuple[bytes, bytes]:
    """The installed bundle, and one with a new certificate for the same key; the rig's site knows nothing of it."""
    later = replace(rig.site, folder=tmp_path / "later")
    shutil.copytree(rig.site.folder, later.folder)
    mine = later.identity(DEVICE)
    before = (mine / "bundle.json").read_bytes()
    key = load_private_key((mine / "key.pem").read_bytes())
    issue_site(later, later.plan, {DEVICE: key}, 2, datetime.now(UTC))
    after = (mine / "bundle.json").read_bytes()
    assert after != before
    return before, after


@pytest.mark.long
def test_a_power_cut_while_provisioning_leaves_one_identity(
    rig: Rig, journal: Journal, renewed: tuple[bytes, bytes]
) -> None:
    rig.pi.write("/root/bundle.json", renewed[1])
    seen = _writing(rig, IDENTITY, "bundle.json")
    rig.pi.sh("systemd-run -q -u installing sh -c 'doorward-device install < /root/bundle.json'")
    seen()
    _is_cut_and_comes_back(rig, journal)
    assert rig.pi.sh(f"cat {BUNDLE}").encode() in renewed


@pytest.mark.long
def test_a_power_cut_while_a_roster_is_kept_loses_none_that_was_confirmed(
    rig: Rig, home: House, journal: Journal
) -> None:
    server = home.start_server()
    journal.wait_for("ready", 120)
    server.wait_for("roster-accepted", 60)  # the one that it came with
    since = server.mark()
    home.publish(2)
    server.wait_for("roster-accepted", 60, since)
    seen = _writing(rig, STATE, "roster.jws")
    home.publish(3)
    seen()
    rig.cut_power()
    home.stop_server()  # so that it cannot say again which one is in force
    _is_cut_and_comes_back(rig, journal)
    found = re.search(r"^roster serial +(\d+)$", rig.pi.sh("doorward-device status"), re.MULTILINE)
    assert found
    assert found[1] in ("2", "3")


@pytest.mark.long
def test_a_power_cut_while_a_picture_is_kept_leaves_whole_ones(rig: Rig, journal: Journal) -> None:
    seen = _writing(rig, f"{STATE}/snapshots", "*.jpg")
    rig.press("flat-2")
    rig.release("flat-2")
    journal.wait_for("nobody-reached")
    seen()
    _is_cut_and_comes_back(rig, journal)
    look = f"for f in $(ls -A {STATE}/snapshots); do echo $f $(head -c 2 {STATE}/snapshots/$f | od -An -tx1)"
    for line in rig.pi.sh(f"{look} $(tail -c 2 {STATE}/snapshots/$f | od -An -tx1); done").splitlines():
        name, *marks = line.split()
        assert (name[-4:], marks) == (".jpg", ["ff", "d8", "ff", "d9"])
