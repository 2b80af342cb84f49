"""The roster key gets a successor while a family is connected: nobody is invited anew, nothing is installed."""

from msgspec.structs import replace

from protocol.keys import PublicJwk, new_key, public_jwk
from protocol.roster import sign_roster
from protocol.roster_key import RosterKey, sign_roster_key
from tests.harness.fixtures import MakePerson, MakeWorld
from tests.harness.world import DEVICE

BELIEVED = """async () => {
  const { Vault } = await import("/vault.js");
  return (await (await Vault.open()).site("home")).rosterKey;
}"""


def test_door_and_page_follow_the_new_key_and_keep_it(make_world: MakeWorld, make_person: MakePerson) -> None:
    home = make_world()
    alice = make_person(home, "alice")
    home.wait_for_links(1)
    site, new = home.site, new_key()
    state = site.folder / "server" / "state"
    introduced = RosterKey(site="home", sequence=1, key=PublicJwk(**public_jwk(new)), issued=1)
    (state / "roster-keys").mkdir()
    (state / "roster-keys" / "0001.jws").write_text(sign_roster_key(introduced, site.roster_key))
    roster = site.rosters[DEVICE]
    (state / "rosters" / f"{DEVICE}.jws").write_text(sign_roster(replace(roster, serial=roster.serial + 1), new))
    assert home.server is not None
    assert home.device is not None
    mark = home.server.mark()
    home.reread_rosters()
    home.device.wait_for("roster-key-followed")
    home.server.wait_for("roster-accepted", since=mark)
    home.control.press("flat-1")
    alice.wait_for_phase("ringing")
    assert alice.page.evaluate(BELIEVED) == public_jwk(new)
    alice.click("decline")

    # Both have kept it: after a start of the one and a load of the other they believe the same.
    home.device.stop()
    home.start_device()
    alice.page.reload()
    home.wait_for_links(1)
    alice.wait_for_phase("idle")
    home.control.press("flat-1")
    alice.wait_for_phase("ringing")
    assert alice.page.locator("html").get_attribute("data-refusals") == "0"
