"""The virtual Pi as a `tests.hil.rig.Rig`: lines of gpio-sim, sound through snd-aloop, power and network by QEMU."""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from provisioning.site import Site
from tests.harness.ears import RATE_HZ, Samples
from tests.harness.processes import Process
from tests.hil.hands import Hands, Pulse
from tests.hil.journal import parse
from tests.hil.rig import UNIT, Feature
from tests.hil.virtual.firmware import FRAMES, LATER, make_packages
from tests.hil.virtual.machine import Machine
from tests.hil.virtual.wire import HERE, PI, PI_LATER, Wire

READY = "ready"
OPEN_S = 1.0
SPEAKER = MICROPHONE = "hw:Loopback,1,0"
"""The other end of the loop, in both directions: the firmware plays on and records from hw:Loopback,0,0."""

AIR = f"""
</usr/share/alsa/alsa.conf>
pcm.air {{ type route slave {{ pcm "{MICROPHONE}" format S16_LE channels 1 }} ttable {{ 0.0 0.1 }} }}
"""
"""ALSA's configuration of what weakens sound on its way from the loudspeaker to the microphone."""

STICK, STICK_BYTES = "/dev/sda", 256_000_000

FETCH = "import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])"
"""A file from this machine: larger than what the agent's line is for."""


class VirtualRig:
    """`machine` has a snapshot `READY`; `pins` maps a panel's names to lines; `folder` takes what is plugged in."""

    name = "virtual"
    open_s = OPEN_S
    patience = 5
    address = PI
    architecture = "amd64"
    lacks: Mapping[Feature, str] = {
        "panic": "the hardware timer that bounds a pulse then is on a bench only",
        "power-during-pulse": "the strike's own circuit is on a bench only",
    }

    def __init__(self, machine: Machine, wire: Wire, pins: Mapping[str, int], site: Site, folder: Path) -> None:
        self._folder = folder
        self._machine = machine
        self._wire = wire
        self._pins = pins
        self.site = site
        self._since: list[str] = []

    @property
    def pi(self) -> Hands:
        return self._machine.hands

    def at_home(self, *command: str) -> list[str]:
        return [*self._wire.prefix, *command]

    def fresh(self) -> None:
        self._machine.load(READY)
        self._machine.cable(plugged=True)
        self._machine.wait_until_up(60)
        self.set_clock(time.time())
        cursor = self.pi.sh("journalctl -n 0 --show-cursor -q").removeprefix("-- cursor: ").strip()
        self._since = [f"--after-cursor={cursor}"]

    def press(self, button: str) -> None:
        self.pi.pull(self._pins[button], up=False)

    def release(self, button: str) -> None:
        self.pi.pull(self._pins[button], up=True)

    def bounce(self, button: str, edges: Sequence[tuple[int, bool]]) -> int:
        return self.pi.play(self._pins[button], [(at, not closed) for at, closed in edges])

    def is_high(self, line: str) -> bool:
        return bool(self.pi.levels(self._pins[line])[self._pins[line]])

    def pulse(self, within: float) -> Callable[[], Pulse]:
        return self.pi.pulse(self._pins["strike"], within)

    def lamp_changes(self, count: int, within: float) -> list[float]:
        _, *changes = self.pi.watch(self._pins["lamp"], within=within, count=count)()
        return [change.at_s for change in changes]

    def during_pulse(self, *command: str) -> Callable[[], int]:
        return self.pi.cut(self._pins["strike"], when=1, argv=command, within=60)

    @contextlib.contextmanager
    def speaking(self, wav: Path) -> Iterator[None]:
        self.pi.write("/run/street.wav", wav.read_bytes())
        self.pi.run("systemd-run", "-q", "-u", "street", "aplay", "-q", "-D", MICROPHONE, "/run/street.wav")
        try:
            yield
        finally:
            self.pi.run("systemctl", "stop", "street", may_fail=True)  # it may have ended by itself

    @contextlib.contextmanager
    def air(self) -> Iterator[None]:
        self.pi.write("/run/air.conf", AIR.encode())
        card = f"-q -t raw -f S16_LE -r {RATE_HZ} -c 1 --buffer-time=100000"
        blows = f"arecord {card} -D {SPEAKER} | aplay {card} -D air"
        self.pi.run("systemd-run", "-q", "-u", "air", "-E", "ALSA_CONFIG_PATH=/run/air.conf", "sh", "-c", blows)
        try:
            yield
        finally:
            self.pi.run("systemctl", "stop", "air")

    def listen(self, seconds: float) -> Samples:
        command = f"arecord -q -D {SPEAKER} -t raw -f S16_LE -r {RATE_HZ} -c 1 -d {seconds:.0f}"
        raw = self.pi.run(*command.split(), timeout=seconds + 30).out
        return np.frombuffer(raw, "<i2").astype(np.float64) / 32768

    def show(self, jpeg: Path) -> None:
        self.pi.write(f"{FRAMES}/0.jpg", jpeg.read_bytes())
        self.pi.run("systemctl", "restart", UNIT, timeout=90)  # libcamera reads them when the camera is opened

    def upgrade(self) -> None:
        with tempfile.TemporaryDirectory(prefix="doorward-later-") as folder:
            made = make_packages(Path(folder), LATER)
            (package,) = [file for file in made if file.name.startswith("doorward-device_")]
            given = Process(self.at_home(sys.executable, "-m", "http.server", "8000", "--directory", folder))
            try:
                self.pi.run("python3", "-c", FETCH, f"http://{HERE}:8000/{package.name}", "/tmp/later.deb", timeout=300)
            finally:
                given.stop()
        self.pi.run("apt-get", "-q", "install", "-y", "/tmp/later.deb", timeout=900)

    def put_under_overlay(self) -> None:
        self.pi.write("/etc/overlayroot.conf", b'overlayroot="tmpfs:recurse=0"\n')
        self.pi.run("sync")

    def plug_stick(self) -> str:
        stick = self._folder / "stick.img"
        with stick.open("wb") as file:
            file.truncate(STICK_BYTES)
        self._machine.plug(stick)
        self.pi.sh(f"until [ -b {STICK} ]; do sleep 0.2; done")
        return STICK

    def cut_power(self) -> None:
        self._machine.freeze()

    def restore_power(self) -> float:
        self._machine.reset()
        took = self._machine.wait_until_up()
        self._since = ["-b"]
        return took

    def network(self, *, plugged: bool) -> None:
        self._machine.cable(plugged=plugged)

    def renumber(self) -> None:
        ways = f"ip route replace default via {HERE}"
        self.pi.sh(f"ip address add {PI_LATER}/24 dev eth0; ip address del {PI}/24 dev eth0; {ways}")

    def set_clock(self, utc: float) -> None:
        self.pi.run("date", "-u", "-s", f"@{utc:.3f}")

    def journal(self) -> list[dict[str, Any]]:
        said = self.pi.run("journalctl", "-q", "-u", UNIT, "-o", "cat", *self._since).text
        return list(parse(said))
