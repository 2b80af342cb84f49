"""What a certificate must say before it is believed (protocol section 2; section 8, rule 13).

Chains and dates are the TLS library's to check; what it leaves out (it accepts a client certificate without extended
key usage, a CA as a leaf, a name nobody meant) is checked here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from protocol.errors import ConfigError, PeerError
from protocol.ids import is_id

URN = "urn:doorward:"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose certificate it is: a device's (`device` is its id) or, with None, the operator's."""

    site: str
    device: str | None


def device_urn(site: str, device: str) -> str:
    return f"{URN}{site}:device:{device}"


def operator_urn(site: str) -> str:
    return f"{URN}{site}:operator"


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER, upper-case hex with colons (RFC 8122 section 5)."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def load_certificates(pem: bytes, where: str) -> list[x509.Certificate]:
    """Every certificate of a PEM document, at least one; ConfigError names `where` it came from."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except (ValueError, x509.InvalidVersion) as error:
        raise ConfigError(f"{where}: not a PEM certificate; install it again") from error


def client_identity(certificate: x509.Certificate) -> Identity:
    """Whose client certificate this is; PeerError unless a leaf for clientAuth alone with exactly one URI name."""
    _leaf(certificate, [ExtendedKeyUsageOID.CLIENT_AUTH])
    names = _names(certificate)
    if len(names) != 1 or not isinstance(names[0], x509.UniformResourceIdentifier):
        raise PeerError("certificate: needs exactly one subject alternative name, a urn:doorward")
    match names[0].value.split(":"):
        case ["urn", "doorward", site, "device", device] if is_id(site) and is_id(device):
            return Identity(site, device)
        case ["urn", "doorward", site, "operator"] if is_id(site):
            return Identity(site, None)
    raise PeerError("certificate: its name is not a urn:doorward of a device or operator")


def device_identity(certificate: x509.Certificate) -> Identity:
    """`client_identity`, for devices alone: the key P-256 and the common name the device's id."""
    identity = client_identity(certificate)
    if identity.device is None:
        raise PeerError("certificate: an operator's, not a device's")
    _p256(certificate)
    if _common_names(certificate) != [identity.device]:
        raise PeerError("certificate: its common name is not the device's id")
    return identity


def operator_identity(certificate: x509.Certificate) -> Identity:
    """`client_identity`, for the operator alone, with a P-256 key."""
    identity = client_identity(certificate)
    if identity.device is not None:
        raise PeerError("certificate: a device's, not an operator's")
    _p256(certificate)
    return identity


def check_server_certificate(certificate: x509.Certificate) -> None:
    """PeerError unless it is a server's: a leaf with serverAuth and no name of a device or operator."""
    _leaf(certificate, [ExtendedKeyUsageOID.SERVER_AUTH])
    for name in _names(certificate):
        if isinstance(name, x509.UniformResourceIdentifier) and name.value.lower().startswith(URN):
            raise PeerError("certificate: a device's or operator's, used by a server")


def check_authority(certificate: x509.Certificate) -> None:
    """PeerError unless it is a CA's that may sign leaves and nothing else, its key P-256, signed by itself."""
    _p256(certificate)
    try:
        constraints = _extensions(certificate).get_extension_for_class(x509.BasicConstraints).value
        usage = _extensions(certificate).get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise PeerError("ca: lacks basic constraints or key usage") from error
    if not constraints.ca or constraints.path_length != 0 or not usage.key_cert_sign:
        raise PeerError("ca: not a CA that signs leaves alone")
    if not issued_by(certificate, certificate):
        raise PeerError("ca: does not bear its own signature")


def issued_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    """Whether the key of `ca` signed it, in the one encoding of that signature: whole bytes, no bits left over."""
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return certificate.public_bytes(Encoding.DER).endswith(b"\0" + certificate.signature)


def days_left(certificate: x509.Certificate, now: float) -> float:
    """Days until it expires, negative after; `now` is in seconds UTC."""
    return (certificate.not_valid_after_utc - datetime.fromtimestamp(now, UTC)).total_seconds() / 86400


def _leaf(certificate: x509.Certificate, usages: Sequence[ObjectIdentifier]) -> None:
    extensions = _extensions(certificate)
    try:
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        granted = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as error:
        raise PeerError("certificate: lacks basic constraints or extended key usage") from error
    if constraints.ca:
        raise PeerError("certificate: a CA's, used as a leaf")
    if list(granted) != list(usages):
        raise PeerError("certificate: its extended key usage is for something else")


def _p256(certificate: x509.Certificate) -> None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PeerError("certificate: its key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise PeerError("certificate: its key is not ECDSA P-256")


def _common_names(certificate: x509.Certificate) -> list[str | bytes]:
    try:
        return [name.value for name in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    except ValueError as error:
        raise PeerError("certificate: its subject cannot be read") from error


def _names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        return list(_extensions(certificate).get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _extensions(certificate: x509.Certificate) -> x509.Extensions:
    try:
        return certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise PeerError("certificate: its extensions cannot be read") from error
