"""Where the attacks happen: a site whose server was stolen, two real doors, a browser, and the thief's network."""

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from protocol.bundle import Bundle
from protocol.codec import decode
from protocol.keys import PrivateKey, new_key, public_jwk
from protocol.messages import May
from protocol.roster import Button, Roster, sign_roster
from provisioning.site import DevicePlan, Site, SitePlan, make_site
from tests.harness.control import Control
from tests.harness.namespaces import DOOR_ADDRESS, Network
from tests.harness.processes import Process
from tests.harness.pulse import PulseDoor
from tests.harness.world import BIN
from tests.hostile.counters import Strikes
from tests.hostile.door import BUTTON, Daemon, Door
from tests.hostile.relay import Relay
from tests.hostile.tab import Browsing, browsing
from tests.hostile.underground import Underground, underground

FRONT, BACK = "front-door", "back-door"
"""The second door is for attacks that cost a door its connection to the server."""

SERIAL = 3
"""Of the rosters in force; the thief has kept those of serial 1, on which MALLORY stood."""

HONEST_HOST = "honest.example:9443"

MALLORY = "mallory"
PEOPLE = {FRONT: [f"p{number}" for number in range(1, 13)], BACK: [f"b{number}" for number in range(1, 5)]}
RIGHTS: tuple[May, ...] = ("talk", "open", "view")
OPEN_S = 2.0
RING_S = 900.0
"""A visitor rings all the time: whoever gets a link gets the picture at once, and may answer and open."""


@dataclass(frozen=True, slots=True)
class Stolen:
    """What the thief has besides the server's own files: no key that the operator, a device or a person still uses."""

    rosters: dict[str, str]
    old_rosters: dict[str, str]
    removed_key: PrivateKey
    roster_key_public: dict[str, str]
    own_key: PrivateKey = field(default_factory=new_key)
    own_roster_key: PrivateKey = field(default_factory=new_key)


@dataclass
class Den:
    """Everything an attack may use, and what the detectors watch. `site` holds the secrets: only controls use them."""

    site: Site
    stolen: Stolen
    below: Underground
    relay: Relay
    doors: dict[str, Door]
    server: Daemon
    strikes: Strikes
    people: Browsing
    free: dict[str, list[str]] = field(default_factory=lambda: {door: list(names) for door, names in PEOPLE.items()})

    def bundle(self, device: str) -> Bundle:
        return decode((self.site.identity(device) / "bundle.json").read_bytes(), Bundle)


def publish(site: Site) -> tuple[Site, Stolen]:
    """Publish what is in force, as the operator would; and what passed through the stolen server."""
    old, new, rosters = {}, {}, {}
    for device, roster in site.rosters.items():
        named = PEOPLE[device]
        first: Roster = replace(roster, buttons={BUTTON: Button("Flat 1", list(named))})
        answerers = {name: roster.answerers[name] for name in named}
        rosters[device] = replace(first, serial=SERIAL, answerers=answerers)
        old[device] = sign_roster(first, site.roster_key)
        new[device] = sign_roster(rosters[device], site.roster_key)
        site.publish(rosters[device])
    stolen = Stolen(new, old, site.people_keys[MALLORY], public_jwk(site.roster_key))
    return dataclasses.replace(site, rosters=rosters), stolen


def plan() -> SitePlan:
    door = DevicePlan({BUTTON: ("Flat 1", [MALLORY])}, {"main": "Street door"})
    names = [*PEOPLE[FRONT], *PEOPLE[BACK], MALLORY]
    people = {name: (name.capitalize(), RIGHTS) for name in names}
    return SitePlan("home", (DOOR_ADDRESS,), {FRONT: door, BACK: door}, people, listen=(DOOR_ADDRESS,))


@contextlib.contextmanager
def den(folder: Path, net: Network, pulse: PulseDoor) -> Iterator[Den]:
    """All of it running; stopped afterwards."""
    site, stolen = publish(make_site(folder / "site", plan()))
    with contextlib.ExitStack() as stack:
        below = stack.enter_context(underground(net.door))
        relay = Relay(site.signaling_config, stolen.rosters)
        stack.enter_context(_opened(below, relay.open()))
        doors = {name: stack.enter_context(_door(folder / name, site, name, net, pulse)) for name in (FRONT, BACK)}
        server = stack.enter_context(_server(site, net))
        for door in doors.values():
            door.process.wait_for("ready", 60)
        server.process.wait_for("listening")
        strikes = Strikes(list(doors.values()))
        watching = below.begin(strikes.watch())
        stack.callback(watching.cancel)
        people = stack.enter_context(_opened(below, browsing(site.ca_path, net.at_home(), site.invitation)))
        yield Den(site, stolen, below, relay, doors, server, strikes, people)


@contextlib.contextmanager
def _opened(below: Underground, context: Any) -> Iterator[Any]:
    """An asynchronous context, for the time of a synchronous one."""
    made = below.run(context.__aenter__())
    try:
        yield made
    finally:
        below.run(context.__aexit__(None, None, None))


@contextlib.contextmanager
def _door(folder: Path, site: Site, name: str, net: Network, pulse: PulseDoor) -> Iterator[Door]:
    folder.mkdir()
    config = folder / "device.toml"
    config.write_text(
        f'identity = "{site.identity(name)}"\nstate = "state"\ncontrol_socket = "control.sock"\n'
        f'[gpio]\npins = "mock"\n[button.{BUTTON}]\n[door.main]\nopen_s = {OPEN_S}\n'
        f"[lamp]\n[call]\nring_s = {RING_S}\n[links]\nlimit = 32\n[video]\nwidth = 640\nheight = 360\n"
        f'[sound]\ncapture = "door_capture"\nplayback = "door_playback"\n'
        f'[media]\nhost_addresses = ["{DOOR_ADDRESS}"]\n',
        encoding="utf-8",
    )
    command = net.at_door(str(BIN / "doorward-device"), "run", "--config", str(config))
    with Process(command, env=pulse.env) as process:
        yield Door(name, process, Control(folder / "control.sock"))


@contextlib.contextmanager
def _server(site: Site, net: Network) -> Iterator[Daemon]:
    """An honest server of the same site, under another name: a relay may want to be somebody there."""
    stolen = site.signaling_config
    honest = stolen.with_name("honest.toml")
    lines = [
        f'hosts = ["{HONEST_HOST}"]' if line.startswith("hosts") else line for line in stolen.read_text().splitlines()
    ]
    text = "\n".join(lines).replace("port = 8443", "port = 9443").replace("port = 8444", "port = 9444")
    honest.write_text(text, encoding="utf-8")
    with Process(net.at_door(str(BIN / "doorward-signaling"), "run", "--config", str(honest))) as process:
        yield Daemon("server", process, None)
