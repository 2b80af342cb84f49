"""The demonstration's house: a site in a folder of its own, the server, and a door station on simulated hardware."""

import contextlib
import fcntl
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from protocol.errors import ConfigError, DoorwardError
from provisioning.cli import DEMO_BUTTON, DEMO_DEVICE, DEMO_DOOR, DEMO_PERSON, make_demo_site
from provisioning.site import Site
from tests.harness import pulse
from tests.harness.control import Control
from tests.harness.namespaces import DOOR_ADDRESS, Network
from tests.harness.processes import Process

BIN = Path(sys.executable).parent
PEOPLE_PORT, DEVICES_PORT = 8443, 8444
OPEN_S = 3.0
START_S = 60.0

SPEECH = "Hello? It is the parcel service. I have something for you. Could you open the door, please?"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the house stands: the names that its certificate has, and the addresses it listens on."""

    hosts: tuple[str, ...]
    listen: tuple[str, ...]
    net: Network | None = None
    media: tuple[str, ...] = ()

    def at_door(self, *command: str) -> list[str]:
        return self.net.at_door(*command) if self.net else list(command)


@dataclass(frozen=True, slots=True)
class SoundCard:
    """What the door station hears and speaks with; `door` is the private sound server, if it is that."""

    says: str
    capture: str = "default"
    playback: str = "default"
    env: Mapping[str, str] = field(default_factory=dict)
    door: pulse.PulseDoor | None = None


@dataclass(frozen=True, slots=True)
class House:
    """The running house."""

    site: Site
    server: Process
    device: Process
    control: Control
    sound: SoundCard

    @property
    def invitation(self) -> str:
        return self.site.invitation(DEMO_PERSON)

    def press(self) -> None:
        self.control.press(DEMO_BUTTON)

    def strike_is_released(self) -> bool:
        return bool(self.control.pins()[f"door.{DEMO_DOOR}"])

    @property
    def died(self) -> str | None:
        """What the program that died said last; None while all is well."""
        for process in (self.device, self.server):
            if not process.running:
                return process.tail(10)
        return None


def this_machine() -> Place:
    """Reached from this machine only."""
    return Place(("localhost", "127.0.0.1"), ("127.0.0.1",))


def local_network() -> Place:
    """Reached from the local network, too; DoorwardError where there is none."""
    address = _lan_address()
    if address is None:
        raise DoorwardError("LAN=1: this machine has no network address; connect it, or leave LAN=1 out")
    return Place((address, "localhost", "127.0.0.1"), (address, "127.0.0.1"))


def two_networks(net: Network) -> Place:
    """The door in one network, the person in another: for a machine that has no network of its own."""
    return Place((DOOR_ADDRESS,), (DOOR_ADDRESS,), net, (DOOR_ADDRESS,))


def has_network() -> bool:
    """Whether calls can be made without namespaces: neither end of a call uses the loopback address."""
    return _lan_address() is not None


@contextlib.contextmanager
def sound_card(*, real: bool) -> Iterator[SoundCard]:
    """This machine's sound card if it has one and `real`; else a simulated one, at which somebody speaks."""
    if real and _has_sound_card():
        yield SoundCard("the door station uses this machine's microphone and loudspeaker")
        return
    why = pulse.missing()
    if why is not None:
        yield SoundCard(f"the door station is deaf and dumb: {why}")
        return
    with pulse.pulse_door() as door, _speaking(door):
        yield SoundCard("somebody is speaking at the door", "door_capture", "door_playback", door.env, door)


@contextlib.contextmanager
def house(folder: Path, place: Place, sound: SoundCard) -> Iterator[House]:
    """Server and door station, ready; both stopped afterwards. DoorwardError says what did not start."""
    with _only_one(folder):
        people = _port(place, PEOPLE_PORT)
        devices = _port(place, DEVICES_PORT)
        site = make_demo_site(folder / "site", place.hosts, place.listen, people, devices)
        config = _write_device_config(folder, site, place, sound)
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(
                Process(place.at_door(str(BIN / "doorward-signaling"), "run", "--config", str(site.signaling_config)))
            )
            server.wait_for("listening", START_S)
            device = stack.enter_context(
                Process(place.at_door(str(BIN / "doorward-device"), "run", "--config", str(config)), env=sound.env)
            )
            device.wait_for("ready", START_S)
            yield House(site, server, device, Control(folder / "control.sock"), sound)


def _write_device_config(folder: Path, site: Site, place: Place, sound: SoundCard) -> Path:
    path = folder / "device.toml"
    addresses = ", ".join(f'"{address}"' for address in place.media)
    path.write_text(
        f"""\
# Written anew by every `make demo`.
identity = "site/devices/{DEMO_DEVICE}"
state = "state"
control_socket = "control.sock"

[gpio]
pins = "mock"

[button.{DEMO_BUTTON}]

[door.{DEMO_DOOR}]
open_s = {OPEN_S}

[lamp]

[sound]
capture = "{sound.capture}"
playback = "{sound.playback}"

[media]
host_addresses = [{addresses}]
""",
        encoding="utf-8",
    )
    return path


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{folder}: a demonstration is running there already; stop it first") from error
        yield


def _port(place: Place, wanted: int) -> int:
    """`wanted` if it is free on every address, else one that is; a network of our own has them all."""
    if place.net is not None:
        return wanted
    for candidate in (wanted, 0):
        with contextlib.ExitStack() as stack:
            port = candidate
            try:
                for address in place.listen:
                    trial = stack.enter_context(socket.socket())
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    trial.bind((address, port))
                    port = trial.getsockname()[1]
            except OSError:
                continue
            return port
    raise ConfigError(f"{', '.join(place.listen)}: no port is free to listen on")


def _lan_address() -> str | None:
    """The address this machine would use to reach others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def _has_sound_card() -> bool:
    pcms = Path("/proc/asound/pcm")
    text = pcms.read_text(encoding="utf-8") if pcms.exists() else ""
    return "capture" in text and "playback" in text


@contextlib.contextmanager
def _speaking(door: pulse.PulseDoor) -> Iterator[None]:
    """Somebody at the door says the same thing over and over."""
    wav = door.folder / "street.wav"
    subprocess.run(["espeak-ng", "-s", "150", "-w", str(wav), SPEECH], check=True, capture_output=True)
    over = threading.Event()
    speaker = door.say(wav)

    def repeat() -> None:
        nonlocal speaker
        while not over.is_set():
            speaker.wait()
            if not over.wait(0.5):
                speaker = door.say(wav)

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        speaker.terminate()
        thread.join(5)
