"""A QEMU machine: started in a network namespace of its own, frozen, cut off, put back to a snapshot."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.processes import SCALE, wait_until
from tests.hil.hands import Hands

QEMU = "qemu-system-x86_64"
BOOT_S = 300.0
"""An emulated boot takes 80 to 130 s on two cores that have nothing else to do."""

SHAPE = ("-smp", "1", "-m", "1024")
"""One processor: of two, emulated on a busy machine, one spins while the other, which has the lock, has no turn."""

KERNEL = "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 mitigations=off audit=0 apparmor=0"


def missing() -> str | None:
    """Why no such machine can run here; None if one can."""
    for program, package in ((QEMU, "qemu-system-x86"), ("qemu-img", "qemu-utils"), ("mmdebstrap",) * 2):
        if shutil.which(program) is None:
            return f"{program} is not installed ({package}): .ci/setup-virtual-pi"
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        return "a tap device needs root and /dev/net/tun"
    return None


def accelerator() -> tuple[str, ...]:
    """Emulation, which works everywhere; KVM if DOORWARD_VM=kvm.

    It is not chosen by itself: under some hypervisors /dev/kvm can be opened, and fails in the guest's kernel.
    """
    if os.environ.get("DOORWARD_VM") == "kvm":
        return ("-accel", "kvm", "-cpu", "host")
    return ("-accel", "tcg,thread=multi", "-cpu", "max")


@dataclass(frozen=True, slots=True)
class Image:
    """The folder that hw/virtual-pi/build made."""

    folder: Path

    def part(self, name: str) -> str:
        return str(self.folder / name)


class Machine:
    """One running machine; `hands` is its agent. `disk` must be a qcow2 of its own, and is written to."""

    def __init__(self, image: Image, disk: Path, run: Path, prefix: Sequence[str], tap: str, *, paused: bool) -> None:
        self._run = run
        run.mkdir(parents=True, exist_ok=True)
        (run / "console.log").unlink(missing_ok=True)
        self._command = [
            *(*prefix, QEMU, "-M", "q35", *accelerator(), *SHAPE, "-display", "none"),
            *("-nodefaults", "-no-user-config", "-rtc", "base=utc"),
            *("-kernel", image.part("vmlinuz"), "-initrd", image.part("initrd"), "-append", KERNEL),
            *(
                "-drive",
                f"if=none,id=disk,format=qcow2,file={disk},cache=unsafe",
                "-device",
                "virtio-blk-pci,drive=disk",
            ),
            *("-netdev", f"tap,id=net,ifname={tap},script=no,downscript=no", "-device", "virtio-net-pci,netdev=net"),
            *("-chardev", f"file,id=console,path={run / 'console.log'},append=on", "-serial", "chardev:console"),
            *("-device", "virtio-rng-pci", "-device", "qemu-xhci"),
            *("-device", "virtio-serial-pci", "-chardev", f"socket,id=rig,path={run / 'rig'},server=on,wait=off"),
            *("-device", "virtserialport,chardev=rig,name=rig"),
            *("-qmp", f"unix:{run / 'qmp'},server=on,wait=off"),
        ]
        self._open = contextlib.ExitStack()
        self._start(paused=paused)

    def _start(self, *, paused: bool) -> None:
        for name in ("qmp", "rig"):
            (self._run / name).unlink(missing_ok=True)
        command = [*self._command, *(("-S",) if paused else ())]
        with (self._run / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._open.callback(self._end)
        self._has_run = not paused
        try:
            self._monitor = self._open.enter_context(self._connect("qmp").makefile("rw", encoding="utf-8"))
            self._monitor.readline()
            self.command("qmp_capabilities")
            port = self._connect("rig")
        except BaseException:
            self.close()
            raise
        self.hands = Hands(port.sendall)
        listener = threading.Thread(target=_listen, args=(port, self.hands), daemon=True)
        listener.start()
        self._open.callback(listener.join, 10)
        self._open.callback(port.shutdown, socket.SHUT_RDWR)

    def command(self, do: str, /, **arguments: object) -> Any:
        """A QMP command's answer; RuntimeError if QEMU refuses it."""
        self._monitor.write(json.dumps({"execute": do, "arguments": arguments}) + "\n")
        self._monitor.flush()
        for line in self._monitor:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"qemu: {do}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise RuntimeError(f"qemu: {do}: it ended: {(self._run / 'qemu.log').read_text()[-2000:]}")

    def wait_until_up(self, within: float = BOOT_S) -> float:
        """Until the agent answers, and systemd is done; how long it took, in seconds."""
        return wait_until("the agent in the virtual Pi", self._answers, within)

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"qemu ended: {(self._run / 'qemu.log').read_text()[-2000:]}")
        pending = self.hands.start("levels", 0, lines=[])
        with contextlib.suppress(Exception):
            pending.answers.get(timeout=1.0)
            return True
        return False

    def save(self, name: str) -> None:
        self._told("savevm", name)

    def load(self, name: str) -> None:
        """Put everything back: memory, devices and disk. The guest's clocks are then where they were.

        In a new process: an old one keeps the processor's counter from ever going back (`cpu_ticks_prev` in QEMU's
        softmmu/cpu-timers.c, 7.2), so that the guest sees minutes pass between two instructions, and watchdogs fire.
        """
        if self._has_run:
            self.close()
            self._start(paused=True)
        self._has_run = True
        self._told("loadvm", name)
        self.command("cont")

    def freeze(self) -> None:
        self.command("stop")

    def reset(self) -> None:
        """What a power cut leaves of it, switched on again: nothing but what the disk was given."""
        self.command("system_reset")
        self.command("cont")

    def cable(self, *, plugged: bool) -> None:
        self.command("set_link", name="net", up=plugged)

    def plug(self, stick: Path) -> None:
        """A USB stick, of this file; it stays there after `reset`, and is gone after `load`."""
        file = {"driver": "file", "filename": str(stick)}
        self.command("blockdev-add", **{"node-name": "stick", "driver": "raw", "file": file})
        self.command("device_add", driver="usb-storage", id="stick", drive="stick")

    def close(self) -> None:
        """Ask it to end, so that its disk is whole."""
        with contextlib.suppress(OSError, RuntimeError, ValueError, AttributeError):  # it may have ended, or not begun
            self.command("quit")
        self._open.close()

    def _end(self) -> None:
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def console(self) -> str:
        """What it said on its serial line."""
        return (self._run / "console.log").read_text(errors="replace")

    def _told(self, *words: str) -> None:
        said = self.command("human-monitor-command", **{"command-line": " ".join(words)})
        if said.strip():
            raise RuntimeError(f"qemu: {' '.join(words)}: {said.strip()}")

    def _connect(self, name: str) -> socket.socket:
        connection = self._open.enter_context(socket.socket(socket.AF_UNIX))

        def there() -> bool:
            if self._process.poll() is not None:
                raise RuntimeError(f"qemu ended: {(self._run / 'qemu.log').read_text()[-2000:]}")
            try:
                connection.connect(str(self._run / name))
            except (FileNotFoundError, ConnectionRefusedError):  # it is starting
                return False
            return True

        wait_until(f"qemu's socket {name}", there, 20 * SCALE)
        return connection


def _listen(port: socket.socket, hands: Hands) -> None:
    with contextlib.suppress(OSError):
        while data := port.recv(65536):
            hands.heard(data)


@contextlib.contextmanager
def machine(
    image: Image, disk: Path, run: Path, prefix: Sequence[str], tap: str, *, paused: bool = False
) -> Iterator[Machine]:
    """A machine that is gone afterwards."""
    made = Machine(image, disk, run, prefix, tap, paused=paused)
    try:
        yield made
    finally:
        made.close()
