"""The virtual Pi's network: a namespace with a tap device, whose other end is the Pi. The tests' server lives here."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

HERE, PI, PI_LATER = "10.77.0.1", "10.77.0.2", "10.77.0.3"
TAP = "pi0"


@dataclass(frozen=True, slots=True)
class Wire:
    """The namespace by its name."""

    name: str

    @property
    def prefix(self) -> list[str]:
        """Before a command that is to run in there."""
        return ["ip", "netns", "exec", self.name]


@contextlib.contextmanager
def wire() -> Iterator[Wire]:
    """Make it; it is gone afterwards."""
    made = Wire(f"dwpi{os.getpid() % 100_000}")
    _ip("netns", "add", made.name)
    try:
        inside = ("-n", made.name)
        _ip("netns", "exec", made.name, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
        _ip(*inside, "link", "set", "lo", "up")
        _ip(*inside, "tuntap", "add", "dev", TAP, "mode", "tap")
        _ip(*inside, "addr", "add", f"{HERE}/24", "dev", TAP)
        _ip(*inside, "link", "set", TAP, "up")
        _ip(*inside, "route", "add", "default", "dev", TAP)
        yield made
    finally:
        subprocess.run(["ip", "netns", "del", made.name], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
