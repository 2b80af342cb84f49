"""Keys and signed documents as another library of another author reads and writes them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto import jwa, jwe, jwk
from jwcrypto import jws as other
from jwcrypto.common import base64url_encode

from protocol import jws
from protocol.codec import encode
from protocol.errors import ConfigError, PeerError
from protocol.ids import unb64url
from protocol.keys import (
    PrivateKey,
    load_private_key,
    new_key,
    private_jwk,
    private_key_pem,
    public_jwk,
    public_key,
    thumbprint,
)
from protocol.proof import ACCEPTED, LOGIN, PROOF, verify_accepted, verify_login, verify_proof
from protocol.roster import TYP as ROSTER
from protocol.roster import verify_roster
from protocol.roster_key import TYP as ROSTER_KEY
from protocol.roster_key import Pinned, follow
from provisioning import seal
from tests.unit.stage import a_roster
from tests.unit.tampering import examples
from tests.unit.test_tampering_documents import DOCUMENTS, JWK, KEY, SUCCESSOR, a_login, a_proof

TYPES = {"roster": ROSTER, "roster key": ROSTER_KEY, "login": LOGIN, "proof": PROOF, "accepted": ACCEPTED}
EMBEDDED = {"login", "proof"}


def theirs(key: PrivateKey) -> jwk.JWK:
    """Our private key as an invitation hands it over."""
    return jwk.JWK.from_json(json.dumps(private_jwk(key)))


def signed_by_them(payload: bytes, key: jwk.JWK, header: dict[str, Any]) -> str:
    token = other.JWS(payload)
    token.add_signature(key, protected=json.dumps(header))
    compact: str = token.serialize(compact=True)
    return compact


def read_by_them(token: str, key: jwk.JWK) -> tuple[dict[str, Any], bytes]:
    """Header and payload; jwcrypto's InvalidJWSSignature if it does not verify."""
    opened = other.JWS()
    opened.deserialize(token, key, alg="ES256")
    return opened.jose_header, opened.payload


def header_of(kind: str, public: dict[str, str]) -> dict[str, Any]:
    named = {"jwk": public} if kind in EMBEDDED else {"kid": thumbprint(public)}
    return {"alg": "ES256", "typ": TYPES[kind], **named}


# Documents


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_what_we_sign_they_read(kind: str) -> None:
    token = DOCUMENTS[kind].text
    header, payload = read_by_them(token, jwk.JWK.from_json(json.dumps(JWK)))
    assert header == header_of(kind, JWK)
    assert payload == unb64url(token.split(".")[1])


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_what_they_sign_we_read(kind: str) -> None:
    payload = unb64url(DOCUMENTS[kind].text.split(".")[1])
    token = signed_by_them(payload, theirs(KEY), header_of(kind, JWK))
    assert DOCUMENTS[kind].judge(token)


def test_and_find_in_it_what_was_meant() -> None:
    key = jwk.JWK.generate(kty="EC", crv="P-256")
    public = json.loads(key.export_public())

    def token(kind: str, document: object) -> str:
        return signed_by_them(encode(document).encode(), key, header_of(kind, public))

    assert verify_roster(token("roster", a_roster()), public, "home").roster == a_roster()
    assert verify_login(token("login", a_login())) == (a_login(), key.thumbprint())
    assert verify_proof(token("proof", a_proof())) == (a_proof(), key.thumbprint())
    assert follow(token("roster key", SUCCESSOR), Pinned(public), "home").jwk == SUCCESSOR.key.as_dict()
    accepted = {"site": "home", "device": "front-door", "serial": 1, "sha256": "A" * 43}
    assert verify_accepted(token("accepted", accepted), public).serial == 1


@examples(60)
@given(st.binary(max_size=2000))
def test_any_payload_both_ways(payload: bytes) -> None:
    assert read_by_them(jws.sign(payload, KEY, "t"), theirs(KEY)) == (
        {"alg": "ES256", "typ": "t", "kid": thumbprint(JWK)},
        payload,
    )
    token = signed_by_them(payload, theirs(KEY), {"alg": "ES256", "typ": "t", "kid": thumbprint(JWK)})
    assert jws.verify(token, "t", JWK) == payload


def spoilt(header: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (header | changes).items() if value is not None}


PLAIN = {"alg": "ES256", "typ": "t", "kid": thumbprint(JWK)}


@pytest.mark.parametrize(
    "header",
    [
        spoilt(PLAIN, kid=None),
        spoilt(PLAIN, typ=None),
        spoilt(PLAIN, typ="JWT"),
        spoilt(PLAIN, cty="t"),
        spoilt(PLAIN, iat=1),
        spoilt(PLAIN, jwk=JWK),
        spoilt(PLAIN, kid=thumbprint(public_jwk(new_key()))),
        spoilt(PLAIN, kid="key 1"),
    ],
)
def test_headers_that_are_good_jose_and_not_ours(header: dict[str, Any]) -> None:
    token = signed_by_them(b"{}", theirs(KEY), header)
    assert read_by_them(token, theirs(KEY))[1] == b"{}"
    with pytest.raises(PeerError):
        jws.verify(token, "t", JWK)


def a_key(**kind: Any) -> jwk.JWK:
    return jwk.JWK.generate(**kind)


OTHER_KEYS: dict[str, Callable[[], jwk.JWK]] = {
    "ES384": lambda: a_key(kty="EC", crv="P-384"),
    "ES512": lambda: a_key(kty="EC", crv="P-521"),
    "RS256": lambda: a_key(kty="RSA", size=2048),
    "PS256": lambda: a_key(kty="RSA", size=2048),
    "HS256": lambda: a_key(kty="oct", size=256),
    "EdDSA": lambda: a_key(kty="OKP", crv="Ed25519"),
}


@pytest.mark.parametrize("alg", OTHER_KEYS)
def test_other_algorithms_are_refused_whatever_the_key(alg: str) -> None:
    """Their own key embedded, too: only ES256 has a place here."""
    key = OTHER_KEYS[alg]()
    for named in ({"kid": thumbprint(JWK)}, {"kid": key.thumbprint()}):
        with pytest.raises(PeerError):
            jws.verify(signed_by_them(b"{}", key, {"alg": alg, "typ": "t", **named}), "t", JWK)
    if not key.is_symmetric:
        embedded = {"alg": alg, "typ": "t", "jwk": json.loads(key.export_public())}
        with pytest.raises(PeerError):
            jws.verify_embedded(signed_by_them(b"{}", key, embedded), "t")


def test_the_public_key_is_no_secret_to_make_a_mac_with() -> None:
    """RFC 8725, section 2.1: a verifier that lets the header choose takes the public key for an HMAC secret."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, json.dumps(JWK).encode(), unb64url(JWK["x"])):
        key = jwk.JWK(kty="oct", k=base64url_encode(secret))
        with pytest.raises(PeerError):
            jws.verify(signed_by_them(b"{}", key, spoilt(PLAIN, alg="HS256")), "t", JWK)


# Keys


def test_keys_go_out_and_come_back() -> None:
    for _ in range(50):
        key = new_key()
        known = jwk.JWK.from_json(json.dumps(private_jwk(key)))
        assert json.loads(known.export_private()) == private_jwk(key)
        assert json.loads(known.export_public()) == public_jwk(key)
        assert known.thumbprint() == thumbprint(public_jwk(key))
        assert json.loads(jwk.JWK.from_pem(private_key_pem(key)).export_private()) == private_jwk(key) | {
            "kid": thumbprint(public_jwk(key))
        }
        assert public_key(public_jwk(key)) == key.public_key()


def test_keys_come_in_and_go_back() -> None:
    for _ in range(50):
        key = a_key(kty="EC", crv="P-256")
        ours = load_private_key(key.export_to_pem(private_key=True, password=None))
        assert private_jwk(ours) == json.loads(key.export_private())
        assert public_key(json.loads(key.export_public())) == ours.public_key()
        assert thumbprint(json.loads(key.export_public())) == key.thumbprint()


def test_sealed_with_a_password_it_is_not_taken() -> None:
    pem = a_key(kty="EC", crv="P-256").export_to_pem(private_key=True, password=b"secret")
    with pytest.raises(ConfigError):
        load_private_key(pem)


def test_coordinates_that_begin_with_zeros() -> None:
    """RFC 7518, section 6.2.1.2: always 32 bytes. Every 256th key has one; a number would have lost it."""
    seen: set[str] = set()
    while seen != {"x", "y", "d"}:
        key = new_key()
        members = private_jwk(key)
        short = {name for name in ("x", "y", "d") if unb64url(members[name])[0] == 0}
        if not short - seen:
            continue
        seen |= short
        known = jwk.JWK.from_json(json.dumps(members))
        assert json.loads(known.export_private()) == members
        assert known.thumbprint() == thumbprint(public_jwk(key))
        assert read_by_them(jws.sign(b"{}", key, "t"), known)[1] == b"{}"


def test_signatures_that_begin_with_zeros() -> None:
    """Every 256th r, and every 256th s: always 64 bytes both ways (RFC 7518, section 3.4)."""
    known = theirs(KEY)
    makers: list[Callable[[], str]] = [
        lambda: jws.sign(b"{}", KEY, "t"),
        lambda: signed_by_them(b"{}", known, PLAIN),
    ]
    for make in makers:
        seen: set[str] = set()
        while seen != {"r", "s"}:
            token = make()
            signature = unb64url(token.split(".")[2])
            assert len(signature) == 64
            short = {name for name, half in (("r", signature[:32]), ("s", signature[32:])) if half[0] == 0}
            if short - seen:
                assert jws.verify(token, "t", JWK) == read_by_them(token, known)[1] == b"{}"
            seen |= short


def test_thumbprints_as_rfc_9449_prints_one() -> None:
    """Section 7.1: the P-256 key of its examples. RFC 7638's own example is an RSA key, which has no place here."""
    key = {
        "kty": "EC",
        "crv": "P-256",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    }
    assert thumbprint(key) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    assert jwk.JWK(**key).thumbprint() == thumbprint(key)


def test_the_key_and_signature_that_rfc_7515_prints() -> None:
    """Appendix A.3: their token verifies by the key as we read it; ours it is not, for want of `typ` and `kid`."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    key = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }
    token = (
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    signed, _, signature = token.rpartition(".")
    r, s = (int.from_bytes(half, "big") for half in (unb64url(signature)[:32], unb64url(signature)[32:]))
    public_key(key).verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
    with pytest.raises(PeerError):
        jws.verify(token, "t", key)


# Sealed secrets


def test_a_sealed_secret_opens_elsewhere_and_theirs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """jwcrypto bounds the rounds that a stranger's token can make it spend; these are our own."""
    monkeypatch.setattr(jwa, "default_max_pbkdf2_iterations", seal.ITERATIONS)
    passphrase = "correct horse battery"
    key = jwk.JWK(kty="oct", k=base64url_encode(passphrase))
    algorithms = [seal.ALG, seal.ENC]
    opened = jwe.JWE(algs=algorithms)
    opened.deserialize(seal.seal(b"secret", passphrase), key)
    assert opened.payload == b"secret"
    header = {"alg": seal.ALG, "enc": seal.ENC}
    made = jwe.JWE(b"secret", json.dumps(header), algs=algorithms)
    made.add_recipient(key)
    assert seal.unseal(made.serialize(compact=True), passphrase, "a file") == b"secret"
