"""A certificate signing request is asked for two things, its key and its name, and is refused with anything else."""

import base64
from collections.abc import Callable
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import AttributeOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ConfigError
from protocol.keys import new_key
from provisioning.devices import REQUEST_LIMIT, requested_key
from tests.unit.site_folders import DEVICE, Home, contents, home, request, said
from tests.unit.tampering import examples, other_octets

__all__ = ["home"]

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

KEY = new_key()
GOOD = request(KEY)
Builder = x509.CertificateSigningRequestBuilder


def named(*parts: tuple[x509.ObjectIdentifier, str]) -> Builder:
    return Builder().subject_name(x509.Name([x509.NameAttribute(oid, text) for oid, text in parts]))


def plain(name: str = DEVICE) -> Builder:
    return named((NameOID.COMMON_NAME, name))


def pem(builder: Builder, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@cache
def rsa_request() -> bytes:
    return pem(plain(), rsa.generate_private_key(65537, 2048))


def ed25519_request() -> bytes:
    return plain().sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(serialization.Encoding.PEM)


def wrong_signature() -> bytes:
    """The last byte of the signature is another."""
    der = x509.load_pem_x509_csr(GOOD).public_bytes(serialization.Encoding.DER)
    return as_pem(der[:-1] + bytes([der[-1] ^ 1]))


def foreign_signature() -> bytes:
    """A request for somebody else's public key, with our signature in place of theirs."""
    other = x509.load_pem_x509_csr(pem(plain(), new_key()))
    ours = x509.load_pem_x509_csr(GOOD).public_bytes(serialization.Encoding.DER)
    der = other.public_bytes(serialization.Encoding.DER)
    body = der[der.index(other.tbs_certrequest_bytes) :][: len(other.tbs_certrequest_bytes)]
    mine = x509.load_pem_x509_csr(GOOD).tbs_certrequest_bytes
    assert len(body) == len(mine)
    return as_pem(ours.replace(mine, body))


def as_pem(der: bytes) -> bytes:

    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n".encode()


SAN = x509.SubjectAlternativeName([x509.DNSName("door.example")])
CA = x509.BasicConstraints(ca=True, path_length=None)
COMMON, ORGANIZATION = NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "an RSA key": (rsa_request, "not ECDSA P-256"),
    "a P-384 key": (lambda: pem(plain(), ec.generate_private_key(ec.SECP384R1())), "not ECDSA P-256"),
    "a secp256k1 key": (lambda: pem(plain(), ec.generate_private_key(ec.SECP256K1())), "not ECDSA P-256"),
    "a brainpool key": (lambda: pem(plain(), ec.generate_private_key(ec.BrainpoolP256R1())), "not ECDSA P-256"),
    "an ed25519 key": (ed25519_request, "not ECDSA P-256"),
    "a further name": (lambda: pem(plain().add_extension(SAN, critical=False)), "more than a name"),
    "to be a CA": (lambda: pem(plain().add_extension(CA, critical=True)), "more than a name"),
    "a challenge": (lambda: pem(plain().add_attribute(AttributeOID.CHALLENGE_PASSWORD, b"x")), "more than a name"),
    "an organization": (lambda: pem(named((COMMON, DEVICE), (ORGANIZATION, "x"))), "is not for"),
    "two names": (lambda: pem(named((COMMON, DEVICE), (COMMON, "back-door"))), "is not for"),
    "its name twice": (lambda: pem(named((COMMON, DEVICE), (COMMON, DEVICE))), "is not for"),
    "no name": (lambda: pem(Builder().subject_name(x509.Name([]))), "is not for"),
    "the name as something else": (lambda: pem(named((ORGANIZATION, DEVICE))), "is not for"),
    "another's name": (lambda: pem(plain("back-door")), "is not for"),
    "capitals": (lambda: pem(plain("Front-door")), "is not for"),
    "a space more": (lambda: pem(plain(f"{DEVICE} ")), "is not for"),
    "a zero byte": (lambda: pem(plain(f"{DEVICE}\0")), "is not for"),
    "a Cyrillic o": (lambda: pem(plain("fr\u043ent-door")), "is not for"),
    "a full-width hyphen": (lambda: pem(plain("front\uff0ddoor")), "is not for"),
    "a zero-width space": (lambda: pem(plain("front\u200b-door")), "is not for"),
    "a spoilt signature": (wrong_signature, "request"),
    "another's signature": (foreign_signature, "not signed by its own key"),
    "a certificate": (lambda: GOOD.replace(b" REQUEST", b""), "not a certificate signing request"),
    "a private key": (lambda: GOOD.replace(b"CERTIFICATE REQUEST", b"PRIVATE KEY"), "not a certificate signing"),
    "nothing": (lambda: b"", "not a certificate signing request"),
    "noise": (lambda: b"\xff\0" * 99, "not a certificate signing request"),
    "an empty PEM": (lambda: as_pem(b""), "not a certificate signing request"),
    "half of it": (lambda: GOOD[: len(GOOD) // 2], "not a certificate signing request"),
    "too much": (lambda: GOOD + b"\n" * REQUEST_LIMIT, "the limit"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_a_request_with_anything_else_is_refused(make: Callable[[], bytes], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        requested_key(make(), DEVICE)


def test_a_request_as_the_device_makes_it_is_taken() -> None:
    assert requested_key(GOOD, DEVICE) == KEY.public_key()


def test_the_encoding_of_the_name_does_not_matter() -> None:
    name = x509.NameAttribute(NameOID.COMMON_NAME, DEVICE, _ASN1Type.PrintableString)
    assert requested_key(pem(Builder().subject_name(x509.Name([name]))), DEVICE) == KEY.public_key()


def same_or_refused(changed: bytes) -> None:
    try:
        key = requested_key(changed, DEVICE)
    except ConfigError:
        return
    assert key == KEY.public_key(), "another key was believed"


def test_no_bit_of_the_request_can_be_changed() -> None:
    der = x509.load_pem_x509_csr(GOOD).public_bytes(serialization.Encoding.DER).decode("latin-1")
    body = x509.load_pem_x509_csr(GOOD).tbs_certrequest_bytes.decode("latin-1")
    signed = range(der.index(body), der.index(body) + len(body))
    for at, old in enumerate(der):
        for new in other_octets(old):
            changed = as_pem((der[:at] + new + der[at + 1 :]).encode("latin-1"))
            if at in signed:
                with pytest.raises(ConfigError):
                    requested_key(changed, DEVICE)
            else:
                same_or_refused(changed)


@given(at=st.integers(0, len(GOOD) - 1), with_=st.binary(max_size=4))
@examples(300)
def test_no_byte_of_the_file_can_be_changed(at: int, with_: bytes) -> None:
    same_or_refused(GOOD[:at] + with_ + GOOD[at + 1 :])


@given(noise=st.binary(max_size=300))
@examples(200)
def test_whatever_stands_in_a_request_is_an_error_of_ours(noise: bytes) -> None:
    with pytest.raises(ConfigError):
        requested_key(as_pem(noise), DEVICE)


@pytest.mark.parametrize("make", [rsa_request, wrong_signature, lambda: b"", lambda: GOOD + b"\n" * REQUEST_LIMIT])
def test_a_refused_request_is_one_line_and_changes_nothing(home: Home, make: Callable[[], bytes]) -> None:
    before = contents(home.path)
    said(home.run("device", "sign", "back-door", data=make()), 78, "request: ")
    said(home.run("device", "renew", DEVICE, "--new-key", data=make()), 78, "request: ")
    assert contents(home.path) == before


def test_a_request_for_one_device_is_not_signed_for_another_nor_twice(home: Home) -> None:
    said(home.run("device", "sign", "back-door", data=GOOD), 78, "keygen --device back-door")
    said(home.run("device", "sign", DEVICE, data=GOOD), 1, "renew --new-key")
    said(home.run("device", "sign", "Back_door", data=request(KEY, "Back_door")), 1, "lower-case")
    said(home.run("device", "renew", "back-door"), 78, DEVICE)
