"""The house that is measured: one server, and two devices alike but for `standing`."""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from provisioning.site import DevicePlan, Site, SitePlan, make_site
from tests.harness.control import Control
from tests.harness.namespaces import DOOR_ADDRESS, Network
from tests.harness.processes import Process
from tests.harness.pulse import PulseDoor

BIN = Path(sys.executable).parent
PERSON = "alice"
BUTTON = "flat-1"
STANDING, NEW = "standing", "new"
"""The two devices; their ids."""


@dataclass
class Door:
    """One device: its daemon, and how long its starts took (milliseconds)."""

    name: str
    folder: Path
    command: list[str]
    env: dict[str, str]
    armed_ms: list[float] = field(default_factory=list)
    ready_ms: list[float] = field(default_factory=list)
    process: Process | None = None

    @property
    def config(self) -> Path:
        return self.folder / "device.toml"

    @property
    def control(self) -> Control:
        return Control(self.folder / "control.sock")

    @property
    def pid(self) -> int:
        if self.process is None:
            raise RuntimeError(f"{self.name}: the daemon does not run")
        return self.process.pid

    def start(self) -> None:
        """Start the daemon, and note when it said that it was armed and ready."""
        began = time.monotonic()
        self.process = Process(self.command, env=self.env)
        self.process.wait_for("armed", 60)
        self.armed_ms.append((time.monotonic() - began) * 1000)
        self.process.wait_for("ready", 60)
        self.ready_ms.append((time.monotonic() - began) * 1000)

    def restart(self, config: str) -> None:
        """Stop the daemon, and start it with this for its configuration."""
        self.stop()
        self.config.write_text(config, encoding="utf-8")
        self.start()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()
            self.process = None

    def press(self) -> float:
        """Press and let go; when the pin's edge was driven, in seconds since 1970."""
        reply = self.control.ask(do="edge", button=BUTTON, pressed=True)
        self.control.ask(do="edge", button=BUTTON, pressed=False)
        return float(str(reply["at"]))


@dataclass(frozen=True, slots=True)
class House:
    """Both doors by name; neither runs yet."""

    site: Site
    doors: dict[str, Door]


@contextlib.contextmanager
def house(folder: Path, net: Network, pulse: PulseDoor) -> Iterator[House]:
    """Make the site and run its server; everything is stopped afterwards."""
    plan = DevicePlan({BUTTON: ("Flat 1", [PERSON])}, {"main": "Street door"})
    people = {PERSON: ("Alice", ("talk", "open", "view"))}
    site = make_site(
        folder / "site",
        SitePlan("home", (DOOR_ADDRESS,), {STANDING: plan, NEW: plan}, people, listen=("0.0.0.0",)),  # type: ignore[arg-type] # literals
    )
    server = Process(net.at_door(str(BIN / "doorward-signaling"), "run", "--config", str(site.signaling_config)))
    doors = {name: _door(folder / name, site, name, net, pulse) for name in (STANDING, NEW)}
    try:
        server.wait_for("listening")
        yield House(site, doors)
    except BaseException:
        for process in (server, *(door.process for door in doors.values())):
            if process is not None:
                sys.stderr.write(f"--- {' '.join(process.command[-4:])}\n{process.tail()}\n")
        raise
    finally:
        for door in doors.values():
            door.stop()
        server.stop()


def _door(folder: Path, site: Site, name: str, net: Network, pulse: PulseDoor) -> Door:
    folder.mkdir()
    config = folder / "device.toml"
    config.write_text(
        f'identity = "{site.identity(name)}"\nstate = "state"\ncontrol_socket = "control.sock"\n'
        f'[gpio]\npins = "mock"\n[button.{BUTTON}]\n[door.main]\n[lamp]\n'
        f"[links]\nstanding = {str(name == STANDING).lower()}\n"
        f'[sound]\ncapture = "door_capture"\nplayback = "door_playback"\n'
        f'[media]\nhost_addresses = ["{DOOR_ADDRESS}"]\n',
        encoding="utf-8",
    )
    command = net.at_door(str(BIN / "doorward-device"), "run", "--config", str(config))
    return Door(name, folder, command, pulse.env)
