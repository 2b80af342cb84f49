"""`make virtual-pi` and hw/virtual-pi/run: build what is missing, or a shell on its serial console."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hil.virtual.delivery import CACHE
from tests.hil.virtual.firmware import booted, build_image
from tests.hil.virtual.machine import KERNEL, QEMU, SHAPE, accelerator, missing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("do", choices=("image", "build", "shell"))  # image: nothing is emulated yet
    do = parser.parse_args().do
    if reason := missing():
        print(f"virtual-pi: {reason}", file=sys.stderr)
        return 1
    image = build_image(CACHE)
    if do == "image":
        return 0
    disk = booted(CACHE, image)
    print(
        f"virtual-pi: {image.folder}: kernel, initrd and disk; {disk}: with the firmware, and a snapshot of it running"
    )
    if do == "build":
        return 0
    print("virtual-pi: booting; Ctrl-A x ends it, and with it everything that was changed", flush=True)
    with tempfile.TemporaryDirectory(prefix="doorward-pi-") as folder:
        scratch = Path(folder) / "disk.qcow2"
        backed = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(disk.resolve()), str(scratch)]
        subprocess.run(backed, check=True)
        command = [
            *(QEMU, "-M", "q35", *accelerator(), *SHAPE, "-nographic", "-nic", "user"),
            *("-kernel", image.part("vmlinuz"), "-initrd", image.part("initrd"), "-append", KERNEL),
            *("-drive", f"if=virtio,format=qcow2,file={scratch}"),
        ]
        return subprocess.run(command, check=False, env=os.environ).returncode


if __name__ == "__main__":
    sys.exit(main())
