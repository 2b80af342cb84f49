"""No document that somebody signed survives the change of a single character."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import PeerError
from protocol.ids import b64url, unb64url
from protocol.keys import PublicJwk, new_key, public_jwk, thumbprint
from protocol.proof import (
    Accepted,
    Login,
    Proof,
    sign_accepted,
    sign_login,
    sign_proof,
    verify_accepted,
    verify_login,
    verify_proof,
)
from protocol.roster import sign_roster, verify_roster
from protocol.roster_key import Pinned, RosterKey, follow, sign_roster_key
from tests.unit.stage import a_roster
from tests.unit.tampering import BASE64URL, everywhere, examples, other_sextets, refuse, tampered

KEY = new_key()
JWK = public_jwk(KEY)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (SEC 2, section 2.4.2)."""


@dataclass(frozen=True)
class Signed:
    """A document and who judges it."""

    text: str
    judge: Callable[[str], object]


def a_login() -> Login:
    return Login(nonce="n" * 22, site="home", answerer="alice", host="door.example:8443")


def a_proof() -> Proof:
    return Proof(
        site="home", device="front-door", answerer="alice", link="l" * 22, device_fingerprint="AA" + ":AA" * 31,
        fingerprint="BB" + ":BB" * 31, offer="O" * 42 + "A", answer="A" * 43,
    )  # fmt: skip


SUCCESSOR = RosterKey(site="home", sequence=1, key=PublicJwk(**public_jwk(new_key())), issued=1790000000)

DOCUMENTS = {
    "roster": Signed(sign_roster(a_roster(), KEY), lambda text: verify_roster(text, JWK, "home", "front-door")),
    "roster key": Signed(sign_roster_key(SUCCESSOR, KEY), lambda text: follow(text, Pinned(JWK), "home")),
    "login": Signed(sign_login(a_login(), KEY), verify_login),
    "proof": Signed(sign_proof(a_proof(), KEY), verify_proof),
    "accepted": Signed(
        sign_accepted(Accepted(site="home", device="front-door", serial=1, sha256="A" * 43), KEY),
        lambda text: verify_accepted(text, JWK),
    ),
}

every_document = pytest.mark.parametrize("kind", DOCUMENTS)


@every_document
def test_unchanged_it_is_believed_so_the_refusals_below_mean_something(kind: str) -> None:
    assert DOCUMENTS[kind].judge(DOCUMENTS[kind].text)


@every_document
def test_no_character_can_be_changed_left_out_doubled_or_cut_off(kind: str) -> None:
    """Turning each bit of a character turns each bit of the bytes below base64url, too."""
    document = DOCUMENTS[kind]
    for changed in everywhere(document.text, other_sextets):
        refuse(document.judge, changed)


SIGNS = st.sampled_from(BASE64URL + ".=+/ \n\0") | st.characters()


@examples(600)
@given(st.sampled_from(sorted(DOCUMENTS)).flatmap(lambda k: st.tuples(st.just(k), tampered(DOCUMENTS[k].text, SIGNS))))
def test_no_change_at_all_is_believed(case: tuple[str, str]) -> None:
    kind, changed = case
    refuse(DOCUMENTS[kind].judge, changed)


def segment_changes(kind: str) -> st.SearchStrategy[tuple[str, str]]:
    """Changes below base64url: every one of them is a well-formed token that says something else."""
    parts = DOCUMENTS[kind].text.split(".")

    def put(index: int) -> st.SearchStrategy[str]:
        raw = unb64url(parts[index]).decode("latin-1")
        octets = st.characters(max_codepoint=255)
        return (
            tampered(raw, octets)
            .filter(lambda text: max(map(ord, text), default=0) < 256)
            .map(lambda text: ".".join([*parts[:index], b64url(text.encode("latin-1")), *parts[index + 1 :]]))
        )

    return st.tuples(st.just(kind), st.integers(0, 2).flatmap(put))


@examples(600)
@given(st.sampled_from(sorted(DOCUMENTS)).flatmap(segment_changes))
def test_no_change_of_header_payload_or_signature_is_believed(case: tuple[str, str]) -> None:
    kind, changed = case
    refuse(DOCUMENTS[kind].judge, changed)


@every_document
def test_the_spare_bits_of_the_last_character_are_zero(kind: str) -> None:
    """Otherwise one document had several texts (RFC 4648, section 3.5)."""
    document = DOCUMENTS[kind]
    parts = document.text.split(".")
    spared = 0
    for index, part in enumerate(parts):
        spare = {0: 0, 2: 4, 3: 2}[len(part) % 4]
        for bits in range(1, 1 << spare):
            last = BASE64URL[BASE64URL.index(part[-1]) | bits]
            refuse(document.judge, ".".join([*parts[:index], part[:-1] + last, *parts[index + 1 :]]))
            spared += 1
    assert spared >= 15, "a signature of 64 bytes alone has four spare bits"


def test_parts_of_genuine_documents_never_make_another() -> None:
    """Every mixture of headers, payloads and signatures of one key, two documents of each kind."""
    again = [sign_roster(a_roster(serial=2), KEY), sign_login(a_login(), KEY), sign_proof(a_proof(), KEY)]
    genuine = {document.text for document in DOCUMENTS.values()} | set(again)
    split = [text.split(".") for text in genuine]
    for parts in itertools.product(*zip(*split, strict=True)):
        if (mixed := ".".join(parts)) not in genuine:
            for document in DOCUMENTS.values():
                refuse(document.judge, mixed)


def test_no_document_passes_for_one_of_another_kind() -> None:
    for kind, other in itertools.permutations(DOCUMENTS, 2):
        refuse(DOCUMENTS[kind].judge, DOCUMENTS[other].text)


def with_signature(text: str, signature: bytes) -> str:
    return f"{text.rpartition('.')[0]}.{b64url(signature)}"


@every_document
@pytest.mark.parametrize("r", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1])
def test_a_signature_at_the_edges_of_the_group(kind: str, r: int, s: int) -> None:
    """Also known as psychic signatures: r and s of 0 once verified everything in a well-known library."""
    document = DOCUMENTS[kind]
    refuse(document.judge, with_signature(document.text, r.to_bytes(32, "big") + s.to_bytes(32, "big")))


@every_document
@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 96, 128])
def test_a_signature_of_another_length(kind: str, length: int) -> None:
    document = DOCUMENTS[kind]
    signature = unb64url(document.text.rpartition(".")[2])
    refuse(document.judge, with_signature(document.text, (signature * 2)[:length]))
    refuse(document.judge, with_signature(document.text, (bytes(64) + signature)[-length:] if length else b""))


@every_document
def test_the_one_equality_of_ecdsa_says_the_same(kind: str) -> None:
    """With (r, s) every ECDSA verifier takes (r, n - s): anybody can make it, and it says exactly what the first says.

    Nothing is known by its signature: rosters count by the digest of the payload (section 8, rule 7), a login by its
    nonce, a proof by its link, and each is good once.
    """
    document = DOCUMENTS[kind]
    signature = unb64url(document.text.rpartition(".")[2])
    other = ORDER - int.from_bytes(signature[32:], "big")
    mirrored = with_signature(document.text, signature[:32] + other.to_bytes(32, "big"))
    believed, original = document.judge(mirrored), document.judge(document.text)
    if kind == "roster":
        assert verify_roster(mirrored, JWK, "home").held == verify_roster(document.text, JWK, "home").held
    else:
        assert believed == original


def test_documents_of_another_key_are_refused_or_named_as_its() -> None:
    stranger = new_key()
    for kind, text in (
        ("roster", sign_roster(a_roster(), stranger)),
        ("roster key", sign_roster_key(SUCCESSOR, stranger)),
        ("accepted", sign_accepted(Accepted(site="home", device="front-door", serial=1, sha256="A" * 43), stranger)),
    ):
        with pytest.raises(PeerError):
            DOCUMENTS[kind].judge(text)
    for signer in (verify_login(sign_login(a_login(), stranger))[1], verify_proof(sign_proof(a_proof(), stranger))[1]):
        assert signer == thumbprint(public_jwk(stranger))
