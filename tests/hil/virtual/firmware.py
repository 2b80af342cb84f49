"""The virtual Pi's image with the firmware of this working tree, and the snapshot of the machine that it boots."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from deb.build import build
from deb.targets import SUITES, Target
from tests.hil.scenes import street
from tests.hil.virtual.machine import KERNEL, QEMU, SHAPE, Image, accelerator, machine
from tests.hil.virtual.wire import TAP, wire

ROOT = Path(__file__).parents[3]
BOOTED = "booted"

FRAMES = "/opt/virtual-pi/frames"
"""Where libcamera's virtual camera takes its pictures from: virtual.yaml."""

VERSION, LATER = "0.1.0~virtual1", "0.1.0~virtual2"
"""Not the commit's: the same sources shall give the same package, and the same image."""

WHEN = 1_790_000_000
"""The time of everything in it, UTC seconds, likewise."""


def build_image(cache: Path) -> Image:
    """Debian with a Pi's devices and this working tree's firmware; taken from the cache where nothing changed."""
    with tempfile.TemporaryDirectory(prefix="doorward-firmware-") as name:
        _firmware(Path(name))
        command = ["nice", "-n", "10", str(ROOT / "hw/virtual-pi/build"), str(cache), name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Image(Path(done.stdout.strip().splitlines()[-1]))


def booted(cache: Path, image: Image) -> Path:
    """A disk with the snapshot `BOOTED`: the machine that runs it, after it has booted."""
    disk = cache / f"booted-{_key(image)}.qcow2"
    if not disk.exists():
        for old in cache.glob("booted-*"):
            old.unlink()
        part = disk.with_suffix(".part")
        shutil.copy(image.part("disk.qcow2"), part)
        with wire() as net, machine(image, part, cache / "run", net.prefix, TAP) as pi:
            print(f"virtual-pi: booting ({accelerator()[1]}; a minute or two)", flush=True)
            print(f"virtual-pi: it answers after {pi.wait_until_up():.0f} s", flush=True)
            pi.hands.run("systemctl", "is-system-running", "--wait", timeout=120, may_fail=True)  # degraded is up
            pi.save(BOOTED)
        part.rename(disk)
    return disk


def _key(image: Image) -> str:
    """A snapshot fits only the image, the QEMU and the processor that it was made with."""
    version = subprocess.run([QEMU, "--version"], capture_output=True, check=True).stdout
    parts = [image.folder.name.encode(), version, repr(accelerator()).encode(), KERNEL.encode(), repr(SHAPE).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def make_packages(folder: Path, version: str) -> list[Path]:
    """The Debian packages, as `make deb` builds them for the machine that is emulated."""
    return build(Target(SUITES["trixie"], "amd64"), version, WHEN, folder, compression="none")


def _firmware(folder: Path) -> None:
    """What hw/virtual-pi/build installs, and how."""
    with tempfile.TemporaryDirectory(prefix="doorward-deb-") as name:
        for package in make_packages(Path(name), VERSION):
            if not package.name.startswith("doorward-provision_"):
                shutil.move(package, folder / package.name)
    (folder / "street.jpg").write_bytes(street())
    (folder / "install.sh").write_text(
        f"apt-get -q install -y --no-install-recommends ./doorward-*.deb\ninstall -D -m 644 street.jpg {FRAMES}/0.jpg\n"
    )
