"""What hands and weather do to buttons, on a door that reaches nobody: it answers with light and in the journal."""

import pytest

from tests.hil.journal import Journal
from tests.hil.rig import Rig

# Contacts as an oscilloscope shows them: (microseconds, closed). Closing and opening bounce for up to 15 ms.
CLOSING = [(0, True), (300, False), (900, True), (1_700, False), (4_000, True), (9_000, False), (11_000, True)]
OPENING = [(180_000, False), (180_600, True), (182_000, False), (188_000, True), (193_000, False)]
BOUNCES = {
    "clean": [(0, True), (120_000, False)],
    "worn": [*CLOSING, *OPENING],
    "wet": [(at * 700, at % 2 == 0) for at in range(21)] + [(150_000 + at * 900, at % 2 == 1) for at in range(14)],
    "brief": [(0, True), (8_000, False)],
}

LATE_US = 30_000
"""An edge that comes this late makes another pattern: one that a finger could have made."""


@pytest.mark.parametrize(
    "pattern", [pytest.param(name, marks=() if name == "worn" else pytest.mark.long) for name in BOUNCES]
)
def test_a_bouncing_contact_is_one_press(rig: Rig, journal: Journal, pattern: str) -> None:
    for _ in range(rig.patience):
        late_us = rig.bounce("flat-1", BOUNCES[pattern])
        journal.wait_for("nobody-reached")
        assert len(rig.lamp_changes(4, 10)) == 4, "the lamp says that nobody was reached"
        rig.bounce("flat-2", BOUNCES["clean"])
        journal.wait_for("nobody-reached", count=2)
        heard = [line["button"] for line in journal.lines("nobody-reached")]
        if heard == ["flat-1", "flat-2"]:
            return
        assert late_us > LATE_US, f"the contact of flat-1 is heard as {heard}"
        rig.fresh()
        journal.rewind()
    pytest.skip(f"no pattern was replayed in time: the last one's edges were {late_us} µs late at most")


@pytest.mark.long
def test_a_stuck_button_is_reported_once_and_the_other_still_rings(rig: Rig, journal: Journal) -> None:
    rig.press("flat-1")
    journal.wait_for("nobody-reached")
    assert journal.wait_for("button-stuck", 60)["button"] == "flat-1"
    rig.press("flat-2")
    rig.release("flat-2")
    assert journal.wait_for("nobody-reached", count=2)["button"] == "flat-2"
    rig.release("flat-1")
    assert journal.wait_for("button-free")["button"] == "flat-1", "before, a press would be bounce"
    rig.press("flat-1")
    rig.release("flat-1")
    assert journal.wait_for("nobody-reached", count=3)["button"] == "flat-1"
    assert len(journal.lines("button-stuck")) == 1


def test_two_buttons_at_once_are_two_presses(rig: Rig, journal: Journal) -> None:
    rig.press("flat-1")
    rig.press("flat-2")
    journal.wait_for("nobody-reached", count=2)
    assert {line["button"] for line in journal.lines("nobody-reached")} == {"flat-1", "flat-2"}
    rig.release("flat-1")
    rig.release("flat-2")
