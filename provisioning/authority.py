"""The site's certificate authority and what it signs (protocol section 2).

Every certificate passes `VERIFY_X509_STRICT` (RFC 5280): key identifiers, critical basic constraints and key usage.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from protocol.certificates import device_urn
from protocol.errors import ConfigError
from protocol.keys import PrivateKey, PublicKey, new_key

CA_DAYS = 20 * 365
DEVICE_DAYS = 10 * 365
SERVER_DAYS = 397
"""Browsers refuse server certificates that live longer than 398 days."""

DNS_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
"""RFC 1123 section 2.1; in lower case, as a login's `host` is compared (protocol section 8, rule 14)."""

BACKDATED = timedelta(hours=1)
"""A device's clock may be a little behind the operator's."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The CA: its key is the site's most precious secret."""

    key: PrivateKey
    certificate: x509.Certificate


def new_authority(site: str, now: datetime, days: int = CA_DAYS) -> Authority:
    """A self-signed CA that may sign leaves and nothing else."""
    key = new_key()
    name = _name(f"Doorward {site}")
    usage = _usage(sign_certificates=True)
    certificate = (
        _builder(name, key.public_key(), now, days)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)


def issue_device(
    authority: Authority, site: str, device: str, key: PublicKey, now: datetime, days: int = DEVICE_DAYS
) -> x509.Certificate:
    """A device's certificate: client authentication only, named by its URN alone."""
    urn = x509.UniformResourceIdentifier(device_urn(site, device))
    return _issue(authority, device, key, [urn], ExtendedKeyUsageOID.CLIENT_AUTH, now, days)


def issue_server(
    authority: Authority, hosts: Sequence[str], key: PublicKey, now: datetime, days: int = SERVER_DAYS
) -> x509.Certificate:
    """A server's certificate for DNS names and IP addresses; ConfigError names one that is neither."""
    return _issue(
        authority, hosts[0], key, [host_name(host) for host in hosts], ExtendedKeyUsageOID.SERVER_AUTH, now, days
    )


def host_name(host: str) -> x509.GeneralName:
    """The subject alternative name of a server's host; ConfigError if it is none."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if DNS_NAME.fullmatch(host) is None:
            raise ConfigError(f"host {host!r}: neither an IP address nor a lower-case DNS name") from None
        return x509.DNSName(host)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _issue(
    authority: Authority,
    common_name: str,
    key: PublicKey,
    names: Sequence[x509.GeneralName],
    purpose: ObjectIdentifier,
    now: datetime,
    days: int,
) -> x509.Certificate:
    issuer = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        _builder(_name(common_name), key, now, days)
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _builder(name: x509.Name, key: PublicKey, now: datetime, days: int) -> x509.CertificateBuilder:
    now = now.astimezone(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
