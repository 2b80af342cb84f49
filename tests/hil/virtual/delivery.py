"""The virtual Pi as it is delivered: provisioned for a test's site, running, and kept as the snapshot `READY`."""

import contextlib
import shutil
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

from provisioning.site import Site
from tests.harness.processes import wait_until
from tests.harness.world import DEVICE
from tests.hil.hands import Hands
from tests.hil.rig import IDENTITY, STATE, UNIT
from tests.hil.virtual.firmware import BOOTED, ROOT, booted, build_image
from tests.hil.virtual.machine import machine
from tests.hil.virtual.rig import OPEN_S, READY, VirtualRig
from tests.hil.virtual.wire import TAP, wire

CACHE = ROOT / "build/virtual-pi"

THINGS = {"flat-1": "button-1", "flat-2": "button-2", "strike": "strike-1", "lamp": "lamp"}
"""Which line of hw/pins.toml each thing of the configuration below gets, which names none."""

# Small and slow, and no echo canceller: an emulated processor has far less than a Pi.
CONFIG = f"""\
identity = "{IDENTITY}"
state = "{STATE}"
control_socket = "/run/doorward/control.sock"
[button.flat-1]
[button.flat-2]
[door.main]
open_s = {OPEN_S}
[lamp]
[call]
ring_s = 90
[sound]
capture = "hw:Loopback,0,0"
playback = "hw:Loopback,0,0"
period_ms = 40
[sound.voice]
off = true
[video]
width = 320
height = 240
fps = 5
bitrate_bps = 200000
"""


@contextlib.contextmanager
def virtual_rig(site: Site, folder: Path) -> Iterator[VirtualRig]:
    """A virtual Pi that belongs to `site`; `folder` takes its disk."""
    image = build_image(CACHE)
    disk = folder / "disk.qcow2"
    shutil.copy(booted(CACHE, image), disk)
    with wire() as net, machine(image, disk, folder / "run", net.prefix, TAP, paused=True) as pi:
        pi.load(BOOTED)
        pi.wait_until_up(60)
        provision(pi.hands, site)
        pi.hands.run("systemctl", "restart", UNIT, timeout=120)
        wait_until("the door station is armed", lambda: "armed" in _log(pi.hands), 180)
        # It does so once sound and camera are open, or have failed.
        wait_until("it looks for its server", lambda: "signaling-down" in _log(pi.hands), 180)
        wait_until("all that it lacks is its server", lambda: _lacks(pi.hands) == "offline", 240)
        pi.save(READY)
        yield VirtualRig(pi, net, pins(), site, folder)


def pins() -> dict[str, int]:
    """The panel's things and their lines, by Broadcom number."""
    table = tomllib.loads((ROOT / "hw/pins.toml").read_text(encoding="utf-8"))
    return {thing: table[line]["bcm"] for thing, line in THINGS.items()}


def provision(pi: Hands, site: Site) -> None:
    """Give it its identity, as `doorward-device install` leaves it: root's."""
    pi.run("date", "-u", "-s", f"@{time.time():.3f}")
    pi.write("/etc/doorward/device.toml", CONFIG.encode())
    for name in ("key.pem", "bundle.json"):
        pi.write(f"{IDENTITY}/{name}", (site.identity(DEVICE) / name).read_bytes(), "0600")


def _log(pi: Hands) -> str:
    return pi.sh(f"journalctl -q -b -u {UNIT} -o cat | tail -n 40")


def _lacks(pi: Hands) -> str:
    """What the daemon itself shows as faults; empty until it answers."""
    said = pi.run("doorward-device", "status", may_fail=True).text
    return "".join(line.removeprefix("faults").strip() for line in said.splitlines() if line.startswith("faults"))
