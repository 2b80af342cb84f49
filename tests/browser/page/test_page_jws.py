"""Signed documents: what the page signs the device takes, and what is not exactly right is refused."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from playwright.sync_api import Page

from protocol.ids import b64url, unb64url
from protocol.keys import PrivateKey, new_key, private_jwk, public_jwk, thumbprint
from protocol.proof import text_digest, verify_login, verify_proof
from tests.browser.page.stand import House

TYP = "doorward-roster+jwt"
VERIFY = """async ([token, typ, jwk]) => {
  const { verify } = await import("/jws.js");
  try { return { payload: new TextDecoder().decode(await verify(token, typ, jwk)) }; }
  catch (error) { return { name: error.name, message: error.message }; }
}"""


def verify(page: Page, token: str, key: PrivateKey, typ: str = TYP) -> dict[str, Any]:
    result: dict[str, Any] = page.evaluate(VERIFY, [token, typ, public_jwk(key)])
    return result


def made(key: PrivateKey, head: str | dict[str, Any], payload: bytes = b"{}") -> str:
    """A token with any header at all, rightly signed."""
    text = head if isinstance(head, str) else json.dumps(head)
    signed = f"{b64url(text.encode())}.{b64url(payload)}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def header(key: PrivateKey, **changes: Any) -> dict[str, Any]:
    return {"alg": "ES256", "typ": TYP, "kid": thumbprint(public_jwk(key))} | changes


def test_a_good_token_verifies(blank: Page) -> None:
    key = new_key()
    assert verify(blank, made(key, header(key), b'{"a":1}'), key) == {"payload": '{"a":1}'}


HEADERS: dict[str, Any] = {
    "none": {"alg": "none"},
    "hmac": {"alg": "HS256"},
    "another curve": {"alg": "ES384"},
    "another type": {"typ": "doorward-login+jwt"},
    "crit": {"crit": ["b64"]},
    "b64": {"b64": False},
    "an extra member": {"x": 1},
    "an embedded key": {"jwk": {"kty": "EC"}},
    "another kid": {"kid": "A" * 43},
    "a number for kid": {"kid": 1},
}


@pytest.mark.parametrize("changes", HEADERS.values(), ids=HEADERS)
def test_any_other_header_is_refused(blank: Page, changes: dict[str, Any]) -> None:
    key = new_key()
    assert verify(blank, made(key, header(key, **changes)), key)["name"] == "PeerError"


def test_duplicate_members_are_refused(blank: Page) -> None:
    key = new_key()
    kid = thumbprint(public_jwk(key))
    twice = f'{{"alg":"none","alg":"ES256","typ":"{TYP}","kid":"{kid}"}}'
    assert "twice" in verify(blank, made(key, twice), key)["message"]
    escaped = f'{{"\\u0061lg":"none","alg":"ES256","typ":"{TYP}","kid":"{kid}"}}'
    assert "twice" in verify(blank, made(key, escaped), key)["message"]


def test_a_header_without_kid_is_refused(blank: Page) -> None:
    key = new_key()
    assert verify(blank, made(key, {"alg": "ES256", "typ": TYP}), key)["name"] == "PeerError"


def test_anything_changed_is_refused(blank: Page) -> None:
    key, other = new_key(), new_key()
    head, payload, signature = made(key, header(key)).split(".")
    raw = unb64url(signature)
    flipped = b64url(bytes([raw[0] ^ 1]) + raw[1:])
    for token in (
        f"{head}.{b64url(b'[]')}.{signature}",
        f"{head}.{payload}.{flipped}",
        f"{head}.{payload}.",
        f"{head}.{payload}",
        f"{head}.{payload}.{signature}.",
        f"{head}.{payload}.{signature}=",
        f"{head}.{payload}.{b64url(raw + raw)}",
        f"{head}.{payload}.{b64url(key.sign(f'{head}.{payload}'.encode(), ec.ECDSA(hashes.SHA256())))}",  # DER
        made(other, header(key)),
        "x" * 20000,
    ):
        assert verify(blank, token, key)["name"] == "PeerError", token
    assert verify(blank, made(other, header(other)), key)["name"] == "PeerError"


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a":{"b":1,"b":1}}',
        '[{"a":1,"\\u0061":1}]',
        '"\\ud800"',
        '{"\\udc00":1}',
        "NaN",
        "{}}",
        "",
        "[" * 17 + "]" * 17,
    ],
)
def test_strict_json_refuses(blank: Page, text: str) -> None:
    parse = """async (t) => {
      const { parseJson } = await import("/json.js");
      try { return [parseJson(t)]; } catch (error) { return error.name; }
    }"""
    assert blank.evaluate(parse, text) == "PeerError"
    fine = '{"a":{"a":1,"b":[{"a":"x,:{\\"a\\""},{"a":2}]},"b":"a"}'
    assert blank.evaluate(parse, fine) == [json.loads(fine)]


SIGN = """async ([jwk, kind, values]) => {
  const { importPrivate } = await import("/jws.js");
  const proof = await import("/proof.js");
  const { kty, crv, x, y } = jwk;
  const me = { site: "home", answerer: "alice", key: await importPrivate(jwk), jwk: { kty, crv, x, y } };
  return kind === "login" ? proof.signLogin(me, ...values) : proof.signProof(me, values);
}"""


def test_a_login_is_one_the_server_takes(blank: Page, house: House) -> None:
    token = blank.evaluate(SIGN, [private_jwk(house.alice), "login", ["n" * 22, "door.example:8443"]])
    login, signer = verify_login(token)
    assert signer == thumbprint(public_jwk(house.alice))
    assert (login.nonce, login.site, login.answerer, login.host) == ("n" * 22, "home", "alice", "door.example:8443")


def test_a_proof_is_one_the_device_takes(blank: Page, house: House) -> None:
    one, two = ":".join(["AA"] * 32), ":".join(["BB"] * 32)
    values = {"device": "front-door", "link": "l" * 22, "deviceFingerprint": one, "fingerprint": two}
    values |= {"offer": "O", "answer": "A"}
    proof, signer = verify_proof(blank.evaluate(SIGN, [private_jwk(house.alice), "proof", values]))
    assert signer == thumbprint(public_jwk(house.alice))
    assert (proof.device_fingerprint, proof.fingerprint) == (one, two)
    assert (proof.offer, proof.answer) == (text_digest("O"), text_digest("A"))


def test_a_private_key_whose_halves_differ_is_refused(blank: Page) -> None:
    mixed = public_jwk(new_key()) | {"d": private_jwk(new_key())["d"]}
    script = """async (jwk) => {
      const { importPrivate } = await import("/jws.js");
      return importPrivate(jwk).then(() => "taken", (error) => error.name);
    }"""
    assert blank.evaluate(script, mixed) == "PeerError"


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("wss://Door.Example:8443/answerer", "door.example:8443"),
        ("wss://door.example/answerer", "door.example:443"),
        ("wss://[2001:DB8::1]:8443/answerer", "[2001:db8::1]:8443"),
    ],
)
def test_the_host_of_a_login(blank: Page, address: str, host: str) -> None:
    assert blank.evaluate("async (a) => (await import('/proof.js')).hostOf(a)", address) == host
