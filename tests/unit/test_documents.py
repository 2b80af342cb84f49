"""Signed documents: rosters, logins, proofs. What is not exactly right is refused, and nothing else is raised."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import jws
from protocol.codec import decode, encode, parse_json
from protocol.errors import PeerError
from protocol.ids import b64url, unb64url
from protocol.keys import new_key, public_jwk, thumbprint
from protocol.messages import parse_from_answerer, parse_from_device, parse_to_device, parse_to_door
from protocol.proof import Login, sign_login, verify_login
from protocol.roster import Answerer, Button, Held, Roster, admit, sign_roster, verify_roster
from tests.unit.stage import a_roster

KEY = new_key()
JWK = public_jwk(KEY)
SIGNED = sign_roster(a_roster(), KEY)


def forge(header: dict[str, object] | str, payload: bytes = b"{}") -> str:
    """A token with a header of the test's making, correctly signed."""
    text = header if isinstance(header, str) else json.dumps(header)
    good = jws.sign(payload, KEY, "t")
    body = f"{b64url(text.encode())}.{b64url(payload)}"
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    r, s = decode_dss_signature(KEY.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
    signature = b64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    assert good.count(".") == 2
    return f"{body}.{signature}"


def test_a_correctly_forged_header_verifies_so_the_refusals_below_mean_something() -> None:
    assert jws.verify(forge({"alg": "ES256", "typ": "t", "kid": thumbprint(JWK)}), "t", JWK) == b"{}"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "t", "kid": thumbprint(JWK)},
        {"alg": "HS256", "typ": "t", "kid": thumbprint(JWK)},
        {"alg": "ES384", "typ": "t", "kid": thumbprint(JWK)},
        {"alg": "ES256", "kid": thumbprint(JWK)},
        {"alg": "ES256", "typ": "other", "kid": thumbprint(JWK)},
        {"alg": "ES256", "typ": "t"},
        {"alg": "ES256", "typ": "t", "kid": thumbprint(public_jwk(new_key()))},
        {"alg": "ES256", "typ": "t", "kid": thumbprint(JWK), "crit": ["b64"]},
        {"alg": "ES256", "typ": "t", "kid": thumbprint(JWK), "b64": False},
        {"alg": "ES256", "typ": "t", "kid": thumbprint(JWK), "jwk": JWK},
        {"alg": "ES256", "typ": "t", "kid": thumbprint(JWK), "x": 1},
        '{"alg":"ES256","alg":"ES256","typ":"t","kid":"' + thumbprint(JWK) + '"}',
        "[]",
        "not json",
    ],
)
def test_headers_that_are_refused(header: dict[str, object] | str) -> None:
    with pytest.raises(PeerError):
        jws.verify(forge(header), "t", JWK)


@pytest.mark.parametrize(
    "jwk",
    [
        {**JWK, "d": "A" * 43},
        {**JWK, "kid": "x"},
        {**JWK, "crv": "P-384"},
        {**JWK, "kty": "oct"},
        {**JWK, "x": "A" * 43},
        {"kty": "EC", "crv": "P-256", "x": JWK["x"]},
    ],
)
def test_embedded_keys_that_are_refused(jwk: dict[str, str]) -> None:
    with pytest.raises(PeerError):
        jws.verify_embedded(forge({"alg": "ES256", "typ": "t", "jwk": jwk}), "t")


def test_an_embedded_key_is_named_by_its_thumbprint() -> None:
    assert jws.verify_embedded(jws.sign(b"{}", KEY, "t", embed=True), "t") == (b"{}", thumbprint(JWK))


@given(st.integers(0, len(SIGNED) - 1), st.sampled_from("ABCxyz019-_.=!é"))
def test_any_one_changed_character_of_a_roster_is_refused(at: int, character: str) -> None:
    changed = SIGNED[:at] + character + SIGNED[at + 1 :]
    if changed == SIGNED:
        return
    with pytest.raises(PeerError):
        verify_roster(changed, JWK, "home", "front-door")


def test_a_roster_is_accepted_and_keeps_its_word() -> None:
    roster = verify_roster(SIGNED, JWK, "home", "front-door").roster
    assert roster == a_roster()
    assert roster.rung_by("flat-1") == ["alice", "bob"]
    assert roster.may("alice", "open")
    assert not roster.may("bob", "open")
    assert not roster.may("nobody", "open")


@pytest.mark.parametrize(("site", "device"), [("other", "front-door"), ("home", "other")])
def test_a_roster_for_another_is_refused(site: str, device: str) -> None:
    with pytest.raises(PeerError) as refused:
        verify_roster(SIGNED, JWK, site, device)
    assert refused.value.reason == "roster"


def test_a_roster_of_another_key_is_refused() -> None:
    with pytest.raises(PeerError):
        verify_roster(SIGNED, public_jwk(new_key()), "home", "front-door")


@pytest.mark.parametrize(
    "changes",
    [
        {"expires": 5, "issued": 5},
        {"buttons": {"flat-1": Button("Flat 1", ["nobody"])}},
        {"fingerprints": ["AA" + ":AA" * 31] * 2},
        {
            "answerers": {"a": Answerer("A", ["A" * 43], []), "b": Answerer("B", ["A" * 43], [])},
            "buttons": {},
        },
    ],
)
def test_rosters_that_contradict_themselves_are_refused(changes: dict[str, object]) -> None:
    payload = encode(a_roster(**changes)).encode()
    with pytest.raises(PeerError):
        verify_roster(jws.sign(payload, KEY, "doorward-roster+jwt"), JWK, "home")


@pytest.mark.parametrize("change", ["missing", "unknown", "serial", "zero", "huge", "fraction", "v"])
def test_rosters_of_the_wrong_shape_are_refused(change: str) -> None:
    members = json.loads(encode(a_roster()))
    match change:
        case "missing":
            del members["doors"]
        case "unknown":
            members["admin"] = True
        case "v":
            members["v"] = 2
        case _:
            members["serial"] = {"serial": "1", "zero": 0, "huge": 2**53, "fraction": 1.5}[change]
    with pytest.raises(PeerError):
        verify_roster(jws.sign(json.dumps(members).encode(), KEY, "doorward-roster+jwt"), JWK, "home")


def test_serials_never_fall() -> None:
    signed = verify_roster(SIGNED, JWK, "home")
    admit(signed, None)
    admit(signed, signed.held)
    with pytest.raises(PeerError, match="older"):
        admit(signed, Held(2, signed.digest))
    with pytest.raises(PeerError, match="other contents"):
        admit(signed, Held(1, "A" * 43))


def test_the_same_payload_signed_anew_is_the_same_roster() -> None:
    """ECDSA signatures are malleable: what counts is the payload (section 8, rule 7)."""
    again = verify_roster(sign_roster(a_roster(), KEY), JWK, "home")
    admit(again, verify_roster(SIGNED, JWK, "home").held)


def test_a_login_names_its_key() -> None:
    login = Login(nonce="n" * 22, site="home", answerer="alice", host="door.example:8443")
    assert verify_login(sign_login(login, KEY)) == (login, thumbprint(JWK))


# Text


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"a":1,"a":2}', "NaN", "[1e999]", "[" * 100_000, b"\xff", '"\ud800"', "1" * 5000],
)
def test_json_that_is_refused(text: str | bytes) -> None:
    with pytest.raises(PeerError):
        parse_json(text)


@pytest.mark.parametrize("text", ["AA=", "A", "AB", "A+", "A A", "é"])
def test_base64url_is_canonical(text: str) -> None:
    with pytest.raises(PeerError):
        unb64url(text)


PARSERS: list[Callable[[str | bytes], object]] = [
    parse_to_device, parse_from_device, parse_from_answerer, parse_to_door,
]  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "id", "link", "x"]) | st.text(), inner, max_size=6)
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.binary() | st.text() | json_values.map(json.dumps), st.sampled_from(PARSERS))
def test_no_parser_raises_anything_but_its_own_error(
    text: str | bytes, parser: Callable[[str | bytes], object]
) -> None:
    try:
        parser(text)
    except PeerError:
        return


def test_a_struct_comes_back_as_it_went() -> None:
    assert decode(encode(a_roster()), Roster) == a_roster()
