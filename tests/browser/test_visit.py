"""A visit, from the button to the open door, in real browsers."""

import json
import time
from pathlib import Path

from tests.harness.ears import read_raw, standing_out, write_tone
from tests.harness.fixtures import VOICE_HZ, MakePerson, MakeSomeone, MakeWorld
from tests.harness.processes import wait_until
from tests.harness.pulse import PulseDoor
from tests.harness.world import OPEN_S

STREET_HZ = 1000


def test_ring_see_talk_open(make_world: MakeWorld, make_someone: MakeSomeone, pulse: PulseDoor, tmp_path: Path) -> None:
    home = make_world()
    alice = make_someone(home, "alice")
    assert "#" not in alice.screen.evaluate("location.href"), "the key has left the address"
    home.wait_for_links(1)

    # Sees the door before answering: a picture of now, not of earlier.
    pressed_at = time.time()
    home.control.press("flat-1")
    alice.wait_for_phase("ringing")
    alice.wait_for_picture()
    stats = alice.stats()
    assert (stats["codec"], stats["frameWidth"]) == alice.picture
    drawn_at = alice.time_code()
    assert drawn_at is not None
    assert pressed_at - 0.1 < drawn_at < time.time() + 0.1
    assert alice.stats()["audioPackets"] == 0, "nothing is heard before the answer"

    # Talks: what the street says is heard in the page, what the page says is heard at the door.
    street = pulse.say(write_tone(tmp_path / "street.wav", STREET_HZ, 60))
    try:
        with pulse.record_speaker(tmp_path / "speaker.raw"):
            alice.click("answer")
            alice.wait_for_phase("talking")
            energy = alice.stats()["audioIn"]
            heard = alice.listen_for(STREET_HZ)
            wait_until("energy from the street", lambda: alice.stats()["audioIn"] > energy + 0.001)
    finally:
        street.terminate()
        street.wait()
    assert abs(heard["hz"] - STREET_HZ) < 30, f"the page hears {heard}"
    said = read_raw(tmp_path / "speaker.raw")
    assert standing_out(said, VOICE_HZ) > 25, "the person's voice is heard at the door"

    # Opens: the pin goes high for the configured time, and low again.
    alice.open_door()
    wait_until("strike released", lambda: home.control.pins()["door.main"] is True, 3)
    high_s = wait_until("strike lowered", lambda: home.control.pins()["door.main"] is False, 5)
    assert OPEN_S * 0.6 < high_s < OPEN_S + 1.0

    alice.click("hang-up")
    alice.wait_for_phase("idle")
    stopped = alice.stats()["framesDecoded"]
    wait_until("the call is recorded", lambda: len(home.calls()) == 1)
    record = json.loads(home.calls()[0])
    assert (record["outcome"], record["answered_by"]) == ("answered", "alice")
    alice.see("#calls-front-door li[data-outcome=answered]")
    assert alice.stats()["framesDecoded"] <= stopped + 2, "no picture after the call"


def test_two_people_race_and_one_wins(make_world: MakeWorld, make_someone: MakeSomeone) -> None:
    home = make_world()
    alice, bob = make_someone(home, "alice"), make_someone(home, "bob")
    dave = make_someone(home, "dave")
    home.wait_for_links(3)
    home.control.press("flat-1")
    for person in (alice, bob):
        person.wait_for_phase("ringing")
        person.wait_for_picture(3)
    # Whom the ring does not concern sees that the door is busy, and nothing else.
    dave.wait_for_phase("busy")
    assert "Flat 1" not in dave.says()
    assert dave.stats()["framesDecoded"] == 0

    alice.click("answer")
    bob_says = "() => document.querySelector('#answer-front-door').click()"
    bob.screen.evaluate(bob_says)
    alice.wait_for_phase("talking")
    bob.wait_for_phase("elsewhere")
    assert "Alice" in bob.says()
    alice.click("hang-up")
    for person in (alice, bob, dave):
        person.wait_for_phase("idle")


def test_declined_by_all_the_visitor_hears_busy(
    make_world: MakeWorld, make_someone: MakeSomeone, pulse: PulseDoor, tmp_path: Path
) -> None:
    home = make_world()
    alice, bob = make_someone(home, "alice"), make_someone(home, "bob")
    home.wait_for_links(2)
    home.control.press("flat-1")
    bob.wait_for_phase("ringing")
    bob.click("decline")
    alice.wait_for_phase("ringing")
    with pulse.record_speaker(tmp_path / "speaker.raw"):
        alice.click("decline")
        alice.wait_for_phase("idle")
        wait_until("the call is recorded", lambda: len(home.calls()) == 1)
        wait_until("a second of busy tone", lambda: (tmp_path / "speaker.raw").stat().st_size > 150_000)
    assert json.loads(home.calls()[0])["outcome"] == "declined"
    assert standing_out(read_raw(tmp_path / "speaker.raw"), 425) > 25


def test_looking_in_shows_the_door_and_the_lamp_says_so(make_world: MakeWorld, make_someone: MakeSomeone) -> None:
    home = make_world()
    alice = make_someone(home, "alice")
    home.wait_for_links(1)
    alice.click("look-in")
    alice.wait_for_phase("viewing")
    alice.wait_for_picture()
    assert home.control.pins()["lamp"] is True
    alice.open_door()
    wait_until("strike released", lambda: home.control.pins()["door.main"] is True, 3)
    alice.click("look-in")
    alice.wait_for_phase("idle")
    wait_until("lamp off", lambda: home.control.pins()["lamp"] is False, 3)


def test_without_a_microphone_one_still_sees_hears_and_opens(make_world: MakeWorld, make_person: MakePerson) -> None:
    home = make_world()
    alice = make_person(home, "alice", microphone=False, phone=True)
    home.wait_for_links(1)
    home.control.press("flat-1")
    alice.answer()
    alice.wait_for_picture()
    wait_until("sound from the door", lambda: alice.stats()["audioPackets"] > 20)
    assert "microphone" in alice.card.inner_text().lower()


def test_a_reload_keeps_the_key_and_connects_again(make_world: MakeWorld, make_person: MakePerson) -> None:
    home = make_world()
    alice = make_person(home, "alice")
    home.wait_for_links(1)
    alice.screen.reload()
    alice.wait_for_phase("idle")
    home.control.press("flat-1")
    alice.wait_for_phase("ringing")
    alice.wait_for_picture(3)
