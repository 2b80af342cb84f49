"""Press to ring, picture, sound, and again."""

import os
from pathlib import Path

import pytest

from tests.harness.ears import standing_out, write_tone
from tests.harness.fixtures import VOICE_HZ
from tests.hil import figures
from tests.hil.house import House
from tests.hil.journal import Journal
from tests.hil.rig import Rig
from tests.hil.scenes import light_side, street
from tests.hil.steps import ring_in_vain

CALLS = int(os.environ.get("DOORWARD_CALLS", "100"))
"""Calls in a row."""

VISITOR_HZ = 1000


@pytest.mark.long
@pytest.mark.needs("camera")
def test_press_rings_shows_an_early_picture_and_the_door_opens(
    rig: Rig, home: House, journal: Journal, tmp_path: Path
) -> None:
    picture = tmp_path / "street.jpg"
    picture.write_bytes(street("right"))
    rig.show(picture)
    home.start_server()
    journal.wait_for("ready", 120)
    alice = home.invite("alice")
    journal.wait_for("link-up", 120)
    rig.press("flat-1")
    alice.wait_for_phase("ringing", 60)
    rig.release("flat-1")
    alice.wait_for_picture(2)
    assert light_side(alice.luma()) == "right", "it is what was held in front of the camera"
    assert alice.phase() == "ringing", "the picture is there before anybody answered"
    alice.click("answer")
    alice.wait_for_phase("talking", 60)
    pulse = rig.pulse(120)
    alice.open_door()
    assert pulse().width_s > 0
    alice.click("hang-up")
    alice.wait_for_phase("idle", 60)


@pytest.mark.long
def test_both_hear_each_other(rig: Rig, home: House, journal: Journal, tmp_path: Path) -> None:
    home.start_server()
    journal.wait_for("ready", 120)
    alice = home.invite("alice")
    journal.wait_for("link-up", 120)
    rig.press("flat-1")
    rig.release("flat-1")
    alice.wait_for_phase("ringing", 60)
    alice.click("answer")
    alice.wait_for_phase("talking", 60)
    assert standing_out(rig.listen(4), VOICE_HZ) > 20, "the loudspeaker plays what the page says"
    with rig.speaking(write_tone(tmp_path / "visitor.wav", VISITOR_HZ, 20.0)):
        assert abs(alice.listen_for(VISITOR_HZ)["hz"] - VISITOR_HZ) < 30, "the page plays what the visitor says"
    alice.click("hang-up")
    alice.wait_for_phase("idle", 60)


@pytest.mark.long
def test_calls_in_a_row(rig: Rig, home: House, journal: Journal) -> None:
    home.start_server()
    journal.wait_for("ready", 120)
    alice = home.invite("alice")
    journal.wait_for("link-up", 120)
    for number in range(CALLS):
        rig.press("flat-1")
        rig.release("flat-1")
        alice.wait_for_phase("ringing", 60)
        alice.click("answer")
        alice.wait_for_phase("talking", 60)
        alice.wait_for_picture(1)
        alice.click("hang-up")
        alice.wait_for_phase("idle", 60)
        journal.wait_for("call-ended", count=number + 1)
    kept = rig.pi.sh("cat /var/lib/doorward/state/calls.jsonl").splitlines()
    assert len(kept) == CALLS
    figures.note("calls_in_a_row", CALLS)


@pytest.mark.long
@pytest.mark.needs("unplugged")
def test_the_network_goes_and_comes_back(rig: Rig, home: House, journal: Journal) -> None:
    home.start_server()
    journal.wait_for("ready", 120)
    alice = home.invite("alice")
    journal.wait_for("link-up", 120)
    journal.mark()
    rig.network(plugged=False)
    journal.wait_for("signaling-down")
    rig.press("flat-2")
    rig.release("flat-2")
    journal.wait_for("nobody-reached")
    rig.network(plugged=True)
    journal.wait_for("signaling-up")
    rig.press("flat-1")  # over the link that there was, if that has outlived it, or over a new one
    rig.release("flat-1")
    alice.wait_for_phase("ringing", 60)


@pytest.mark.long
def test_the_server_goes_and_comes_back(rig: Rig, home: House, journal: Journal) -> None:
    home.start_server()
    journal.wait_for("ready", 120)
    journal.mark()
    home.stop_server()
    journal.wait_for("signaling-down")
    ring_in_vain(rig, journal)
    home.start_server()
    journal.wait_for("signaling-up")
    alice = home.invite("alice")
    journal.wait_for("link-up", 120)
    rig.press("flat-1")
    rig.release("flat-1")
    alice.wait_for_phase("ringing", 60)
