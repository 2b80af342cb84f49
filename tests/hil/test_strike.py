"""The strike's line: as long as asked, and low again whatever becomes of the daemon."""

import pytest

from tests.harness.person import Person
from tests.hil import figures
from tests.hil.house import House
from tests.hil.journal import Journal
from tests.hil.rig import UNIT, Rig


def _looking_in(rig: Rig, home: House, journal: Journal) -> None:
    """From where a door is opened as from a call; without the sound of one, which keeps an emulated processor busy."""
    home.start_server()
    journal.wait_for("ready", 120)
    alice = home.invite("alice")
    journal.wait_for("link-up", 120)
    _look_in(alice)


def _look_in(alice: Person) -> None:
    """If she does not. A link is lost and made anew where a machine stands still for ten seconds."""
    if alice.phase() != "viewing":
        alice.wait_for_phase("idle", 60)
        alice.click("look-in")
        alice.wait_for_phase("viewing", 60)


@pytest.mark.long
def test_thirty_pulses_have_the_width_that_was_configured(rig: Rig, home: House, journal: Journal) -> None:
    _looking_in(rig, home, journal)
    (alice,) = home.people
    for number in range(figures.PULSES):
        _look_in(alice)
        pulse = rig.pulse(120)
        alice.open_door()
        figures.note("strike_pulse_error_ms", (pulse().width_s - rig.open_s) * 1000)
        journal.wait_for("door-opened", count=number + 1)
    assert not rig.is_high("strike")


@pytest.mark.parametrize("number", ["KILL", pytest.param("STOP", marks=pytest.mark.long)])
def test_a_daemon_that_ends_or_freezes_in_a_pulse_leaves_no_open_door(
    rig: Rig, home: House, journal: Journal, number: str
) -> None:
    _looking_in(rig, home, journal)
    (alice,) = home.people
    main = rig.pi.sh(f"systemctl show -P MainPID {UNIT}").strip()
    ended = rig.during_pulse("kill", "-s", number, main)
    pulse = rig.pulse(400)
    journal.mark()
    alice.open_door()
    assert ended() == 0
    figures.note(f"pulse_width_after_{number.lower()}_s", pulse().width_s)
    journal.wait_for("armed", 240)
    assert not rig.is_high("strike")


@pytest.mark.needs("panic")
def test_a_dead_kernel_leaves_no_open_door(rig: Rig, home: House, journal: Journal) -> None:
    _looking_in(rig, home, journal)
    (alice,) = home.people
    rig.during_pulse("sh", "-c", "echo c > /proc/sysrq-trigger")
    pulse = rig.pulse(400)
    alice.open_door()
    figures.note("pulse_width_after_panic_s", pulse().width_s)


@pytest.mark.needs("power-during-pulse")
def test_a_power_cut_in_a_pulse_leaves_no_open_door(rig: Rig, home: House, journal: Journal) -> None:
    _looking_in(rig, home, journal)
    (alice,) = home.people
    pulse = rig.pulse(400)
    alice.open_door()
    journal.wait_for("door-opened")
    rig.cut_power()
    figures.note("pulse_width_after_power_cut_s", pulse().width_s)
    rig.restore_power()
