"""Provisioning by SD card: what the operator leaves on the boot partition, which every computer can write.

doorward/device            the device's id: a key is made, and its request written to doorward/request.csr
doorward/bundle.json       the operator's answer: installed, and removed
doorward/pins              what `doorward-provision ca pins` prints: what the first bundle is held to

Once a device belongs to a site, whoever can write the card cannot make it another's: `pins` count for the first bundle
alone.
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
ROSTER_KEY = re.compile(r"--roster-key[= ]([A-Za-z0-9_-]{43})\b")


def first_boot(identity: Path, boot: Path, successors: Sequence[Jwk]) -> list[str]:
    """Take in what is there; what was done, a sentence each. ConfigError leaves everything as it is.

    `successors` as for `enrol.install`.
    """
    folder = boot / "doorward"
    done: list[str] = []
    if (folder / "bundle.json").exists():
        first = not (identity / BUNDLE).exists()
        pins = _pins(_text(folder / "pins")) if first else enrol.Pins()
        with (folder / "bundle.json").open("rb") as file:
            installed = enrol.install(identity, file.read(LIMIT + 1), pins, successors)
        for name in ("bundle.json", "pins", "request.csr", "device"):
            (folder / name).unlink(missing_ok=True)
        done.append(f"{folder}/bundle.json: installed and removed; this is {installed.site}/{installed.device}")
    elif (folder / "device").exists():
        request = enrol.keygen(identity, _text(folder / "device").strip(), new=False)
        write_atomically(folder / "request.csr", request.encode())
        done.append(f"{folder}/request.csr: for the operator, who answers with doorward/bundle.json")
    return done


def _pins(text: str) -> enrol.Pins:
    key = ROSTER_KEY.search(text)
    return enrol.Pins(FINGERPRINT.findall(text), key and key[1])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
