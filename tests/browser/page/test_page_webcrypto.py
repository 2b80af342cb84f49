"""Keys, thumbprints and signatures: what WebCrypto makes Python reads, and the other way round."""

import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from playwright.sync_api import Page

from protocol import jws
from protocol.codec import convert
from protocol.errors import PeerError
from protocol.ids import b64url, unb64url
from protocol.keys import PrivateKey, PublicJwk, new_key, private_jwk, public_jwk, public_key, thumbprint
from tests.browser.page.test_page_jws import made

TYP = "doorward-roster+jwt"

GENERATE = """async (wanted) => {
  const P256 = { name: "ECDSA", namedCurve: "P-256" };
  const found = [];
  for (let tries = 0; tries < 8192 && found.length < wanted.length; tries++) {
    const pair = await crypto.subtle.generateKey(P256, true, ["sign", "verify"]);
    const jwk = await crypto.subtle.exportKey("jwk", pair.privateKey);
    const name = wanted[found.length];
    if (name && !/^A[A-P]/.test(jwk[name])) continue;  // its first byte is zero
    const spki = await crypto.subtle.exportKey("spki", pair.publicKey);
    const { thumbprint } = await import("/jws.js");
    const { b64url } = await import("/bytes.js");
    found.push({ jwk, spki: b64url(spki), thumbprint: await thumbprint(jwk) });
  }
  return found;
}"""

SIGN = """async ([jwk, payload, typ, wanted]) => {
  const { importPrivate, sign } = await import("/jws.js");
  const key = await importPrivate(jwk);
  for (let tries = 0; tries < 8192; tries++) {
    const token = await sign(payload, key, typ, jwk);
    const { unb64url } = await import("/bytes.js");
    const signature = unb64url(token.split(".")[2]);
    if (!wanted || signature[wanted === "s" ? 32 : 0] === 0) return token;
  }
}"""

VERIFY = """async ([tokens, typ, jwk]) => {
  const { verify } = await import("/jws.js");
  const outcomes = [];
  for (const token of tokens) {
    try { outcomes.push(new TextDecoder().decode(await verify(token, typ, jwk))); }
    catch (error) { outcomes.push({ name: error.name }); }
  }
  return outcomes;
}"""


def ours(jwk: dict[str, Any]) -> PrivateKey:
    """The key of a private JWK of WebCrypto."""
    key = ec.derive_private_key(int.from_bytes(unb64url(jwk["d"]), "big"), ec.SECP256R1())
    assert private_jwk(key).items() <= jwk.items()
    return key


def generated(page: Page, *first_byte_zero: str | None) -> list[dict[str, Any]]:
    """A key for each name: one whose member of that name begins with a zero byte, any for None."""
    found: list[dict[str, Any]] = page.evaluate(GENERATE, list(first_byte_zero))
    assert len(found) == len(first_byte_zero)
    return found


def test_keys_of_webcrypto(blank: Page) -> None:
    """Also such whose coordinates begin with zeros: always 32 bytes (RFC 7518, section 6.2.1.2)."""
    for found in generated(blank, *[None] * 20, "x", "y", "d"):
        jwk = found["jwk"]
        assert set(jwk) == {"kty", "crv", "x", "y", "d", "ext", "key_ops"}
        key = ours(jwk)
        public = public_jwk(key)
        assert public_key(public) == key.public_key()
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert unb64url(found["spki"]) == spki
        assert load_der_public_key(unb64url(found["spki"])) == key.public_key()
        canonical = json.dumps(public, sort_keys=True, separators=(",", ":")).encode()
        assert found["thumbprint"] == thumbprint(public) == b64url(hashlib.sha256(canonical).digest())


def test_tokens_of_webcrypto(blank: Page) -> None:
    """Also such whose r or s begins with a zero: always 64 bytes (RFC 7518, section 3.4)."""
    (found,) = generated(blank, None)
    public = public_jwk(ours(found["jwk"]))
    for wanted in (None, "r", "s"):
        token = blank.evaluate(SIGN, [found["jwk"], {"a": 1}, "t", wanted])
        assert jws.verify_embedded(token, "t") == (b'{"a":1}', thumbprint(public))
        with pytest.raises(PeerError):
            jws.verify_embedded(token, "another")
        with pytest.raises(PeerError):
            jws.verify(token, "t", public)


def test_tokens_for_webcrypto(blank: Page) -> None:
    """Made with a key of its own making and with one of ours; r and s that begin with zeros among them."""
    (found,) = generated(blank, None)
    for key in (ours(found["jwk"]), new_key()):
        tokens = [jws.sign(f"[{number}]".encode(), key, TYP) for number in range(20)]
        tokens += [with_zero(key, 0), with_zero(key, 32)]
        outcomes = blank.evaluate(VERIFY, [tokens, TYP, public_jwk(key)])
        assert outcomes == [unb64url(token.split(".")[1]).decode() for token in tokens]
        strangers = blank.evaluate(VERIFY, [tokens, TYP, public_jwk(new_key())])
        assert strangers == [{"name": "PeerError"}] * len(tokens)


def with_zero(key: PrivateKey, at: int) -> str:
    """A token whose signature has a zero byte there; every 256th has."""
    while True:
        token = jws.sign(b"[]", key, TYP)
        if unb64url(token.split(".")[2])[at] == 0:
            return token


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_both_judge_signatures_at_the_edges_of_the_group_alike(blank: Page) -> None:
    key = new_key()
    token = jws.sign(b"[]", key, TYP)
    signed, _, signature = token.rpartition(".")
    raw = unb64url(signature)
    mirrored = raw[:32] + (ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    edges = [(r, s) for r in (0, 1, ORDER, 2**256 - 1) for s in (0, 1, ORDER, 2**256 - 1)]
    signatures = [
        raw,
        mirrored,
        *(r.to_bytes(32, "big") + s.to_bytes(32, "big") for r, s in edges),
        raw[:63],
        raw + b"\0",
    ]
    tokens = [f"{signed}.{b64url(one)}" for one in signatures]
    assert blank.evaluate(VERIFY, [tokens, TYP, public_jwk(key)]) == [verdict(one, key) for one in tokens]


def verdict(token: str, key: PrivateKey) -> Any:
    try:
        return jws.verify(token, TYP, public_jwk(key)).decode()
    except PeerError:
        return {"name": "PeerError"}


BAD_KEYS: dict[str, dict[str, str]] = {
    "not on the curve": {"x": "A" * 43},
    "no point at all": {"x": "A" * 43, "y": "A" * 43},
    "beyond the field": {"x": b64url(b"\xff" * 32)},
    "too short": {"x": "A" * 42},
    "spare bits": {"x": "A" * 42 + "B"},
    "another curve": {"crv": "P-384"},
    "another kind": {"kty": "RSA"},
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_both_refuse_keys_that_are_none(blank: Page, case: str) -> None:
    """Pinned and named as the signer, so that nothing but the key itself is wrong."""
    key = new_key()
    bad = public_jwk(key) | BAD_KEYS[case]
    token = made(key, {"alg": "ES256", "typ": TYP, "kid": thumbprint(bad)}, b"[]")
    assert blank.evaluate(VERIFY, [[token], TYP, bad]) == [{"name": "PeerError"}]
    with pytest.raises(PeerError):
        public_key(convert(bad, PublicJwk).as_dict())
