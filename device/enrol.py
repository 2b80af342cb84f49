"""Becoming a device of a site: the key is made here and stays here; the bundle that answers it is verified whole.

`key.pem` and `bundle.json` are the identity. A new key waits as `next-key.pem` until a bundle for it is there; one
rename of `bundle.json` changes the identity, so that an interruption at any point leaves the old one or the new one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from device.adapters.store import write_atomically
from device.identity import BUNDLE, KEY, NEXT_KEY, DeviceIdentity, load_identity, read_key, verify_bundle
from device.owner import as_owner
from protocol.bundle import LIMIT, Bundle
from protocol.certificates import fingerprint, load_certificates
from protocol.codec import decode
from protocol.errors import ConfigError, PeerError
from protocol.ids import is_id
from protocol.keys import Jwk, PrivateKey, new_key, private_key_pem, thumbprint
from protocol.roster import verify_roster


@dataclass(frozen=True, slots=True)
class Pins:
    """What the operator vouches for, by another way than the bundle's: SHA-256 fingerprints of CAs, and the thumbprint
    of the roster key (RFC 7638).
    """

    authorities: Sequence[str] = ()
    roster_key: str | None = None


class NotNewer(ConfigError):
    """The bundle is the one that is installed, or one from before it."""


def keygen(folder: Path, device: str | None, *, new: bool) -> str:
    """A certificate signing request (PEM) for this device's key, which is made if there is none.

    `new`: for another key, which takes the place of the present one when its bundle is installed. `device` may be left
    out where an identity is installed. ConfigError if it differs from that one, or is no id.
    """
    with as_owner(folder):
        _finish(folder)
        installed = _installed(folder)
        name = device or (installed.device if installed else None)
        if name is None:
            raise ConfigError("this device has no id yet; say which with --device")
        if not is_id(name):
            raise ConfigError(f"--device {name}: an id is lower-case letters, digits and hyphens, 32 at most")
        if installed and name != installed.device:
            here = f"{installed.site}/{installed.device}"
            raise ConfigError(f"--device {name}: this is {here}; remove {folder} to start anew")
        key = _key_for(folder, NEXT_KEY if new and (folder / KEY).exists() else KEY)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def install(
    folder: Path, bundle_json: bytes, pins: Pins, successors: Sequence[Jwk], *, newer_only: bool = False
) -> DeviceIdentity:
    """Make the bundle this device's identity. ConfigError names the part that does not hold; then nothing was changed.

    Every CA in it must be pinned or trusted by the installed identity already; its roster key must be pinned, or the
    installed one, or one of its `successors` that this device has followed. `newer_only`: NotNewer for one that is
    installed already or was before, where nobody chose this very bundle.
    """
    with as_owner(folder):
        _finish(folder)
        installed = _installed(folder)
        bundle, key_name = _vetted(folder, bundle_json)
        if installed and (bundle.site, bundle.device) != (installed.site, installed.device):
            here = f"{installed.site}/{installed.device}"
            there = f"{bundle.site}/{bundle.device}"
            raise ConfigError(f"bundle: for {there}, this is {here}; remove {folder} to start anew")
        _check_pins(bundle, installed, pins, successors)
        if newer_only and installed:
            _check_newer(bundle, installed, decode((folder / BUNDLE).read_bytes(), Bundle, LIMIT))
        write_atomically(folder / BUNDLE, bundle_json)
        if key_name == NEXT_KEY:
            (folder / NEXT_KEY).replace(folder / KEY)
        return load_identity(folder)


def _vetted(folder: Path, bundle_json: bytes) -> tuple[Bundle, str]:
    """The bundle, and the name of the key file that it is for; ConfigError unless it agrees with itself and with it."""
    keys = {name: read_key(folder / name) for name in (KEY, NEXT_KEY) if (folder / name).exists()}
    if not keys:
        raise ConfigError(f"{folder / KEY}: there is no key; make one with `doorward-device keygen`")
    try:
        return verify_bundle(bundle_json, keys)
    except PeerError as error:
        raise ConfigError(f"bundle: {error}; nothing was installed") from error


def _check_pins(bundle: Bundle, installed: DeviceIdentity | None, pins: Pins, successors: Sequence[Jwk]) -> None:
    key = bundle.roster_key.as_dict()
    believed = [installed.roster_key, *successors] if installed else []
    if key not in believed and thumbprint(key) != pins.roster_key:
        raise ConfigError(
            f"bundle: roster_key: {thumbprint(key)} is neither pinned nor a successor of one that is; if the "
            "operator's tool shows it, give it with --roster-key"
        )
    trusted = {pin.upper() for pin in pins.authorities}
    if installed:
        trusted |= {fingerprint(ca) for ca in load_certificates(installed.ca_pem.encode(), "installed ca")}
    for ca in load_certificates(bundle.ca.encode(), "bundle: ca"):
        if fingerprint(ca) not in trusted:
            raise ConfigError(
                f"bundle: ca: {fingerprint(ca)} is not pinned; if the operator's tool shows it, give it with "
                "--ca-fingerprint"
            )


def _check_newer(bundle: Bundle, installed: DeviceIdentity, present: Bundle) -> None:
    """An older certificate is on no later roster; an older roster names people who were removed."""
    if bundle == present:
        raise NotNewer("bundle: is installed already")
    serials = [
        verify_roster(one.roster, one.roster_key.as_dict(), one.site, one.device).roster.serial
        for one in (bundle, present)
    ]
    (certificate,) = load_certificates(bundle.certificate.encode(), "bundle: certificate")
    begins = [one.not_valid_before_utc for one in (certificate, installed.certificate)]
    if serials[0] < serials[1] or begins[0] < begins[1]:
        raise NotNewer(
            f"bundle: roster {serials[0]}, certificate of {begins[0]:%Y-%m-%d}: the installed one is newer, roster "
            f"{serials[1]}, certificate of {begins[1]:%Y-%m-%d}"
        )


def _installed(folder: Path) -> DeviceIdentity | None:
    if not (folder / BUNDLE).exists():
        return None
    try:
        return load_identity(folder)
    except ConfigError as error:
        raise ConfigError(f"{error} (first remove {folder / BUNDLE})") from error


def _key_for(folder: Path, name: str) -> PrivateKey:
    path = folder / name
    if path.exists():
        return read_key(path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = new_key()
    write_atomically(path, private_key_pem(key))
    return key


def _finish(folder: Path) -> None:
    """What an interrupted `install` left: temporary files, and a key whose bundle is there already."""
    for name in (KEY, NEXT_KEY, BUNDLE):
        (folder / f".{name}.new").unlink(missing_ok=True)
    if (folder / BUNDLE).exists() and (folder / NEXT_KEY).exists():
        installed = _installed(folder)
        if installed is not None and installed.key_path.name == NEXT_KEY:
            (folder / NEXT_KEY).replace(folder / KEY)
