"""The operator's own computer: a shell with the real tool, a site's folder, and ssh to where the names lead."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.harness.processes import SCALE
from tests.harness.world import BIN

PASSPHRASE = "a correct horse battery"


class Operator:
    """`at_home` gets a command into the network of the house. `hosts` maps ssh's names to addresses; root is there."""

    def __init__(self, folder: Path, at_home: Callable[..., list[str]], hosts: Mapping[str, str] | None = None) -> None:
        folder.mkdir(mode=0o700)
        self.folder = folder
        self._at_home = at_home
        self.key = folder / "key"
        self._shims(hosts or {})
        (folder / "doorward-passphrase").write_text(PASSPHRASE + "\n")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        self.env = {
            **inherited,
            "HOME": str(folder),
            "PATH": f"{folder / 'bin'}:{BIN}:{os.environ['PATH']}",
            "CREDENTIALS_DIRECTORY": str(folder),
            "DOORWARD_SITE": str(folder / "site"),
        }

    @property
    def site(self) -> Path:
        """The site's folder, as the shell has it now."""
        return Path(self.env["DOORWARD_SITE"])

    def sh(self, script: str, *, given: bytes = b"", within: float = 300.0, outside: bool = False) -> bytes:
        """What the script prints, which must end well; what it exports lasts. `outside`: in this machine's network."""
        words = ["bash", "-euo", "pipefail", "-c", f"{script}\nenv -0 > {self.folder}/env"]
        words = words if outside else self._at_home(*words)
        done = subprocess.run(
            words, env=self.env, input=given, capture_output=True, timeout=within * SCALE, check=False
        )
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise AssertionError(f"{script}\nexit code {done.returncode}\n{said}")
        kept = (self.folder / "env").read_text().split("\0")
        self.env["DOORWARD_SITE"] = dict(one.split("=", 1) for one in kept if one)["DOORWARD_SITE"]
        return done.stdout

    def _shims(self, hosts: Mapping[str, str]) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        options = (
            f" User root\n IdentityFile {self.key}\n UserKnownHostsFile {self.folder}/known_hosts\n BatchMode yes\n"
            " StrictHostKeyChecking accept-new\n ConnectTimeout 60\n ServerAliveInterval 30\n"
        )
        config = self.folder / "ssh_config"
        config.write_text("".join(f"Host {name}\n HostName {address}\n{options}" for name, address in hosts.items()))
        (self.folder / "bin").mkdir()
        for program in ("ssh", "scp"):
            shim = self.folder / "bin" / program
            shim.write_text(f'#!/bin/sh\nexec /usr/bin/{program} -F "{config}" "$@"\n')
            shim.chmod(0o755)
