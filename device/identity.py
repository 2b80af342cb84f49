"""Who this device is: its key, and the bundle that provisioning installed beside it. Every part is verified."""

import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from protocol.bundle import LIMIT, Bundle
from protocol.certificates import device_identity, fingerprint, issued_by, load_certificates
from protocol.codec import decode
from protocol.errors import ConfigError, PeerError
from protocol.keys import Jwk, PrivateKey, load_private_key, public_jwk
from protocol.roster import verify_roster


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


def load_identity(folder: Path) -> DeviceIdentity:
    """The identity in `folder` (key.pem, bundle.json); ConfigError names the part that is wrong and what to do.

    Dates are not judged here: a Pi may have no clock yet, and an expired door still has a visitor in front of it.
    """
    key_path, bundle_path = folder / "key.pem", folder / "bundle.json"
    try:
        mode = stat.S_IMODE(key_path.stat().st_mode)
        key_pem, bundle_json = key_path.read_bytes(), bundle_path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}; provision this device") from error
    if mode & 0o077:
        raise ConfigError(f"{key_path}: others may read the key (mode {mode:04o}); chmod 0600 it, or make a new one")
    key = load_private_key(key_pem, str(key_path))
    try:
        bundle = decode(bundle_json, Bundle, LIMIT)
        certificate = load_certificates(bundle.certificate.encode(), f"{bundle_path}: certificate")[0]
        _check(bundle, certificate, key)
    except PeerError as error:
        raise ConfigError(f"{bundle_path}: {error}; install the bundle again") from error
    return DeviceIdentity(
        site=bundle.site,
        device=bundle.device,
        key=key,
        certificate=certificate,
        fingerprint=fingerprint(certificate),
        ca_pem=bundle.ca,
        roster_key=bundle.roster_key.as_dict(),
        roster=bundle.roster,
        signaling=bundle.signaling,
        key_path=key_path,
        certificate_pem=bundle.certificate,
    )


def _check(bundle: Bundle, certificate: x509.Certificate, key: PrivateKey) -> None:
    identity = device_identity(certificate)
    if (identity.site, identity.device) != (bundle.site, bundle.device):
        raise PeerError(f"certificate: is {identity.site}/{identity.device}'s, not {bundle.site}/{bundle.device}'s")
    if certificate.public_key() != key.public_key():
        raise PeerError("certificate: belongs to another key than key.pem")
    if not any(issued_by(certificate, ca) for ca in load_certificates(bundle.ca.encode(), "bundle: ca")):
        raise PeerError("certificate: not issued by the bundle's CA")
    verify_roster(bundle.roster, bundle.roster_key.as_dict(), bundle.site, bundle.device)
    if public_jwk(key) == bundle.roster_key.as_dict():
        raise PeerError("roster_key: is this device's own key")
