"""A whole house, for real: site, server, daemon on simulated pins, sound and two networks."""

import contextlib
import dataclasses
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from protocol.messages import May
from protocol.roster import Button
from provisioning.site import DevicePlan, Site, SitePlan, make_site
from tests.harness.control import Control
from tests.harness.namespaces import DOOR_ADDRESS, Network
from tests.harness.processes import Process, wait_until
from tests.harness.pulse import PulseDoor

BIN = Path(sys.executable).parent
DEVICE = "front-door"
OPEN_S = 1.0

PEOPLE: Mapping[str, tuple[str, tuple[May, ...]]] = {
    "alice": ("Alice", ("talk", "open", "view")),
    "bob": ("Bob", ("talk", "open", "view")),
    "dave": ("Dave", ("talk", "open")),
}


def house_plan(hosts: tuple[str, ...] = (DOOR_ADDRESS,), devices_port: int = 8444, people_port: int = 8443) -> SitePlan:
    """alice and bob live in flat 1, dave in flat 2."""
    door = DevicePlan({"flat-1": ("Flat 1", ["alice", "bob"]), "flat-2": ("Flat 2", ["dave"])}, {"main": "Street door"})
    return SitePlan("home", hosts, {DEVICE: door}, PEOPLE, devices_port, people_port, ("0.0.0.0",))


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """What a test may want otherwise; `ring_s` and the rest as in the device's configuration."""

    ring_s: float = 30.0
    standing: bool = True
    open_s: float = OPEN_S
    capture: str = "door_capture"
    playback: str = "door_playback"
    extra: str = ""


@dataclass
class World:
    """The running parts; each can be stopped and started again."""

    folder: Path
    site: Site
    net: Network | None
    pulse: PulseDoor | None
    options: DeviceOptions = field(default_factory=DeviceOptions)
    server: Process | None = None
    device: Process | None = None
    name: str = DEVICE

    def next_door(self, name: str) -> "World":
        """Another door station of the same site, of which only the daemon is its own; it is not started yet."""
        folder = self.folder / name
        folder.mkdir()
        return dataclasses.replace(self, folder=folder, server=None, device=None, name=name)

    @property
    def control(self) -> Control:
        return Control(self.folder / "control.sock")

    @property
    def state(self) -> Path:
        return self.folder / "device-state"

    def start_server(self) -> Process:
        self.server = Process(
            self._at_door(str(BIN / "doorward-signaling"), "run", "--config", str(self.site.signaling_config))
        )
        self.server.wait_for("listening")
        return self.server

    def start_device(self, *, ready: bool = True) -> Process:
        config = self.write_device_config()
        self.device = Process(
            self._at_door(str(BIN / "doorward-device"), "run", "--config", str(config)),
            env=self.pulse.env if self.pulse else None,
        )
        self.device.wait_for("ready" if ready else "armed", 60)
        return self.device

    def control_answers(self) -> bool:
        """Whether the daemon answers on its control socket yet; the socket is there a moment before."""
        try:
            self.control.ask(do="status")
        except OSError:
            return False
        return True

    def publish_without(self, person: str) -> None:
        """The operator removes somebody: a new roster, which the server is told to read."""
        old = self.site.rosters[DEVICE]
        buttons = {
            name: Button(button.label, [who for who in button.rings if who != person])
            for name, button in old.buttons.items()
        }
        answerers = {who: entry for who, entry in old.answerers.items() if who != person}
        self.site.publish(replace(old, serial=old.serial + 1, buttons=buttons, answerers=answerers))
        self.reread_rosters()

    def reread_rosters(self) -> None:
        if self.server is None:
            raise RuntimeError("the server is not running")
        self.server.send(signal.SIGHUP)

    def write_device_config(self) -> Path:
        options = self.options
        path = self.folder / "device.toml"
        addresses = f'["{DOOR_ADDRESS}"]' if self.net else "[]"
        path.write_text(
            f'identity = "{self.site.identity(self.name)}"\nstate = "device-state"\ncontrol_socket = "control.sock"\n'
            f'[gpio]\npins = "mock"\n[button.flat-1]\n[button.flat-2]\n'
            f"[door.main]\nopen_s = {options.open_s}\n[lamp]\n"
            f"[call]\nring_s = {options.ring_s}\n[links]\nstanding = {str(options.standing).lower()}\n"
            f'[sound]\ncapture = "{options.capture}"\nplayback = "{options.playback}"\n'
            # Both ends say steady tones at once and no wall answers: the canceller takes the street's for the page's.
            "[sound.voice]\noff = true\n"
            f"[media]\nhost_addresses = {addresses}\n{options.extra}",
            encoding="utf-8",
        )
        return path

    def wait_for_links(self, count: int, timeout: float = 30.0) -> None:
        wait_until(f"{count} links up", lambda: self.control.links_up() == count, timeout)

    def calls(self) -> list[str]:
        """The lines of the call journal."""
        path = self.state / "calls.jsonl"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def stop(self) -> None:
        for process in (self.device, self.server):
            if process is not None:
                process.stop()

    def _at_door(self, *command: str) -> list[str]:
        return self.net.at_door(*command) if self.net else list(command)


@contextlib.contextmanager
def world(
    folder: Path,
    net: Network | None,
    pulse: PulseDoor | None,
    options: DeviceOptions | None = None,
    plan: SitePlan | None = None,
) -> Iterator[World]:
    """Server and daemon running and ready; both stopped afterwards."""
    site = make_site(folder / "site", plan or house_plan())
    made = World(folder, site, net, pulse, options or DeviceOptions())
    try:
        made.start_server()
        made.start_device()
        yield made
    except BaseException:
        for process in (made.device, made.server):
            if process is not None:
                sys.stderr.write(f"--- {process.command[-4]}\n{process.tail()}\n")
        raise
    finally:
        made.stop()
