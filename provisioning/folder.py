"""The site folder on the operator's machine: what is in it, and where. Nothing in it opens a door by itself.

site.json          names and ports                    ca.pem            one CA, two during a change
ca-key.jwe         sealed: signs certificates         successions.jws   how the roster key came to be this one
roster-key.jwe     sealed: signs rosters              rosters/ID.jws    the newest roster of each device
server.pem         the server's certificate           devices/ID.pem    its certificate, two during a renewal
server-key.jwe     sealed: its key, for `server files`
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cryptography import x509
from msgspec import Meta, Struct

from protocol.certificates import load_certificates
from protocol.codec import decode, encode
from protocol.errors import ConfigError, DoorwardError, PeerError
from protocol.ids import Id
from protocol.keys import PrivateKey, PublicJwk, load_private_key, private_key_pem, public_jwk
from protocol.roster import Roster, SignedRoster, sign_roster, verify_roster
from provisioning.authority import Authority, pem
from provisioning.files import write_file
from provisioning.seal import seal, unseal

Port = Annotated[int, Meta(ge=1, le=65535)]
Name = Annotated[str, Meta(min_length=1, max_length=253)]


class Record(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """site.json. `hosts[0]` is the server's name in links; `page_url` where people open the page; `within` what the CA
    may vouch for besides the hosts.

    `first_roster_key` is where the successions begin: the server is set up with it.
    """

    v: Literal[1] = 1
    site: Id
    hosts: Annotated[list[Name], Meta(min_length=1, max_length=16)]
    devices_port: Port = 8444
    people_port: Port = 8443
    page_url: Annotated[str, Meta(pattern=r"\Ahttps://[a-z0-9.:\[\]-]+/[A-Za-z0-9/_.-]*\Z", max_length=300)]
    within: list[str] = []
    roster_key: PublicJwk
    first_roster_key: PublicJwk

    @property
    def own_page(self) -> str:
        """The page as the signaling server serves it."""
        return f"https://{host_port(self.hosts[0], self.people_port)}/"

    @property
    def devices_address(self) -> str:
        return f"wss://{host_port(self.hosts[0], self.devices_port)}"

    @property
    def people_address(self) -> str:
        return f"wss://{host_port(self.hosts[0], self.people_port)}/answerer"


CHANGE = ".change.json"
"""A change that was begun: written whole before anything else is touched."""

ARCHIVE_LIMIT = 16 * 1024 * 1024
"""Bytes of a change or a backup."""

FILES = ("site.json", "ca.pem", "ca-key.jwe", "roster-key.jwe", "server.pem", "server-key.jwe", "successions.jws")
PARTS = {"devices": ".pem", "rosters": ".jws"}

BEGUN = {".lock", f".{CHANGE}.new", *PARTS}
"""What is there of a site that was not made: its making was interrupted."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The two secrets of a site, opened."""

    authority: Authority
    roster_key: PrivateKey


class SiteFolder:
    """Reads and writes the folder; every write replaces a file whole. ConfigError names a file that is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending: dict[str, str | None] = {}
        self._changing = False

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """All that is written within takes effect together at the end, or, after an error, not at all.

        Nobody else changes the site meanwhile; ConfigError if somebody does.
        """
        if not self.path.is_dir():
            raise ConfigError(f"{self.path}: there is no site; name its folder with --site")
        with self._alone(fcntl.LOCK_NB):
            self._finish()
            self._changing = True
            try:
                yield
                self._commit(self._pending)
            finally:
                self._pending, self._changing = {}, False

    # What is public

    def record(self) -> Record:
        try:
            return decode(self._read("site.json"), Record)
        except PeerError as error:
            raise ConfigError(f"{self.path}/site.json: {error}; restore it from the site's backup") from error

    def write_record(self, record: Record) -> None:
        text = encode(record)
        try:
            decode(text, Record)  # a record that could not be read again is never written
        except PeerError as error:
            raise DoorwardError(f"{self.path}: {error}; a page's address is https://HOST[:PORT]/PATH") from error
        self._write("site.json", text)

    def authorities(self) -> list[x509.Certificate]:
        """The CAs that are trusted; the last one signs."""
        return load_certificates(self._read("ca.pem").encode(), str(self.path / "ca.pem"))

    def write_authorities(self, certificates: list[x509.Certificate]) -> None:
        self._write("ca.pem", "".join(pem(certificate) for certificate in certificates))

    def server_certificate(self) -> x509.Certificate:
        return load_certificates(self._read("server.pem").encode(), str(self.path / "server.pem"))[0]

    def write_server_certificate(self, certificate: x509.Certificate) -> None:
        self._write("server.pem", pem(certificate))

    def devices(self) -> list[str]:
        """The ids of devices that belong to the site."""
        return self._stems("devices", ".pem")

    def certificates(self, device: str) -> list[x509.Certificate]:
        """A device's certificate, the newest last; ConfigError lists the devices if it is none."""
        if device not in self.devices():
            raise ConfigError(f"{device!r}: no device of this site; there are: {', '.join(self.devices()) or 'none'}")
        name = f"devices/{device}.pem"
        return load_certificates(self._read(name).encode(), str(self.path / name))

    def write_certificates(self, device: str, certificates: list[x509.Certificate]) -> None:
        self._write(f"devices/{device}.pem", "".join(pem(certificate) for certificate in certificates))

    def forget_device(self, device: str) -> None:
        self._pending[f"devices/{device}.pem"] = None

    def successions(self) -> list[str]:
        """The documents that introduced each roster key after the first, the oldest first."""
        return self._read("successions.jws").split() if self._exists("successions.jws") else []

    def write_successions(self, documents: list[str]) -> None:
        self._write("successions.jws", "".join(f"{document}\n" for document in documents))

    def rosters(self) -> dict[str, SignedRoster]:
        """The newest roster of every device that ever was, retired ones included."""
        return {device: self.roster(device) for device in self._stems("rosters", ".jws")}

    def has_roster(self, device: str) -> bool:
        return self._exists(f"rosters/{device}.jws")

    def roster(self, device: str) -> SignedRoster:
        name = f"rosters/{device}.jws"
        record = self.record()
        try:
            return verify_roster(self._read(name).strip(), record.roster_key.as_dict(), record.site, device)
        except PeerError as error:
            raise ConfigError(f"{self.path / name}: {error}; restore it from the site's backup") from error

    def write_roster(self, roster: Roster, key: PrivateKey) -> None:
        self._write(f"rosters/{roster.device}.jws", sign_roster(roster, key) + "\n")

    # What is sealed

    def keys(self, passphrase: str) -> Keys:
        """Both; ConfigError if the passphrase is another."""
        return Keys(self.authority(passphrase), self.roster_key(passphrase))

    def authority(self, passphrase: str) -> Authority:
        """The CA that signs, with its key."""
        certificate = self.authorities()[-1]
        key = self.open_key("ca-key.jwe", passphrase)
        if key.public_key() != certificate.public_key():
            raise ConfigError(f"{self.path}/ca-key.jwe: not the key of the CA in ca.pem; restore both from a backup")
        return Authority(key, certificate)

    def roster_key(self, passphrase: str) -> PrivateKey:
        key = self.open_key("roster-key.jwe", passphrase)
        if public_jwk(key) != self.record().roster_key.as_dict():
            raise ConfigError(f"{self.path}/roster-key.jwe: not the key of site.json; restore both from a backup")
        return key

    def open_key(self, name: str, passphrase: str) -> PrivateKey:
        where = str(self.path / name)
        return load_private_key(unseal(self._read(name), passphrase, where), where)

    def write_key(self, name: str, key: PrivateKey, passphrase: str) -> None:
        self._write(name, seal(private_key_pem(key), passphrase))

    # Files

    def make(self) -> None:
        """The folders of a new site; ConfigError if something is there already."""
        begun = self.path.exists() and not any(self.path.glob("*/*"))
        if self.path.exists() and not (begun and {path.name for path in self.path.iterdir()} <= BEGUN):
            raise ConfigError(f"{self.path}: is not empty; choose another folder")
        for part in PARTS:
            (self.path / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)

    def everything(self) -> dict[str, str]:
        """Every file of the site by its name, as a backup holds it; not what else was laid there, backups included."""
        names = [name for name in FILES if self._exists(name)]
        names += [f"{part}/{stem}{suffix}" for part, suffix in PARTS.items() for stem in self._stems(part, suffix)]
        return {name: self._read(name) for name in names}

    def write_everything(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            self._write(name, text)

    def _read(self, name: str) -> str:
        self._settle()
        path = self.path / name
        pending = self._pending.get(name)
        if pending is not None:
            return pending
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"{path}: cannot be read: {error.strerror}; name the site's folder with --site"
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: is not text; restore it from the site's backup") from error

    def _exists(self, name: str) -> bool:
        self._settle()
        if name in self._pending:
            return self._pending[name] is not None
        return (self.path / name).exists()

    def _stems(self, part: str, suffix: str) -> list[str]:
        self._settle()
        names = {f"{part}/{path.name}" for path in (self.path / part).glob(f"*{suffix}")} | set(self._pending)
        here = (Path(name) for name in names if name.startswith(f"{part}/") and self._exists(name))
        return sorted(path.stem for path in here)

    def _write(self, name: str, text: str) -> None:
        """With the change that is under way."""
        self._pending[name] = text

    def _commit(self, files: Mapping[str, str | None]) -> None:
        """First the whole change in one file: whoever finds it after an interruption finishes it."""
        if not files:
            return
        write_file(self.path / CHANGE, encode(dict(files)), secret=True)
        self._finish()

    @contextlib.contextmanager
    def _alone(self, mode: int = 0) -> Iterator[None]:
        """Nobody else changes the site meanwhile; with `LOCK_NB` ConfigError, otherwise a wait, if somebody does."""
        handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | mode)
            yield
        except BlockingIOError as error:
            raise ConfigError(f"{self.path}: another doorward-provision is at work there; wait for it") from error
        finally:
            os.close(handle)

    def _settle(self) -> None:
        """Before anything is read: what was interrupted is finished; what is being written is waited for."""
        if not self._changing and (self.path / CHANGE).exists():
            with self._alone():
                self._finish()

    def _finish(self) -> None:
        journal = self.path / CHANGE
        try:
            begun = journal.read_bytes()
        except FileNotFoundError:
            return
        for name, text in decode(begun, dict[str, str | None], ARCHIVE_LIMIT).items():
            if text is None:
                (self.path / name).unlink(missing_ok=True)
            else:
                write_file(self.path / name, text, secret=True)
        journal.unlink(missing_ok=True)


def host_port(host: str, port: int) -> str:
    """As in a URL: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
