"""Provisioning by SD card: what the operator leaves on the boot partition, which every computer can write.

doorward/device            the device's id: a key is made, and its request written to doorward/request.csr
doorward/bundle.json       the operator's answer: installed, and removed
doorward/ca-fingerprint    the CA's fingerprint, a line each: what the bundle is held to
"""

from pathlib import Path

from device import enrol
from device.adapters.store import write_atomically
from protocol.bundle import LIMIT
from protocol.errors import ConfigError


def first_boot(identity: Path, boot: Path) -> list[str]:
    """Take in what is there; what was done, a sentence each. ConfigError leaves everything as it is."""
    folder = boot / "doorward"
    done: list[str] = []
    if (folder / "bundle.json").exists():
        pins = _text(folder / "ca-fingerprint").split() if (folder / "ca-fingerprint").exists() else []
        with (folder / "bundle.json").open("rb") as file:
            installed = enrol.install(identity, file.read(LIMIT + 1), pins)
        for name in ("bundle.json", "ca-fingerprint", "request.csr", "device"):
            (folder / name).unlink(missing_ok=True)
        done.append(f"{folder}/bundle.json: installed and removed; this is {installed.site}/{installed.device}")
    elif (folder / "device").exists():
        request = enrol.keygen(identity, _text(folder / "device").strip(), new=False)
        write_atomically(folder / "request.csr", request.encode())
        done.append(f"{folder}/request.csr: for the operator, who answers with doorward/bundle.json")
    return done


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
