"""A house kept by an operator with the real tool: site folder, ssh to the door and to the server, and a person's phone.

The operator's shell runs in the door's network. `ssh door` and `ssh server` reach a real sshd there, whose PATH has our
commands, and shims for `sudo` and `systemctl`.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext

from tests.harness.control import Control
from tests.harness.namespaces import DOOR_ADDRESS, Network
from tests.harness.processes import SCALE, Process, wait_until
from tests.harness.pulse import PulseDoor
from tests.harness.service import Service
from tests.harness.world import BIN, DEVICE

PASSPHRASE = "a correct horse battery"
SSH_PORT = 2022
SERVER_FILES = "/etc/doorward-signaling"
SERVER_STATE = "/var/lib/doorward-signaling"
SSHD = "/usr/sbin/sshd"

FIRST_EVENING = f"""
doorward-provision site init home --host {DOOR_ADDRESS}
doorward-provision server files | ssh server tar -x -C {SERVER_FILES}
"""

SECOND_EVENING = f"""
doorward-provision device enroll door --device {DEVICE}
doorward-provision button set {DEVICE} flat-1 --label 'Flat 1'
doorward-provision door set {DEVICE} main --label 'Street door'
doorward-provision publish --wait 0 || test $? = 4
"""


def missing() -> str | None:
    """Why there can be no ssh to the door here; None if there can."""
    return None if Path(SSHD).exists() else "sshd is not installed (openssh-server)"


@dataclass
class Estate:
    """`folder` has everything; `device` and `server` are kept running as services."""

    folder: Path
    net: Network
    pulse: PulseDoor
    server: Service
    device: Service
    env: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Path:
        """The site's folder, as the operator's shell has it now."""
        return self.folder / "operator" / self.env["DOORWARD_SITE"]

    @property
    def ca_path(self) -> Path:
        return self.site / "ca.pem"

    @property
    def control(self) -> Control:
        return Control(self.folder / "control.sock")

    def sh(self, script: str, *, may_fail: bool = False) -> str:
        """What the operator's shell prints for `script`, which must end well; `export`s last."""
        text = script.replace(SERVER_FILES, str(self.folder / "server"))
        words = self.net.at_door("bash", "-euo", "pipefail", "-c", f"{text}\nenv -0 > {self.folder}/env")
        done = subprocess.run(
            words,
            cwd=self.folder / "operator",
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120 * SCALE,
            check=False,
        )
        if done.returncode and not may_fail:
            raise AssertionError(f"{script}\nexit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        if not done.returncode:
            kept = dict(one.split("=", 1) for one in (self.folder / "env").read_text().split("\0") if one)
            self.env["DOORWARD_SITE"] = kept["DOORWARD_SITE"]
        return done.stdout + done.stderr

    def passphrase(self, words: str) -> None:
        """What the operator's tool is given from now on."""
        (self.folder / "credentials" / "doorward-passphrase").write_text(words + "\n")

    def new_passphrase(self, words: str) -> None:
        """What it is given where it asks for another one."""
        (self.folder / "credentials" / "doorward-new-passphrase").write_text(words + "\n")

    def status(self) -> dict[str, object]:
        return self.control.ask(do="status")

    def wait_for(self, what: str, **wanted: object) -> None:
        """Until the daemon's status has these members."""

        def has() -> bool:
            try:
                status = self.status()
            except OSError:  # it is starting anew
                return False
            return all(status[name] == value for name, value in wanted.items())

        wait_until(what, has, 30)


@contextlib.contextmanager
def estate(folder: Path, net: Network, pulse: PulseDoor) -> Iterator[Estate]:
    """The house after its first evening: server and door run, nobody is invited yet."""
    for part in ("operator", "server", "run", "shims", "credentials", "ssh"):
        (folder / part).mkdir(mode=0o700)
    _shims(folder)
    device_config = _device_config(folder)
    env = {
        **os.environ,
        "PATH": f"{folder / 'shims' / 'operator'}:{BIN}:{os.environ['PATH']}",
        "CREDENTIALS_DIRECTORY": str(folder / "credentials"),
        "DOORWARD_SITE": "home",
    }
    bare = Estate(folder, net, pulse, None, None, env)  # type: ignore[arg-type] # the services need the first evening's files
    with contextlib.ExitStack() as stack:
        bare.passphrase(PASSPHRASE)
        stack.enter_context(_sshd(folder, net, device_config))
        bare.sh(FIRST_EVENING)
        bare.server = Service("doorward-signaling", folder / "run", lambda: _start_server(folder, net))
        stack.callback(bare.server.close)
        bare.sh(SECOND_EVENING)
        bare.device = Service("doorward-device", folder / "run", lambda: _start_device(device_config, net, pulse))
        stack.callback(bare.device.close)
        bare.wait_for("the door to be connected", signaling=True)
        yield bare


class Phone:
    """A person's browser in the home's network."""

    def __init__(self, context: BrowserContext, name: str) -> None:
        self.name = name
        self.page = context.new_page()
        self.page.set_default_timeout(20_000 * SCALE)

    def accept(self, link: str) -> None:
        self.page.goto(link)
        self.page.click("#confirm-invitation")
        self.wait_for("idle")

    def wait_for(self, phase: str) -> None:
        self.page.wait_for_selector(f'#door-{DEVICE}[data-phase="{phase}"]')

    def click(self, deed: str) -> None:
        self.page.click(f"#{deed}-{DEVICE}")


def link_in(printed: str) -> str:
    """The invitation in what the tool printed."""
    (link,) = [line for line in printed.splitlines() if "#i=" in line]
    return link


def _start_server(folder: Path, net: Network) -> Process:
    config = folder / "server" / "signaling.toml"
    config.write_text(config.read_text().replace(SERVER_STATE, str(folder / "server-state")))
    process = Process(net.at_door(str(BIN / "doorward-signaling"), "run", "--config", str(config)))
    process.wait_for("listening")
    return process


def _start_device(config: Path, net: Network, pulse: PulseDoor) -> Process:
    process = Process(net.at_door(str(BIN / "doorward-device"), "run", "--config", str(config)), env=pulse.env)
    process.wait_for("armed")
    return process


def _device_config(folder: Path) -> Path:
    path = folder / "device.toml"
    path.write_text(
        f'identity = "identity"\nstate = "device-state"\ncontrol_socket = "control.sock"\n[gpio]\npins = "mock"\n'
        "[button.flat-1]\n[door.main]\nopen_s = 1.0\n[lamp]\n"
        f'[sound]\ncapture = "door_capture"\nplayback = "door_playback"\n[media]\nhost_addresses = ["{DOOR_ADDRESS}"]\n'
    )
    return path


def _shims(folder: Path) -> None:
    """`ssh` for the operator; `sudo` and `systemctl` on the machines."""
    operator, machine = folder / "shims" / "operator", folder / "shims" / "machine"
    texts = {
        operator / "ssh": f'exec /usr/bin/ssh -F "{folder}/ssh/config" "$@"',
        machine / "sudo": 'exec "$@"',
        machine
        / "systemctl": f'wish="{folder}/run/restart-$2"; touch "$wish"; while [ -e "$wish" ]; do sleep 0.05; done',
    }
    for path, text in texts.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)


@contextlib.contextmanager
def _sshd(folder: Path, net: Network, device_config: Path) -> Iterator[None]:
    """A real sshd in the door's network, for one key, on the one port that both names lead to."""
    ssh = folder / "ssh"
    for name in ("host", "operator"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ssh / name)], check=True)
    shutil.copy(ssh / "operator.pub", ssh / "authorized_keys")
    public = (ssh / "host.pub").read_text()
    (ssh / "known_hosts").write_text(f"[{DOOR_ADDRESS}]:{SSH_PORT} {public}")
    (ssh / "config").write_text(
        f"Host door server\n HostName {DOOR_ADDRESS}\n Port {SSH_PORT}\n User root\n"
        f" IdentityFile {ssh}/operator\n UserKnownHostsFile {ssh}/known_hosts\n BatchMode yes\n IdentitiesOnly yes\n"
    )
    (ssh / "sshd_config").write_text(
        f"ListenAddress {DOOR_ADDRESS}\nPort {SSH_PORT}\nHostKey {ssh}/host\nAuthorizedKeysFile {ssh}/authorized_keys\n"
        f"PidFile none\nUsePAM no\nPasswordAuthentication no\nStrictModes no\nPermitRootLogin prohibit-password\n"
        f"SetEnv PATH={folder}/shims/machine:{BIN}:/usr/bin:/bin DOORWARD_DEVICE_CONFIG={device_config}\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    process = Process(net.at_door(SSHD, "-D", "-e", "-f", str(ssh / "sshd_config")))
    try:
        wait_until("sshd", lambda: any("listening" in line for line in process.other))
        yield
    finally:
        process.stop()
