"""`doorward-device check`, as docs/install.md has it done in front of the door."""

import pytest

from tests.hil import figures
from tests.hil.rig import UNIT, Rig
from tests.hil.steps import check_row


@pytest.mark.long
@pytest.mark.needs("aloud")
def test_the_check_hears_the_loudspeaker_at_the_microphone(rig: Rig) -> None:
    rig.pi.run("systemctl", "stop", "doorward-device.path", UNIT, timeout=120)
    with rig.air():
        loop = check_row(rig, "loop", "--audible")
    figures.tell("audible_loop", loop)
    assert loop.startswith("ok"), loop
