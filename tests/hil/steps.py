"""What many scenarios do at a door."""

from tests.hil.journal import Journal
from tests.hil.rig import Rig


def ring_in_vain(rig: Rig, journal: Journal) -> None:
    """The button answers, if only to say that nobody is reached."""
    rig.press("flat-1")
    rig.release("flat-1")
    journal.wait_for("nobody-reached")


def cut_power_and_boot(rig: Rig, journal: Journal) -> None:
    """What is logged since the power came back counts from its beginning."""
    rig.cut_power()
    rig.restore_power()
    journal.rewind()
    journal.wait_for("armed", 240)


def check_row(rig: Rig, what: str, *options: str) -> str:
    """What `doorward-device check` says of one thing, its verdict first; whether all is well is not asked."""
    said = rig.pi.run("doorward-device", "check", *options, may_fail=True, timeout=240).text
    (row,) = [line for line in said.splitlines() if line.split()[1:2] == [what]]
    return row
