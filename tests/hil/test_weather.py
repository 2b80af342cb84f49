"""What a house does to a door station: its button answers with light and sound, and afterwards everything is well."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.ears import standing_out
from tests.hil.house import House
from tests.hil.journal import Journal
from tests.hil.rig import STATE, Rig
from tests.hil.steps import ring_in_vain

NOBODY_HZ = 1400
"""Is in the tones that say that nobody was reached."""

FULL = f"""
mount -t tmpfs -o size=256k,mode=0700,uid=$(id -u doorward),gid=$(id -g doorward) tmpfs {STATE}
dd if=/dev/zero of={STATE}/ballast bs=4k status=none || true
"""


def _answers_alone(rig: Rig, journal: Journal) -> None:
    """The journal, the lamp and the loudspeaker say that nobody is reached."""
    journal.mark()
    with ThreadPoolExecutor(1) as ears:
        heard = ears.submit(rig.listen, 12)
        ring_in_vain(rig, journal)
        assert len(rig.lamp_changes(4, 10)) == 4
        assert standing_out(heard.result(), NOBODY_HZ) > 20


def _starts_anew(journal: Journal) -> None:
    journal.restart()
    journal.wait_for("signaling-down", 240)


def _rings(rig: Rig, home: House) -> None:
    (alice,) = home.people
    rig.press("flat-1")
    rig.release("flat-1")
    alice.wait_for_phase("ringing", 60)
    alice.wait_for_picture(1)


@pytest.mark.long
@pytest.mark.needs("unplugged")
def test_a_network_that_comes_an_hour_late_is_taken_up(rig: Rig, home: House, journal: Journal) -> None:
    rig.cut_power()
    rig.network(plugged=False)
    rig.restore_power()
    journal.rewind()
    journal.wait_for("signaling-down", 240)
    _answers_alone(rig, journal)
    home.start_server()
    rig.network(plugged=True)
    journal.wait_for("signaling-up", 120)
    home.invite("alice")
    journal.wait_for("link-up", 120)
    _rings(rig, home)


@pytest.mark.long
@pytest.mark.needs("renumbered")
def test_another_address_is_taken_up(rig: Rig, home: House, journal: Journal) -> None:
    home.start_server()
    journal.wait_for("ready", 120)
    home.invite("alice")
    journal.wait_for("link-up", 120)
    journal.mark()
    rig.renumber()
    journal.wait_for("signaling-up", 120)
    journal.wait_for("link-up", 120)
    _rings(rig, home)


@pytest.mark.long
def test_a_full_card_keeps_nobody_from_an_answer(rig: Rig, journal: Journal) -> None:
    rig.pi.sh(FULL)
    _starts_anew(journal)
    _answers_alone(rig, journal)
    assert "storage" in _faults(rig)
    rig.pi.sh(f"rm {STATE}/ballast")
    _answers_alone(rig, journal)
    assert "storage" not in _faults(rig)


@pytest.mark.long
def test_a_card_that_can_only_be_read_keeps_nobody_from_an_answer(rig: Rig, journal: Journal) -> None:
    """As the kernel leaves it that finds its file system spoilt; an overlay on it can be written."""
    rig.pi.sh("echo u > /proc/sysrq-trigger; until grep ' / .* ro,' /proc/mounts; do sleep 1; done")
    _starts_anew(journal)
    _answers_alone(rig, journal)
    assert "storage" in _faults(rig)


def _faults(rig: Rig) -> str:
    (line,) = [line for line in rig.pi.sh("doorward-device status").splitlines() if line.startswith("faults")]
    return line
