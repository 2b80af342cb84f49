"""A site's folder as an operator has it on the second evening, made once and copied; and the command in-process."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from protocol.keys import PrivateKey, new_key
from provisioning import seal
from provisioning.cli import main
from provisioning.devices import revise, sign_device
from provisioning.folder import SiteFolder
from provisioning.house import init_site
from provisioning.people import invite
from provisioning.rosters import with_button, with_door

PASSPHRASE = "a correct horse battery"
DEVICE, OTHER = "front-door", "side-door"
HOST = "door.example"
CHEAP = 1000


@dataclass(frozen=True)
class Home:
    """The folder, and the key of its one device, which is nowhere in it."""

    folder: SiteFolder
    key: PrivateKey

    @property
    def path(self) -> Path:
        return self.folder.path

    def run(self, *words: str | Path, data: bytes | str | None = None) -> Result:
        """`doorward-provision WORDS` in this process."""
        return provision(self.path, *words, data=data)

    def copy(self, to: Path) -> "Home":
        return Home(SiteFolder(Path(shutil.copytree(self.path, to))), self.key)


def now() -> datetime:
    return datetime.now(UTC)


def request(key: PrivateKey, device: str = DEVICE) -> bytes:
    """What `doorward-device keygen` prints."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
    signed = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


@cache
def original(path: Path) -> Home:
    """A site of two devices; one has a button, a strike and Alice."""
    at = now()
    folder, key = SiteFolder(path / "original"), new_key()
    init_site(folder, "home", [HOST, "192.168.1.20"], ["192.168.2.0/24"], PASSPHRASE, at)
    keys = folder.keys(PASSPHRASE)
    with folder.change():
        sign_device(folder, keys, DEVICE, request(key), at)
        sign_device(folder, keys, OTHER, request(new_key(), OTHER), at)
        revise(folder, keys.roster_key, DEVICE, lambda roster: with_button(roster, "flat-1", "Flat 1", None), at)
        revise(folder, keys.roster_key, DEVICE, lambda roster: with_door(roster, "main", "Street door"), at)
        invite(folder, keys, "alice", "Alice", [DEVICE], ["flat-1"], ["talk", "open"], at)
    return Home(folder, key)


def cheap(patch: pytest.MonkeyPatch) -> None:
    """Neither sealing nor the disk takes time: these tests are not about guessing passphrases, nor about power cuts."""
    patch.setattr(seal, "ITERATIONS", CHEAP)
    patch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of it, to be changed."""
    cheap(monkeypatch)
    return original(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


def provision(site: Path, *words: str | Path, data: bytes | str | None = None) -> Result:
    passphrase = site.parent / "credentials" / "doorward-passphrase"
    passphrase.parent.mkdir(mode=0o700, exist_ok=True)
    if not passphrase.exists():
        passphrase.write_text(PASSPHRASE + "\n")
    env = {"DOORWARD_SITE": str(site), "CREDENTIALS_DIRECTORY": str(passphrase.parent)}
    return CliRunner().invoke(main, [str(word) for word in words], input=data, env=env)


def contents(path: Path) -> dict[str, bytes]:
    """Every file that counts: not the lock."""
    files = (file for file in sorted(path.rglob("*")) if file.is_file() and file.name != ".lock")
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def said(result: Result, code: int, *words: str) -> None:
    """One line with these words, and this exit code."""
    shown: Sequence[str] = result.stderr.splitlines()
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    assert len(shown) == 1, result.output
    for word in words:
        assert word in shown[0], shown[0]
