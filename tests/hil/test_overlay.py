"""A card that nobody writes to, as docs/install.md sets it up: what has to stay is on a partition of its own."""

import pytest

from tests.hil.document import INSTALL, NEVER_WRITTEN, blocks
from tests.hil.journal import Journal
from tests.hil.rig import IDENTITY, STATE, Rig
from tests.hil.steps import check_row, cut_power_and_boot, ring_in_vain

FORGOTTEN = "/etc/forgotten"


@pytest.mark.long
@pytest.mark.needs("overlay")
def test_a_card_that_is_never_written_forgets_nothing_of_the_door(rig: Rig, journal: Journal) -> None:
    stick = rig.plug_stick()
    (block,) = (block for block in blocks(INSTALL.read_text(encoding="utf-8")) if block.section == NEVER_WRITTEN)
    bundle = rig.pi.sh(f"cat {IDENTITY}/bundle.json")
    journal.mark()
    rig.pi.sh(block.text.replace("/dev/sda1", stick), 240)
    journal.wait_for("armed", 240)
    rig.put_under_overlay()
    cut_power_and_boot(rig, journal)
    assert _kind_of(rig, "/") == "overlay"
    ring_in_vain(rig, journal)
    assert check_row(rig, "storage").startswith("ok")
    rig.pi.sh(f"touch {FORGOTTEN}; until [ -s {STATE}/calls.jsonl ]; do sleep 0.2; done; sync")
    cut_power_and_boot(rig, journal)
    assert rig.pi.run("test", "-e", FORGOTTEN, may_fail=True).code == 1, "the card was not written"
    assert len(rig.pi.sh(f"cat {STATE}/calls.jsonl").splitlines()) == 1
    assert rig.pi.sh(f"cat {IDENTITY}/bundle.json") == bundle


@pytest.mark.long
@pytest.mark.needs("overlay")
def test_an_overlay_without_a_partition_is_told_of_and_the_button_answers(rig: Rig, journal: Journal) -> None:
    rig.put_under_overlay()
    cut_power_and_boot(rig, journal)
    assert _kind_of(rig, STATE) == "overlay"
    ring_in_vain(rig, journal)
    said = check_row(rig, "storage")
    assert said.startswith("FAIL")
    assert "overlay" in said


def _kind_of(rig: Rig, path: str) -> str:
    return rig.pi.sh(f"findmnt -n -o FSTYPE -T {path}").strip()
