"""No certificate survives the change of a single byte: not before our own checks, and not before OpenSSL's."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import crypto

from protocol.certificates import (
    check_server_certificate,
    client_identity,
    device_identity,
    issued_by,
    load_certificates,
)
from protocol.errors import PeerError
from protocol.keys import load_private_key, new_key, private_key_pem
from provisioning.authority import issue_device, issue_operator, issue_server, new_authority
from tests.unit.tampering import everywhere, examples, other_octets, refuse, tampered

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

NOW = datetime.now(UTC)
CA = new_authority("home", NOW, ["door.example", "192.0.2.7"])
OTHER_CA = new_authority("home", NOW, ["door.example", "192.0.2.7"])
KEY = new_key()


@dataclass(frozen=True)
class Case:
    """A certificate, and what its bearer's peer asks of it besides the chain."""

    certificate: x509.Certificate
    check: Callable[[x509.Certificate], object]

    @property
    def der(self) -> str:
        """Bytes as characters."""
        return self.certificate.public_bytes(Encoding.DER).decode("latin-1")

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode("latin-1")

    def judge(self, certificate: x509.Certificate) -> bytes:
        """The certificate as DER, if it is believed."""
        self.check(certificate)
        if not issued_by(certificate, CA.certificate):
            raise PeerError("not of this site's CA")
        return certificate.public_bytes(Encoding.DER)

    def judge_der(self, der: str) -> bytes:
        return self.judge(read_der(der.encode("latin-1")))

    def judge_pem(self, pem: str) -> list[bytes]:
        return [self.judge(certificate) for certificate in load_certificates(pem.encode("latin-1"), "a file")]

    def same_pem(self, found: list[bytes]) -> bool:
        """The very certificate: whatever was changed lies outside it, or between the lines of it."""
        return set(found) == {self.certificate.public_bytes(Encoding.DER)}


CASES = {
    "device": Case(issue_device(CA, "home", "front-door", KEY.public_key(), NOW), device_identity),
    "operator": Case(issue_operator(CA, "home", KEY.public_key(), NOW), client_identity),
    "server": Case(issue_server(CA, ["door.example", "192.0.2.7"], KEY.public_key(), NOW), check_server_certificate),
}

every_certificate = pytest.mark.parametrize("kind", CASES)
some_kind = st.sampled_from(sorted(CASES))
OCTETS = st.characters(max_codepoint=255)


def read_der(der: bytes) -> x509.Certificate:
    """As the adapters read what TLS has verified."""
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion) as error:
        raise PeerError("not a certificate") from error


def octets(text: str) -> bool:
    return max(map(ord, text), default=0) < 256


@every_certificate
def test_unchanged_it_is_believed_so_the_refusals_below_mean_something(kind: str) -> None:
    case = CASES[kind]
    assert case.judge_der(case.der).decode("latin-1") == case.der
    assert case.same_pem(case.judge_pem(case.pem))
    assert openssl_believes(case.der.encode("latin-1"))


@every_certificate
def test_the_same_of_another_ca_of_the_same_name_is_refused(kind: str) -> None:
    assert not issued_by(CASES[kind].certificate, OTHER_CA.certificate)


@every_certificate
def test_no_byte_can_be_changed_left_out_doubled_or_cut_off(kind: str) -> None:
    for changed in everywhere(CASES[kind].der, other_octets):
        refuse(CASES[kind].judge_der, changed)


def test_the_bits_of_a_signature_are_whole_bytes() -> None:
    """A bit string may leave bits of its last byte unused, if they are zero. A signature that does so is the same for
    cryptography, and no signature for OpenSSL (RFC 5280, section 4.1.1.3): the certificate would have two fingerprints.
    """
    issued = (issue_device(CA, "home", "a", KEY.public_key(), NOW) for _ in itertools.count())
    case = next(Case(found, device_identity) for found in issued if found.signature[-1] % 8 == 0)
    start = len(case.der) - len(case.certificate.signature) - 1
    assert case.der[start] == "\0"
    for unused in range(1, 256):
        refuse(case.judge_der, case.der[:start] + chr(unused) + case.der[start + 1 :])


@examples(600)
@given(some_kind.flatmap(lambda k: st.tuples(st.just(k), tampered(CASES[k].der, OCTETS).filter(octets))))
def test_no_change_at_all_is_believed(case: tuple[str, str]) -> None:
    kind, changed = case
    refuse(CASES[kind].judge_der, changed)


@every_certificate
def test_no_character_of_the_pem_can_be_changed_but_such_as_say_nothing(kind: str) -> None:
    case = CASES[kind]
    for changed in everywhere(case.pem, lambda old: [chr(ord(old) ^ 1), chr(ord(old) ^ 32), "=", " ", "\0"]):
        refuse(case.judge_pem, changed, case.same_pem)


@examples(400)
@given(some_kind.flatmap(lambda k: st.tuples(st.just(k), tampered(CASES[k].pem, OCTETS).filter(octets))))
def test_no_change_of_the_pem_is_believed_but_such_as_say_nothing(case: tuple[str, str]) -> None:
    kind, changed = case
    refuse(CASES[kind].judge_pem, changed, CASES[kind].same_pem)


def openssl_believes(der: bytes) -> bool:
    """Whether OpenSSL's own strict verification ends at the site's CA; our checks have no part in it."""
    try:
        certificate = crypto.load_certificate(crypto.FILETYPE_ASN1, der)
        crypto.X509StoreContext(STORE, certificate).verify_certificate()
    except (crypto.Error, crypto.X509StoreContextError):
        return False
    return crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) == der


STORE = crypto.X509Store()
STORE.add_cert(crypto.X509.from_cryptography(CA.certificate))
STORE.set_flags(crypto.X509StoreFlags.X509_STRICT)


@every_certificate
def test_openssl_alone_believes_no_changed_byte_either(kind: str) -> None:
    """What it reads in spite of another encoding it hands on in the right one: fingerprints are taken of that."""
    for changed in everywhere(CASES[kind].der, lambda old: [chr(ord(old) ^ 1), chr(ord(old) ^ 128)]):
        assert not openssl_believes(changed.encode("latin-1")), f"was accepted: {changed!r}"


def test_no_bit_of_a_key_file_can_be_turned_but_such_as_say_nothing() -> None:
    """A key whose halves differ would sign what its own certificate does not verify."""
    pem = private_key_pem(KEY).decode("latin-1")
    for changed in everywhere(pem, other_octets):
        refuse(
            lambda text: load_private_key(text.encode("latin-1")).private_numbers(),
            changed,
            lambda numbers: numbers == KEY.private_numbers(),
        )
