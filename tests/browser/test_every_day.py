"""What happens in a house besides a visit, in real browsers: reloads, restarts, a second door, someone moving out."""

import contextlib
from pathlib import Path

from provisioning.site import DevicePlan, SitePlan
from tests.harness.fixtures import MakeSomeone, MakeWorld
from tests.harness.namespaces import DOOR_ADDRESS, Network
from tests.harness.person import Someone
from tests.harness.processes import wait_until
from tests.harness.pulse import PulseDoor
from tests.harness.world import DEVICE, PEOPLE, World, world

GATE = "garden-gate"


def answer_a_ring(home: World, person: Someone) -> None:
    home.control.press("flat-1")
    person.answer()


def test_a_missed_visitor_is_in_the_last_calls_with_a_picture(make_world: MakeWorld, make_someone: MakeSomeone) -> None:
    home = make_world(ring_s=4.0)
    alice = make_someone(home, "alice")
    home.wait_for_links(1)
    home.control.press("flat-1")
    alice.wait_for_phase("ringing")
    alice.wait_for_phase("idle")
    alice.see(f"#calls-{DEVICE} li[data-outcome=missed]")
    loaded = f"document.querySelector('#calls-{DEVICE} img')?.naturalWidth"
    wait_until("the visitor's picture is drawn", lambda: alice.screen.evaluate(loaded) == 1280, 15)


def test_a_reload_in_a_call_ends_it_and_the_next_ring_comes(make_world: MakeWorld, make_someone: MakeSomeone) -> None:
    home = make_world()
    alice = make_someone(home, "alice")
    home.wait_for_links(1)
    answer_a_ring(home, alice)
    alice.screen.reload()
    alice.wait_for_phase("idle", 30)
    wait_until("the call is recorded", lambda: len(home.calls()) == 1, 15)
    home.wait_for_links(1)
    answer_a_ring(home, alice)
    alice.wait_for_picture(3)


def test_the_server_goes_in_a_call_and_comes_back(make_world: MakeWorld, make_someone: MakeSomeone) -> None:
    home = make_world()
    alice = make_someone(home, "alice")
    home.wait_for_links(1)
    answer_a_ring(home, alice)
    assert home.server is not None
    home.server.kill()
    alice.see('#connection:not([data-state="online"])')
    alice.wait_for_picture()
    sound = alice.stats()["audioPackets"]
    wait_until("sound goes on", lambda: alice.stats()["audioPackets"] > sound + 20)
    home.start_server()
    alice.see('#connection[data-state="online"]', 30)
    alice.click("hang-up")
    alice.wait_for_phase("idle")
    home.control.press("flat-1")
    alice.wait_for_phase("ringing")


def test_who_is_removed_is_told_so(make_world: MakeWorld, make_someone: MakeSomeone) -> None:
    home = make_world()
    alice = make_someone(home, "alice")
    home.wait_for_links(1)
    home.publish_without("alice")
    alice.wait_for_phase("removed")
    wait_until("the link is closed", lambda: home.control.links_up() == 0)


def test_two_doors_ring_in_one_page(net: Network, pulse: PulseDoor, tmp_path: Path, make_someone: MakeSomeone) -> None:
    front = DevicePlan(
        {"flat-1": ("Flat 1", ["alice", "bob"]), "flat-2": ("Flat 2", ["dave"])}, {"main": "Street door"}
    )
    gate = DevicePlan({"flat-1": ("Garden", ["alice"]), "flat-2": ("Yard", ["alice"])}, {"main": "Gate"})
    plan = SitePlan("home", (DOOR_ADDRESS,), {DEVICE: front, GATE: gate}, PEOPLE, listen=("0.0.0.0",))
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(world(tmp_path, net, pulse, plan=plan))
        garden = home.next_door(GATE)
        stack.callback(garden.stop)
        garden.start_device()
        alice = make_someone(home, "alice")
        alice.wait_for_phase("idle", device=GATE)
        home.wait_for_links(1)
        garden.wait_for_links(1)

        garden.control.press("flat-1")
        alice.wait_for_phase("ringing", device=GATE)
        alice.wait_for_picture(3)
        assert alice.phase() == "idle"
        # Somebody comes to the other door meanwhile: both ring, and each is answered for itself.
        home.control.press("flat-1")
        alice.wait_for_phase("ringing")
        alice.click("answer", GATE)
        alice.wait_for_phase("talking", device=GATE)
        assert alice.phase() == "ringing"
        alice.open_door(device=GATE)
        wait_until("the gate opens", lambda: garden.control.pins()["door.main"] is True, 3)
        assert home.control.pins()["door.main"] is False
