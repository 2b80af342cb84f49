"""A device's certificate from request to retirement. Its key is born on the device and never comes here."""

from collections.abc import Callable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from protocol.bundle import Bundle
from protocol.certificates import fingerprint
from protocol.codec import encode
from protocol.errors import ConfigError, DoorwardError
from protocol.ids import is_id
from protocol.keys import PrivateKey, PublicJwk, PublicKey, thumbprint
from protocol.roster import Roster
from provisioning.authority import issue_device, pem
from provisioning.folder import Keys, SiteFolder
from provisioning.rosters import first_roster, reissued, with_fingerprints

UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for a request that is none, or of a kind that it does not know."""

REQUEST_LIMIT = 16 * 1024
"""Bytes of a certificate signing request."""


def requested_key(request: bytes, device: str) -> PublicKey:
    """The key of a certificate signing request (PEM), whose holder has proved to have it.

    ConfigError unless it is an ECDSA P-256 key, and the request asks for the name `device` and for nothing else.
    """
    if len(request) > REQUEST_LIMIT:
        raise ConfigError(f"request: {len(request)} bytes; the limit is {REQUEST_LIMIT}")
    try:
        csr = x509.load_pem_x509_csr(request)
        key, proved = csr.public_key(), csr.is_signature_valid
        names = [(name.oid, name.value) for name in csr.subject]
        more = len(csr.extensions) + len(csr.attributes)
    except UNREADABLE as error:
        raise ConfigError(
            "request: not a certificate signing request; make it with `doorward-device keygen`"
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigError("request: its key is not ECDSA P-256; make it with `doorward-device keygen`")
    if not proved:
        raise ConfigError("request: not signed by its own key; make it anew with `doorward-device keygen`")
    if more:
        raise ConfigError("request: asks for more than a name, which is not for the device to choose")
    if names != [(NameOID.COMMON_NAME, device)]:
        raise ConfigError(f"request: is not for {device!r} alone; `doorward-device keygen --device {device}` makes one")
    return key


def sign_device(folder: SiteFolder, keys: Keys, device: str, request: bytes, now: datetime) -> Bundle:
    """A new device joins the site. A device of that id that was removed comes back with what its roster says."""
    if not is_id(device):
        raise DoorwardError(f"{device!r}: an id is lower-case letters, digits and hyphens, 32 at most")
    if device in folder.devices():
        raise DoorwardError(f"{device}: is a device of this site already; `device renew --new-key` gives it a new key")
    record = folder.record()
    certificate = issue_device(keys.authority, record.site, device, requested_key(request, device), now)
    folder.write_certificates(device, [certificate])
    if folder.has_roster(device):
        mark = fingerprint(certificate)
        revise(folder, keys.roster_key, device, lambda roster: with_fingerprints(roster, [mark]), now)
    else:
        folder.write_roster(first_roster(record.site, device, fingerprint(certificate), now), keys.roster_key)
    return bundle_of(folder, device)


def renew_device(folder: SiteFolder, keys: Keys, device: str, request: bytes | None, now: datetime) -> Bundle:
    """A new certificate, for the same key or the one of `request`; the old one stays good until `settle_device`."""
    old, *newer = folder.certificates(device)
    if newer:  # a third would end the first, which the device may still use
        raise DoorwardError(f"{device}: a renewal is under way: `device bundle` prints it, `device settle` ends it")
    key = requested_key(request, device) if request is not None else old.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ConfigError(f"{device}: its certificate's key is not ECDSA P-256")
    new = issue_device(keys.authority, folder.record().site, device, key, now)
    _hold(folder, keys, device, [old, new], now)
    return bundle_of(folder, device)


def settle_device(folder: SiteFolder, keys: Keys, device: str, now: datetime) -> None:
    """The renewal is done: only the newest certificate is good."""
    held = folder.certificates(device)
    if len(held) < 2:
        raise DoorwardError(f"{device}: no renewal is under way")
    _hold(folder, keys, device, held[-1:], now)


def remove_device(folder: SiteFolder, keys: Keys, device: str, now: datetime) -> None:
    """Retired, lost or stolen: no certificate of it is good any more. Its roster stays, so that serials go on."""
    folder.certificates(device)
    folder.forget_device(device)
    revise(folder, keys.roster_key, device, lambda roster: with_fingerprints(roster, []), now)


def bundle_of(folder: SiteFolder, device: str) -> Bundle:
    """What the device installs: its newest certificate, the CAs and the newest roster. No secret."""
    record = folder.record()
    return Bundle(
        site=record.site,
        device=device,
        certificate=pem(folder.certificates(device)[-1]),
        ca="".join(pem(ca) for ca in folder.authorities()),
        roster_key=PublicJwk(**record.roster_key.as_dict()),
        roster=folder.roster(device).jws,
        signaling=f"{record.devices_address}/device",
    )


def pins(folder: SiteFolder) -> list[str]:
    """The options of `doorward-device install` that vouch for a bundle of this site, which travel apart from it."""
    authorities = [f"--ca-fingerprint={fingerprint(ca)}" for ca in folder.authorities()]
    return [*authorities, f"--roster-key={thumbprint(folder.record().roster_key.as_dict())}"]


def bundle_text(bundle: Bundle) -> str:
    return encode(bundle)


def revise(
    folder: SiteFolder, key: PrivateKey, device: str, change: Callable[[Roster], Roster], now: datetime
) -> Roster:
    """The device's roster as `change` makes it, with the next serial."""
    folder.certificates(device) if device in folder.devices() else folder.roster(device)
    roster = reissued(change(folder.roster(device).roster), now)
    folder.write_roster(roster, key)
    return roster


def _hold(folder: SiteFolder, keys: Keys, device: str, certificates: list[x509.Certificate], now: datetime) -> None:
    folder.write_certificates(device, certificates)
    marks = [fingerprint(certificate) for certificate in certificates]
    revise(folder, keys.roster_key, device, lambda roster: with_fingerprints(roster, marks), now)
