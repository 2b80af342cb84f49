"""Calls that go wrong, with real parts: nobody answers, a page vanishes, the server goes, nobody can be reached."""

import json
from pathlib import Path

from tests.harness.ears import read_raw, standing_out
from tests.harness.fixtures import MakePerson, MakeWorld
from tests.harness.processes import Process, wait_until
from tests.harness.pulse import PulseDoor
from tests.harness.world import World


def running(process: Process | None) -> Process:
    assert process is not None
    return process


def outcomes(home: World) -> list[str]:
    return [json.loads(line)["outcome"] for line in home.calls()]


def test_nobody_answers(make_world: MakeWorld, make_person: MakePerson, pulse: PulseDoor, tmp_path: Path) -> None:
    home = make_world(ring_s=2.0)
    alice = make_person(home, "alice")
    home.wait_for_links(1)
    with pulse.record_speaker(tmp_path / "speaker.raw"):
        home.control.press("flat-1")
        alice.wait_for_phase("ringing")
        wait_until("the missed call is kept", lambda: outcomes(home) == ["missed"])
        wait_until("lamp blinking fast", lambda: home.control.pins()["lamp"] is True, 3)
        wait_until("ring and busy tone", lambda: (tmp_path / "speaker.raw").stat().st_size > 96_000 * 4)
    alice.wait_for_phase("idle")
    recorded = read_raw(tmp_path / "speaker.raw")
    assert standing_out(recorded[: 48_000 * 2], 425) > 25, "ringback while it rings"
    assert standing_out(recorded[-48_000:], 425) > 25, "busy tone afterwards"


def test_the_answering_page_vanishes_mid_call(make_world: MakeWorld, make_person: MakePerson) -> None:
    home = make_world(open_s=20.0)
    alice = make_person(home, "alice")
    bob = make_person(home, "bob")
    home.wait_for_links(2)
    home.control.press("flat-1")
    alice.answer()
    device = running(home.device)
    mark = device.mark()
    # The network goes, so no goodbye of any kind arrives.
    assert home.net is not None
    home.net.cable(plugged=False)
    device.wait_for("call-ended", 11, since=mark)
    home.net.cable(plugged=True)
    assert home.control.pins()["door.main"] is False
    wait_until("the call is kept", lambda: outcomes(home) == ["answered"])
    home.wait_for_links(2, 60)
    home.control.press("flat-1")
    bob.wait_for_phase("ringing")
    bob.wait_for_picture(3)


def test_the_page_is_closed_mid_call(make_world: MakeWorld, make_person: MakePerson) -> None:
    home = make_world()
    alice = make_person(home, "alice")
    home.wait_for_links(1)
    home.control.press("flat-1")
    alice.answer()
    device = running(home.device)
    mark = device.mark()
    alice.page.close()
    device.wait_for("call-ended", 11, since=mark)
    mark = device.mark()
    home.control.press("flat-1")
    device.wait_for("ringing", 5, since=mark)


def test_the_server_is_stopped_mid_call_and_comes_back(make_world: MakeWorld, make_person: MakePerson) -> None:
    home = make_world()
    alice, bob = make_person(home, "alice"), make_person(home, "bob")
    home.wait_for_links(2)
    home.control.press("flat-1")
    alice.answer()
    device = running(home.device)
    mark = device.mark()
    running(home.server).kill()
    device.wait_for("signaling-down", 20, since=mark)
    alice.wait_for_picture(30)
    sound = alice.stats()["audioPackets"]
    wait_until("sound goes on", lambda: alice.stats()["audioPackets"] > sound + 50)
    assert alice.phase() == "talking"
    alice.open_door()
    wait_until("the door opens without the server", lambda: home.control.pins()["door.main"] is True, 3)

    mark = device.mark()
    home.start_server()
    device.wait_for("signaling-up", 30, since=mark)
    alice.click("hang-up")
    alice.wait_for_phase("idle")
    bob.page.reload()
    bob.wait_for_phase("idle", 30)
    home.wait_for_links(2)
    home.control.press("flat-1")
    for person in (alice, bob):
        person.wait_for_phase("ringing")
        person.wait_for_picture(3)


def test_a_press_while_offline_is_heard_seen_and_kept(make_world: MakeWorld, pulse: PulseDoor, tmp_path: Path) -> None:
    home = make_world()
    device = running(home.device)
    mark = device.mark()
    running(home.server).kill()
    device.wait_for("signaling-down", 20, since=mark)
    with pulse.record_speaker(tmp_path / "speaker.raw"):
        home.control.press("flat-1")
        device.wait_for("nobody-reached", 5)
        wait_until("the lamp shows it", lambda: home.control.pins()["lamp"] is True, 3)
        wait_until("two seconds of sound", lambda: (tmp_path / "speaker.raw").stat().st_size > 96_000 * 2)
    recorded = read_raw(tmp_path / "speaker.raw")
    for hz in (950, 1400, 1800):
        assert standing_out(recorded, hz) > 25, f"the {hz} Hz part of the tone that says: nobody"
    wait_until("the missed call is kept", lambda: outcomes(home) == ["failed"])


def test_a_press_before_the_first_connection_is_not_lost(make_world: MakeWorld) -> None:
    """The button answers from the moment it is armed, long before a server was seen."""
    home = make_world()
    running(home.device).stop()
    running(home.server).kill()
    home.start_device(ready=False)
    wait_until("the control socket", home.control_answers)
    home.control.press("flat-1")
    running(home.device).wait_for("nobody-reached", 5)
    wait_until("the missed call is kept", lambda: outcomes(home) == ["failed"])


def test_somebody_removed_loses_link_and_call_at_once(make_world: MakeWorld, make_person: MakePerson) -> None:
    home = make_world()
    alice = make_person(home, "alice")
    home.wait_for_links(1)
    home.control.press("flat-1")
    alice.answer()
    home.publish_without("alice")
    wait_until("the link is closed", lambda: home.control.links_up() == 0, 4)
    wait_until("the call is kept", lambda: outcomes(home) == ["answered"])
    alice.page.wait_for_selector('[data-phase="removed"], #removed', timeout=10_000)
