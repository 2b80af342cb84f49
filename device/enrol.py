"""Becoming a device of a site: the key is made here and stays here; the bundle that answers it is verified whole.

`key.pem` and `bundle.json` are the identity. A new key waits as `next-key.pem` until a bundle for it is there; one
rename of `bundle.json` changes the identity, so that an interruption at any point leaves the old one or the new one.
"""

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from device.adapters.store import write_atomically
from device.identity import BUNDLE, KEY, NEXT_KEY, DeviceIdentity, load_identity, read_key, verify_bundle
from protocol.certificates import fingerprint, load_certificates
from protocol.errors import ConfigError, PeerError
from protocol.ids import is_id
from protocol.keys import Jwk, PrivateKey, new_key, private_key_pem


def keygen(folder: Path, device: str | None, *, new: bool) -> str:
    """A certificate signing request (PEM) for this device's key, which is made if there is none.

    `new`: for another key, which takes the place of the present one when its bundle is installed. `device` may be left
    out where an identity is installed. ConfigError if it differs from that one, or is no id.
    """
    installed = _installed(folder)
    name = device or (installed.device if installed else None)
    if name is None:
        raise ConfigError("this device has no id yet; say which with --device")
    if not is_id(name):
        raise ConfigError(f"--device {name}: an id is lower-case letters, digits and hyphens, 32 at most")
    if installed and name != installed.device:
        raise ConfigError(
            f"--device {name}: this is {installed.site}/{installed.device}; remove {folder} to start anew"
        )
    key = _key_for(folder, NEXT_KEY if new and (folder / KEY).exists() else KEY)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def install(folder: Path, bundle_json: bytes, pins: Sequence[str], roster_keys: Sequence[Jwk] | None) -> DeviceIdentity:
    """Make the bundle this device's identity. ConfigError names the part that does not hold; then nothing was changed.

    Every CA in it must be one of `pins` (SHA-256 fingerprints) or one that the installed identity trusts already; its
    roster key must be the installed one or one of `roster_keys`, its known successors (None: whatever it is).
    """
    _forget_rests(folder)
    installed = _installed(folder)
    key_name = _vetted(folder, bundle_json, installed, pins, roster_keys)
    write_atomically(folder / BUNDLE, bundle_json)
    if key_name == NEXT_KEY:
        (folder / NEXT_KEY).replace(folder / KEY)
    return load_identity(folder)


def _vetted(
    folder: Path,
    bundle_json: bytes,
    installed: DeviceIdentity | None,
    pins: Sequence[str],
    roster_keys: Sequence[Jwk] | None,
) -> str:
    """The name of the key file that the bundle is for; ConfigError unless all of it holds."""
    keys = {name: read_key(folder / name) for name in (KEY, NEXT_KEY) if (folder / name).exists()}
    if not keys:
        raise ConfigError(f"{folder / KEY}: there is no key; make one with `doorward-device keygen`")
    try:
        bundle, name = verify_bundle(bundle_json, keys)
    except PeerError as error:
        raise ConfigError(f"bundle: {error}; nothing was installed") from error
    if installed and (bundle.site, bundle.device) != (installed.site, installed.device):
        here = f"{installed.site}/{installed.device}"
        raise ConfigError(f"bundle: for {bundle.site}/{bundle.device}, this is {here}; remove {folder} to start anew")
    believed = [installed.roster_key, *roster_keys] if installed and roster_keys is not None else None
    if believed is not None and bundle.roster_key.as_dict() not in believed:
        raise ConfigError(
            "bundle: roster_key: not the one that this device believes, nor a successor of it; if the operator "
            "replaced it, install with --replace-roster-key"
        )
    trusted = {pin.upper() for pin in pins}
    if installed:
        trusted |= {fingerprint(ca) for ca in load_certificates(installed.ca_pem.encode(), "installed ca")}
    for ca in load_certificates(bundle.ca.encode(), "bundle: ca"):
        if fingerprint(ca) not in trusted:
            raise ConfigError(
                f"bundle: ca: {fingerprint(ca)} is not pinned; if the operator's tool shows this fingerprint, "
                "give it with --ca-fingerprint"
            )
    return name


def _installed(folder: Path) -> DeviceIdentity | None:
    return load_identity(folder) if (folder / BUNDLE).exists() else None


def _key_for(folder: Path, name: str) -> PrivateKey:
    path = folder / name
    if path.exists():
        return read_key(path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = new_key()
    write_atomically(path, private_key_pem(key))
    return key


def _forget_rests(folder: Path) -> None:
    """What an interrupted write left behind."""
    for name in (KEY, NEXT_KEY, BUNDLE):
        (folder / f".{name}.new").unlink(missing_ok=True)
