"""`doorward-device check`, as docs/install.md has it done in front of the door."""

import pytest

from tests.hil import figures
from tests.hil.rig import UNIT, Rig


@pytest.mark.long
@pytest.mark.needs("aloud")
def test_the_check_hears_the_loudspeaker_at_the_microphone(rig: Rig) -> None:
    rig.pi.run("systemctl", "stop", "doorward-device.path", UNIT, timeout=120)
    with rig.air():
        said = rig.pi.run("doorward-device", "check", "--audible", may_fail=True, timeout=180).text
    (loop,) = [line for line in said.splitlines() if line.split()[1:2] == ["loop"]]
    figures.tell("audible_loop", loop)
    assert loop.startswith("ok"), said
