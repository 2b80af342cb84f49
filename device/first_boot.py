"""Provisioning by SD card: what the operator leaves on the boot partition, which every computer can write.

doorward/device            the device's id: a key is made, and its request written to doorward/request.csr
doorward/bundle.json       the operator's answer: installed, and removed
doorward/pins              what `doorward-provision ca pins` prints: what the first bundle is held to
doorward/error.txt         what went wrong, for whoever puts the card into a computer again

Once a device belongs to a site, whoever can write the card cannot make it another's: `pins` count for the first bundle
alone. A bundle that stays, as the partition cannot be written, is installed once and never takes a later one's place.
"""

import codecs
import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from device import enrol
from device.adapters.store import write_atomically
from device.identity import BUNDLE
from protocol.bundle import LIMIT
from protocol.errors import ConfigError, DoorwardError
from protocol.keys import Jwk

FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}")
ROSTER_KEY = re.compile(r"--roster-key[= ]([A-Za-z0-9_-]{43})\b")

ERROR = "error.txt"


def first_boot(identity: Path, boot: Path, successors: Sequence[Jwk]) -> list[str]:
    """Take in what is there; what was done, a sentence each. `successors` as for `enrol.install`.

    ConfigError for what is left there, and leaves the identity as it is; DoorwardError if the partition cannot be
    read or written, by when a bundle may have been installed. Either is left on the card, too, where that can be.
    """
    folder = boot / "doorward"
    try:
        with _card("nothing was taken in"):
            done = _take_in(identity, folder, successors)
    except DoorwardError as error:
        with contextlib.suppress(OSError):  # the journal has it
            write_atomically(folder / ERROR, f"{error}\n".encode())
        raise
    with contextlib.suppress(OSError):  # a partition that cannot be written has none of ours
        (folder / ERROR).unlink(missing_ok=True)
    return done


def _take_in(identity: Path, folder: Path, successors: Sequence[Jwk]) -> list[str]:
    card = folder / "bundle.json"
    if card.exists():
        first = not (identity / BUNDLE).exists()
        pins = _pins(_text(folder / "pins")) if first else enrol.Pins()
        bundle = _text(card, LIMIT).encode()
        try:
            installed = enrol.install(identity, bundle, pins, successors, newer_only=True)
        except enrol.NotNewer as error:
            return [f"{card}: passed over, and {_tidied(folder)}: {error}"]
        with _card(f"{card} was installed, and will be passed over from now on"):
            _tidy(folder)
        return [f"{card}: installed and removed; this is {installed.site}/{installed.device}"]
    if (folder / "device").exists():
        request = enrol.keygen(identity, _text(folder / "device").strip(), new=False)
        with _card("there is a key, and its request could not be left for the operator"):
            write_atomically(folder / "request.csr", request.encode())
        return [f"{folder}/request.csr: for the operator, who answers with doorward/bundle.json"]
    return []


def _tidied(folder: Path) -> str:
    try:
        _tidy(folder)
    except OSError as error:
        return f"left there ({error.strerror})"
    return "removed"


def _tidy(folder: Path) -> None:
    """The bundle last: while it is there, what is left of the others is not taken for a new beginning."""
    for name in ("pins", "request.csr", "device", "bundle.json"):
        (folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def _card(then: str) -> Iterator[None]:
    """What the card does not allow, as one line that says how far it went."""
    try:
        yield
    except OSError as error:
        raise DoorwardError(
            f"{error.filename or 'the boot partition'}: {error.strerror}; {then}; is the partition full, or mounted "
            "read-only (`raspi-config`, overlay file system)? make it one that can be written, or use ssh"
        ) from error


def _pins(text: str) -> enrol.Pins:
    key = ROSTER_KEY.search(text)
    return enrol.Pins(FINGERPRINT.findall(text), key and key[1])


def _text(path: Path, limit: int = 64 * 1024) -> str:
    """A file's text as any computer's editor or shell writes it: with a byte order mark, UTF-16 where that says so."""
    try:
        with path.open("rb") as file:
            data = file.read(2 * limit + 4)
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return data.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
