"""Who this device is: its key, and the bundle that provisioning installed beside it. Every part is verified."""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from protocol.bundle import LIMIT, Bundle
from protocol.certificates import check_authority, device_identity, fingerprint, issued_by, load_certificates
from protocol.codec import decode
from protocol.errors import ConfigError, PeerError, unreadable
from protocol.keys import Jwk, PrivateKey, load_private_key, public_jwk
from protocol.proof import Accepted, sign_accepted
from protocol.roster import SignedRoster, verify_roster


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """A verified identity; `roster` is the JWS that came with the bundle, `ca_pem` one or two certificates."""

    site: str
    device: str
    key: PrivateKey
    certificate: x509.Certificate
    fingerprint: str
    ca_pem: str
    roster_key: Jwk
    roster: str
    signaling: str
    key_path: Path
    certificate_pem: str

    def confirm(self, signed: SignedRoster) -> str:
        """This device's word that it holds the roster, which the operator believes (section 8, rule 12)."""
        accepted = Accepted(site=self.site, device=self.device, serial=signed.roster.serial, sha256=signed.digest)
        return sign_accepted(accepted, self.key)


KEY, NEXT_KEY, BUNDLE = "key.pem", "next-key.pem", "bundle.json"

CREDENTIAL = "identity_"
"""`LoadCredential=identity:FOLDER` hands each file of FOLDER over, with this before its name (systemd.exec(5))."""


def current_identity(folder: Path) -> DeviceIdentity:
    """The identity that the service manager handed to this process, or else the one in `folder`; as `load_identity`.

    With credentials the folder is root's: the daemon can use its key, and neither change nor keep it.
    """
    handed = os.environ.get("CREDENTIALS_DIRECTORY")
    if handed and (Path(handed) / f"{CREDENTIAL}{BUNDLE}").exists():
        return _load({name: Path(handed) / f"{CREDENTIAL}{name}" for name in (KEY, NEXT_KEY, BUNDLE)}, _handed_key)
    return load_identity(folder)


def load_identity(folder: Path) -> DeviceIdentity:
    """The identity in `folder`; ConfigError names the part that is wrong and what to do, FileUnreadable what could not
    be read this time.

    The key is `key.pem`, or `next-key.pem` where the bundle was installed for that one and the rename is still to come.
    Dates are not judged here: a Pi may have no clock yet, and an expired door still has a visitor in front of it.
    """
    return _load({name: folder / name for name in (KEY, NEXT_KEY, BUNDLE)}, read_key)


def _load(files: Mapping[str, Path], read: Callable[[Path], PrivateKey]) -> DeviceIdentity:
    bundle_path = files[BUNDLE]
    try:
        keys = {name: read(files[name]) for name in (KEY, NEXT_KEY) if files[name].exists()}
        bundle_json = bundle_path.read_bytes()
    except OSError as error:
        raise unreadable(error.filename or bundle_path.parent, error, "provision this device") from error
    if not keys:
        raise ConfigError(f"{files[KEY]}: there is no key; provision this device")
    try:
        bundle, name = verify_bundle(bundle_json, keys)
    except PeerError as error:
        raise ConfigError(f"{bundle_path}: {error}; install the bundle again") from error
    certificate = load_certificates(bundle.certificate.encode(), f"{bundle_path}: certificate")[0]
    return DeviceIdentity(
        site=bundle.site,
        device=bundle.device,
        key=keys[name],
        certificate=certificate,
        fingerprint=fingerprint(certificate),
        ca_pem=bundle.ca,
        roster_key=bundle.roster_key.as_dict(),
        roster=bundle.roster,
        signaling=bundle.signaling,
        key_path=files[name],
        certificate_pem=bundle.certificate,
    )


def read_key(path: Path) -> PrivateKey:
    """A key that nobody else may read; ConfigError otherwise."""
    try:
        mode, key_pem = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    except OSError as error:
        raise unreadable(path, error, "provision this device") from error
    if mode & 0o077:
        raise ConfigError(f"{path}: others may read the key (mode {mode:04o}); chmod 0600 it, or make a new one")
    return load_private_key(key_pem, str(path))


def _handed_key(path: Path) -> PrivateKey:
    """Who may read a credential is the service manager's care: it shows as 0400, or as 0440 with an access list."""
    return load_private_key(path.read_bytes(), str(path))


def verify_bundle(bundle_json: bytes, keys: Mapping[str, PrivateKey]) -> tuple[Bundle, str]:
    """The bundle, and the name of the key that it is for; PeerError names the part that does not hold."""
    bundle = decode(bundle_json, Bundle, LIMIT)
    certificate, *more = _certificates(bundle.certificate, "certificate")
    if more:
        raise PeerError("certificate: several, where one belongs")
    identity = device_identity(certificate)
    if (identity.site, identity.device) != (bundle.site, bundle.device):
        raise PeerError(f"certificate: is {identity.site}/{identity.device}'s, not {bundle.site}/{bundle.device}'s")
    owners = [name for name, key in keys.items() if key.public_key() == certificate.public_key()]
    if not owners:
        raise PeerError(f"certificate: belongs to another key than {' or '.join(keys)}")
    authorities = _certificates(bundle.ca, "ca")
    for ca in authorities:
        check_authority(ca)
    if not any(issued_by(certificate, ca) for ca in authorities):
        raise PeerError("certificate: not issued by the bundle's CA")
    signed = verify_roster(bundle.roster, bundle.roster_key.as_dict(), bundle.site, bundle.device)
    if fingerprint(certificate) not in signed.roster.fingerprints:
        raise PeerError("roster: does not name this certificate")
    if bundle.roster_key.as_dict() in [public_jwk(key) for key in keys.values()]:
        raise PeerError("roster_key: is this device's own key")
    return bundle, owners[0]


def _certificates(pem: str, what: str) -> list[x509.Certificate]:
    try:
        return load_certificates(pem.encode(), what)
    except ConfigError as error:
        raise PeerError(str(error)) from error
