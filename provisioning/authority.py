"""The site's certificate authority and what it signs (protocol section 2).

Every certificate passes `VERIFY_X509_STRICT` (RFC 5280): key identifiers, critical basic constraints and key usage.
The authority is constrained to the site's names, since families install it on their phones: it can vouch for the door's
server and for nobody's bank.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from protocol.certificates import device_urn, operator_urn
from protocol.errors import ConfigError
from protocol.keys import PrivateKey, PublicKey, new_key

CA_DAYS = 20 * 365
DEVICE_DAYS = 10 * 365
SERVER_DAYS = 397
"""Browsers refuse server certificates that live longer than 398 days."""

OPERATOR_DAYS = 1
"""The operator's certificate is made for one conversation with the server; nothing of it is kept."""

NO_NAME = "invalid"
"""A name that nobody can have (RFC 6761 section 6.4): it stands where a site has none of a kind, as a kind of name that
constraints leave out would be unconstrained (RFC 5280 section 4.2.1.10)."""

NO_ADDRESS = "192.0.2.0/32"
"""The same for addresses (RFC 5737)."""

DNS_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
"""RFC 1123 section 2.1; in lower case, as a login's `host` is compared (protocol section 8, rule 14)."""

BACKDATED = timedelta(hours=1)
"""A device's clock may be a little behind the operator's."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The CA: its key is the site's most precious secret."""

    key: PrivateKey
    certificate: x509.Certificate


def new_authority(site: str, now: datetime, names: Sequence[str] = (), days: int = CA_DAYS) -> Authority:
    """A self-signed CA that may sign leaves and nothing else, and servers only under `names`.

    Names are DNS names (with all below them), IP addresses, and networks such as 192.168.1.0/24.
    """
    key = new_key()
    name = _name(f"Doorward {site}")
    usage = _usage(sign_certificates=True)
    certificate = (
        _builder(name, key.public_key(), now, days)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.NameConstraints(_permitted(names), None), critical=True)
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
    """A server's certificate for DNS names and IP addresses.

    ConfigError names one that is neither, or that the CA may not vouch for.
    """
    names = [host_name(host) for host in hosts]
    for host, name in zip(hosts, names, strict=True):
        if not _may_sign(authority.certificate, name):
            raise ConfigError(
                f"host {host!r}: this site's CA is not for that name; introduce a CA that is (`ca introduce`)"
            )
    # No host as the common name: where it looks like a DNS name, OpenSSL holds it to the constraints as well.
    return _issue(authority, "Doorward server", key, names, ExtendedKeyUsageOID.SERVER_AUTH, now, days)


def issue_operator(
    authority: Authority, site: str, key: PublicKey, now: datetime, days: int = OPERATOR_DAYS
) -> x509.Certificate:
    """The operator's certificate towards the server: client authentication only."""
    urn = x509.UniformResourceIdentifier(operator_urn(site))
    return _issue(authority, "Doorward operator", key, [urn], ExtendedKeyUsageOID.CLIENT_AUTH, now, days)


def host_name(host: str) -> x509.GeneralName:
    """The subject alternative name of a server's host; ConfigError if it is none."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if DNS_NAME.fullmatch(host) is None:
            raise ConfigError(f"host {host!r}: neither an IP address nor a lower-case DNS name") from None
        return x509.DNSName(host)


def constraint(name: str) -> x509.GeneralName:
    """What a CA may vouch for: a DNS name and all below it, an address, or a network; ConfigError if it is neither."""
    try:
        return x509.IPAddress(ipaddress.ip_network(name))
    except ValueError as error:
        if "/" in name:
            raise ConfigError(f"network {name!r}: {error}") from None
        return host_name(name)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _permitted(names: Sequence[str]) -> list[x509.GeneralName]:
    """At least one of each kind of name that a server can have."""
    wanted = [constraint(name) for name in names]
    if not any(isinstance(name, x509.DNSName) for name in wanted):
        wanted.append(constraint(NO_NAME))
    if not any(isinstance(name, x509.IPAddress) for name in wanted):
        wanted.append(constraint(NO_ADDRESS))
    return wanted


def _may_sign(ca: x509.Certificate, name: x509.GeneralName) -> bool:
    permitted = ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    for subtree in permitted:
        match subtree.value, name.value:
            case (ipaddress.IPv4Network() | ipaddress.IPv6Network() as network, address):
                if not isinstance(address, str) and address in network:
                    return True
            case (str(above), str(host)):
                if host == above or host.endswith(f".{above}"):
                    return True
    return False


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
