"""Provisioning by SD card: what the operator leaves on the boot partition, which every computer can write.

doorward/device            the device's id: a key is made, and its request written to doorward/request.csr
doorward/bundle.json       the operator's answer: installed, and removed
doorward/ca-fingerprint    the CA's fingerprint, as the operator's tool prints it: what the bundle is held to

Once a device belongs to a site, whoever can write the card cannot make it another's: `ca-fingerprint` counts for the
first bundle alone.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from device import enrol
from device.adapters.store import write_atomically
from device.identity import BUNDLE
from protocol.bundle import LIMIT
from protocol.errors import ConfigError
from protocol.keys import Jwk

FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}")


def first_boot(identity: Path, boot: Path, roster_keys: Sequence[Jwk]) -> list[str]:
    """Take in what is there; what was done, a sentence each. ConfigError leaves everything as it is.

    `roster_keys` as for `enrol.install`.
    """
    folder = boot / "doorward"
    done: list[str] = []
    if (folder / "bundle.json").exists():
        first = not (identity / BUNDLE).exists()
        pins = FINGERPRINT.findall(_text(folder / "ca-fingerprint")) if first else []
        with (folder / "bundle.json").open("rb") as file:
            installed = enrol.install(identity, file.read(LIMIT + 1), pins, roster_keys)
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
