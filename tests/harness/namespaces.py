"""Two network namespaces joined by a veth pair: the door's network and the home's, made and removed by the test.

Calls cannot be tried on loopback, since neither aiortc nor a browser offers it as a candidate.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

DOOR_ADDRESS = "10.213.77.1"
HOME_ADDRESS = "10.213.77.2"


@dataclass(frozen=True, slots=True)
class Network:
    """Names of the two namespaces and the door's end of the cable."""

    door: str
    home: str
    door_link: str

    def at_door(self, *command: str) -> list[str]:
        """`command`, run in the door's network."""
        return ["ip", "netns", "exec", self.door, *command]

    def at_home(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.home, *command]

    @contextlib.contextmanager
    def throttled(self, port: int, bitrate_bps: int) -> Iterator[None]:
        """Let no more than this through to one UDP port at home, with half a second of queue, while the block lasts."""
        qdisc = ["-n", self.door, "qdisc"]
        _tc(*qdisc, "add", "dev", self.door_link, "root", "handle", "1:", "htb", "default", "1")
        to = ["dev", self.door_link, "parent", "1:"]
        for number, rate in ((1, "1gbit"), (2, f"{bitrate_bps}bit")):
            _tc("-n", self.door, "class", "add", *to, "classid", f"1:{number}", "htb", "rate", rate)
        queue = str(max(8, bitrate_bps // 20_000))  # packets of 1200 bytes
        _tc(*qdisc, "add", "dev", self.door_link, "parent", "1:2", "pfifo", "limit", queue)
        match = ["u32", "match", "ip", "dport", str(port), "0xffff"]
        _tc("-n", self.door, "filter", "add", *to, "protocol", "ip", *match, "flowid", "1:2")
        try:
            yield
        finally:
            _tc(*qdisc, "del", "dev", self.door_link, "root")

    def cable(self, *, plugged: bool) -> None:
        """Pull or plug the cable between the two."""
        _ip("-n", self.door, "link", "set", self.door_link, "up" if plugged else "down")


def missing() -> str | None:
    """Why this machine cannot make namespaces; None if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "the command `ip` is not installed (iproute2)"
    name = f"dw{os.getpid() % 100_000}-try"
    try:
        _ip("netns", "add", name)
        _ip("netns", "exec", name, "true")
    except RuntimeError as error:
        return f"network namespaces cannot be made here: {error}"
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return None


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Make both namespaces; they are gone afterwards, whatever happened."""
    mark = f"dw{os.getpid() % 100_000}"
    made = Network(f"{mark}-door", f"{mark}-home", f"{mark}d")
    try:
        for name in (made.door, made.home):
            _ip("netns", "add", name)
            # IPv6 would give the links addresses of their own a second later, and a browser drops what it is doing
            # when its network changes.
            _ip("netns", "exec", name, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
            _ip("-n", name, "link", "set", "lo", "up")
        _ip(
            "-n",
            made.door,
            "link",
            "add",
            made.door_link,
            "type",
            "veth",
            "peer",
            "name",
            f"{mark}h",
            "netns",
            made.home,
        )
        for name, link, address in (
            (made.door, made.door_link, DOOR_ADDRESS),
            (made.home, f"{mark}h", HOME_ADDRESS),
        ):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
            _ip("-n", name, "link", "set", link, "up")
            _ip("-n", name, "route", "add", "default", "dev", link)
        yield made
    finally:
        for name in (made.door, made.home):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _tc(*arguments: str) -> None:
    _run("tc", *arguments)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
