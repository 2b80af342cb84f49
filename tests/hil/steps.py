"""What many scenarios do at a door that reaches nobody."""

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
