"""The site as a whole: made, its keys and certificates replaced, backed up and taken up again."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from msgspec.structs import replace

from protocol.certificates import issued_by
from protocol.codec import decode, encode
from protocol.errors import ConfigError, DoorwardError, PeerError
from protocol.ids import Id, is_id
from protocol.keys import PublicJwk, new_key, public_jwk
from protocol.roster_key import RosterKey, sign_roster_key
from provisioning.authority import Authority, issue_server, new_authority
from provisioning.files import write_file
from provisioning.folder import ARCHIVE_LIMIT, FILES, PARTS, Keys, Record, SiteFolder
from provisioning.rosters import reissued
from provisioning.seal import seal, unseal

SEALED = ("ca-key.jwe", "roster-key.jwe", "server-key.jwe")


def init_site(
    folder: SiteFolder,
    site: Id,
    hosts: Sequence[str],
    within: Sequence[str],
    passphrase: str,
    now: datetime,
    *,
    devices_port: int = 8444,
    people_port: int = 8443,
    page_url: str | None = None,
) -> None:
    """CA, roster key and server certificate in a new folder; the CA may vouch for `hosts` and `within` alone."""
    if not is_id(site):
        raise DoorwardError(f"{site!r}: a site's name is lower-case letters, digits and hyphens, 32 at most")
    authority, roster_key = new_authority(site, now, [*hosts, *within]), new_key()
    record = Record(
        site=site,
        hosts=list(hosts),
        devices_port=devices_port,
        people_port=people_port,
        page_url=page_url or "",
        within=list(within),
        roster_key=PublicJwk(**public_jwk(roster_key)),
        first_roster_key=PublicJwk(**public_jwk(roster_key)),
    )
    record = record if page_url else replace(record, page_url=record.own_page)
    issue_server(authority, hosts, roster_key.public_key(), now)  # a wrong name shows before the folder is made
    folder.make()
    with folder.change():
        folder.write_record(record)
        folder.write_authorities([authority.certificate])
        folder.write_key("ca-key.jwe", authority.key, passphrase)
        folder.write_key("roster-key.jwe", roster_key, passphrase)
        renew_server(folder, authority, hosts, passphrase, now)


def renew_server(
    folder: SiteFolder,
    authority: Authority,
    hosts: Sequence[str],
    passphrase: str,
    now: datetime,
    page_url: str | None = None,
) -> x509.Certificate:
    """A new key and certificate for the server, under `hosts`; none: those it has. The page it serves moves with it."""
    record = folder.record()
    renamed = replace(record, hosts=list(hosts or record.hosts))
    if record.page_url == record.own_page:
        renamed = replace(renamed, page_url=renamed.own_page)
    hosts = renamed.hosts
    key = new_key()
    certificate = issue_server(authority, hosts, key.public_key(), now)
    folder.write_server_certificate(certificate)
    folder.write_key("server-key.jwe", key, passphrase)
    folder.write_record(replace(renamed, page_url=page_url) if page_url else renamed)
    return certificate


def introduce_ca(folder: SiteFolder, names: Sequence[str], passphrase: str, now: datetime) -> None:
    """A second CA, which signs from now on; the first stays trusted until `retire_ca`.

    It may vouch for what the first one may, and for `names`.
    """
    trusted = folder.authorities()
    if len(trusted) > 1:
        raise DoorwardError("a second CA was introduced already; `ca retire` ends the first")
    folder.roster_key(passphrase)  # the folder's own passphrase: the CA's key may be what was lost
    record = folder.record()
    within = list(dict.fromkeys([*record.within, *names]))
    authority = new_authority(record.site, now, [*record.hosts, *within])
    folder.write_record(replace(record, within=within))
    folder.write_authorities([*trusted, authority.certificate])
    folder.write_key("ca-key.jwe", authority.key, passphrase)


def retire_ca(folder: SiteFolder) -> None:
    """The first CA is trusted no longer. DoorwardError names a certificate that still depends on it."""
    trusted = folder.authorities()
    if len(trusted) == 1:
        raise DoorwardError("there is one CA only; `ca introduce` makes the next")
    new = trusted[-1]
    if not issued_by(folder.server_certificate(), new):
        raise DoorwardError("the first CA still vouches for the server; `server renew` it")
    depending = [
        device
        for device in folder.devices()
        if not all(issued_by(certificate, new) for certificate in folder.certificates(device))
    ]
    if depending:
        raise DoorwardError(
            f"the first CA still vouches for {', '.join(depending)}; `device renew` and `device settle` them"
        )
    folder.write_authorities([new])


def introduce_roster_key(folder: SiteFolder, keys: Keys, passphrase: str, now: datetime) -> None:
    """A new roster key, introduced by a document of the old one; every roster is signed anew by it."""
    record = folder.record()
    successions = folder.successions()
    key = new_key()
    introduced = RosterKey(
        site=record.site,
        sequence=len(successions) + 1,
        key=PublicJwk(**public_jwk(key)),
        issued=int(now.timestamp()),
    )
    rosters = folder.rosters()
    folder.write_successions([*successions, sign_roster_key(introduced, keys.roster_key)])
    folder.write_key("roster-key.jwe", key, passphrase)
    folder.write_record(replace(record, roster_key=introduced.key))
    for signed in rosters.values():
        folder.write_roster(reissued(signed.roster, now), key)


def replace_roster_key(folder: SiteFolder, passphrase: str, now: datetime) -> None:
    """After a theft: a new roster key that nothing connects with the old one. Bundles and invitations are void."""
    folder.authority(passphrase)  # the folder's own passphrase: the roster key may be what was lost
    key = new_key()
    rosters = folder.rosters()
    folder.write_successions([])
    folder.write_key("roster-key.jwe", key, passphrase)
    public = PublicJwk(**public_jwk(key))
    folder.write_record(replace(folder.record(), roster_key=public, first_roster_key=public))
    for signed in rosters.values():
        folder.write_roster(reissued(signed.roster, now), key)


def change_passphrase(folder: SiteFolder, old: str, new: str) -> None:
    """Every secret of the folder, sealed with another passphrase. Backups keep the old one."""
    for name in SEALED:
        folder.write_key(name, folder.open_key(name, old), new)


def export_site(folder: SiteFolder, passphrase: str) -> str:
    """The whole folder as one sealed text; ConfigError unless `passphrase` is the folder's own."""
    folder.keys(passphrase)
    return seal(encode(folder.everything()).encode(), passphrase)


def import_site(path: Path, sealed: str, passphrase: str, where: str) -> SiteFolder:
    """The folder that `export_site` was given, at `path`, which must be empty or absent. All of it, or nothing."""
    try:
        files = decode(unseal(sealed, passphrase, where), dict[str, str], ARCHIVE_LIMIT)
    except PeerError as error:
        raise ConfigError(f"{where}: not a site's backup: {error}") from error
    for name in files:
        if not _belongs(name):
            raise ConfigError(f"{where}: not a site's backup: {name!r} has no place in one")
    folder = SiteFolder(path)
    folder.make()
    with folder.change():
        folder.write_everything(files)
        folder.keys(passphrase)
    return folder


def write_export(path: Path, sealed: str) -> None:
    """Whole or not at all; readable by its owner alone, though it is sealed."""
    write_file(path, sealed + "\n", secret=True)


def _belongs(name: str) -> bool:
    """Whether a file of this name has its place in a site's folder."""
    part, _, file = name.rpartition("/")
    suffix = PARTS.get(part)
    return name in FILES if suffix is None else file.endswith(suffix) and is_id(file.removesuffix(suffix))
