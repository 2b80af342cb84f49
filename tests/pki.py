"""Certificates with every knob for wrongness. What production issues right is in `provisioning.authority`."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from protocol.certificates import device_urn
from protocol.keys import PrivateKey, new_key, private_key_pem
from provisioning.authority import Authority

CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH

HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a leaf certificate shall say. `begins` and `ends` count from now; `purposes` None leaves the extension out;
    no `names` leave out the subject alternative name; `by` None signs it with its own key.
    """

    by: Authority | None
    common_name: str
    names: Sequence[x509.GeneralName]
    purposes: Sequence[ObjectIdentifier] | None
    ca: bool = False
    begins: timedelta = -HOUR
    ends: timedelta = YEAR
    curve: ec.EllipticCurve | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate with its key; `chain` follows it in the PEM file."""

    key: PrivateKey
    certificate: x509.Certificate
    chain: Sequence[x509.Certificate] = ()

    @property
    def pem(self) -> str:
        """Certificate and chain."""
        parts = [part.public_bytes(serialization.Encoding.PEM).decode() for part in (self.certificate, *self.chain)]
        return "".join(parts)

    @property
    def with_key(self) -> str:
        """Key, certificate and chain: one file for `load_cert_chain`."""
        return private_key_pem(self.key).decode() + self.pem


def server_wish(by: Authority | None, hosts: Sequence[str]) -> Wish:
    """A server's certificate as it should be; `dataclasses.replace` spoils it."""
    return Wish(by, hosts[0], [host(name) for name in hosts], [SERVER])


def device_wish(by: Authority | None, site: str, device: str) -> Wish:
    """A device's certificate as it should be; `dataclasses.replace` spoils it."""
    return Wish(by, device, [uri(device_urn(site, device))], [CLIENT])


def make(wish: Wish, key: PrivateKey | None = None, chain: Sequence[x509.Certificate] = ()) -> Made:
    """The certificate as wished: well-formed in everything else, so that it passes strict verification."""
    key = key or (new_key() if wish.curve is None else ec.generate_private_key(wish.curve))
    public = key.public_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wish.common_name)])
    now = datetime.now(UTC).replace(microsecond=0)
    signer = wish.by.key if wish.by else key
    issuer = wish.by.certificate.subject if wish.by else name
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + wish.begins)
        .not_valid_after(now + wish.ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=wish.ca, path_length=None), critical=True)
        .add_extension(_usage(wish.ca), critical=True)
    )
    if wish.purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(wish.purposes), critical=False)
    if wish.names:
        builder = builder.add_extension(x509.SubjectAlternativeName(wish.names), critical=False)
    return Made(key, builder.sign(signer, hashes.SHA256()), chain)


def host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def uri(name: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(name)


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
