"""What strangers send: every parser returns a value or raises its own error, and never anything else."""

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any, get_args

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import example, given
from hypothesis import strategies as st

import protocol
from device.adapters.control import ControlSocket
from protocol import candidates, certificates, codec, ids, jws, keys, messages, operator, proof, roster, roster_key, sdp
from protocol.bundle import Bundle
from protocol.errors import ConfigError, PeerError
from protocol.keys import PublicJwk, new_key, private_key_pem, public_jwk
from protocol.roster_key import Pinned
from tests.unit.shapes import ANY_TEXT, HOSTILE_JSON, anything, instances, spoilt
from tests.unit.stage import a_roster
from tests.unit.tampering import examples

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

KEY = new_key()
JWK = public_jwk(KEY)

MESSAGES: dict[str, tuple[Callable[[str | bytes], Any], Any]] = {
    "parse_to_device": (messages.parse_to_device, messages.ToDevice),
    "parse_from_device": (messages.parse_from_device, messages.FromDevice),
    "parse_to_answerer": (messages.parse_to_answerer, messages.ToAnswerer),
    "parse_from_answerer": (messages.parse_from_answerer, messages.FromAnswerer),
    "parse_to_door": (messages.parse_to_door, messages.ToDoor),
    "parse_from_operator": (operator.parse_from_operator, operator.FromOperator),
    "parse_to_operator": (operator.parse_to_operator, operator.ToOperator),
}

DOCUMENTS = {kind.__name__: kind for kind in (
    roster.Roster, roster_key.RosterKey, proof.Login, proof.Proof, proof.Accepted, Bundle, PublicJwk,
    candidates.Candidate,
)}  # fmt: skip

TEXTS: dict[str, Callable[[str], object]] = {
    "unb64url": ids.unb64url,
    "is_id": ids.is_id,
    "parse_json": codec.parse_json,
    "vet_candidate_line": candidates.vet_candidate_line,
    "vet_candidate": lambda text: candidates.vet_candidate(candidates.Candidate(text, "0", 0)),
    "vet_offer": sdp.vet_offer,
    "vet_answer": sdp.vet_answer,
    "verify": lambda text: jws.verify(text, "t", JWK),
    "typ_of": jws.typ_of,
    "verify_embedded": lambda text: jws.verify_embedded(text, "t"),
    "verify_roster": lambda text: roster.verify_roster(text, JWK, "home"),
    "verify_login": proof.verify_login,
    "verify_proof": proof.verify_proof,
    "verify_accepted": lambda text: proof.verify_accepted(text, JWK),
    "follow": lambda text: roster_key.follow(text, Pinned(JWK), "home"),
    "follow_all": lambda text: roster_key.follow_all([text], Pinned(JWK), "home"),
    "public_key": lambda text: keys.public_key({"kty": "EC", "crv": "P-256", "x": text, "y": text}),
    "load_certificates": lambda text: certificates.load_certificates(utf8(text), "file"),
    "load_private_key": lambda text: keys.load_private_key(utf8(text), "file"),
}

ELSEWHERE = {
    "decode", "decode_union", "convert",  # below, with each message and document
    "parse_settings",  # test_parsers_of_files.py
}  # fmt: skip

READS = ("parse_", "decode", "convert", "verify", "vet_", "load_", "unb64url", "follow", "typ_of", "public_key")


def own_functions(module: ModuleType) -> list[str]:
    functions = inspect.getmembers(module, inspect.isfunction)
    return [name for name, function in functions if function.__module__ == module.__name__]


def test_every_parser_of_the_protocol_is_tried_here() -> None:
    modules = [importlib.import_module(f"protocol.{found.name}") for found in pkgutil.iter_modules(protocol.__path__)]
    parsers = {name for module in modules for name in own_functions(module) if name.startswith(READS)}
    assert parsers <= set(MESSAGES) | set(TEXTS) | ELSEWHERE


def try_it(parse: Callable[[Any], object], given: object) -> None:
    """Anything but an error of ours escapes and fails the test; that error is one line, fit for a log."""
    said = ""
    try:
        parse(given)
    except (PeerError, ConfigError) as error:
        said = str(error)
    assert said.isprintable()


def utf8(text: str) -> bytes:
    """Half characters become bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogatepass")


ABYSS = "[" * 100_000


@examples(150)
@given(ANY_TEXT | HOSTILE_JSON | anything.map(json.dumps))
@example(ABYSS)
@example("1" * 5000)
@example("\ud800")
@example('{"\\ud800":1}')
def test_any_text(text: str) -> None:
    for parse in TEXTS.values():
        try_it(parse, text)
    for parse_message, _ in MESSAGES.values():
        try_it(parse_message, text)
    for document in DOCUMENTS.values():
        try_it(partial(codec.decode, kind=document), text)


@examples(150)
@given(st.binary() | ANY_TEXT.map(lambda text: text.encode("utf-16", "surrogatepass")))
@example(b"\xff")
@example(b"\xef\xbb\xbf{}")
@example(b"\xed\xa0\x80")
def test_any_bytes(data: bytes) -> None:
    for parse in (codec.parse_json, *(parse for parse, _ in MESSAGES.values())):
        try_it(parse, data)
    try_it(lambda data: certificates.load_certificates(data, "file"), data)
    try_it(keys.load_private_key, data)


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_with_one_thing_wrong(name: str) -> None:
    parse, union = MESSAGES[name]

    @examples(60)
    @given(spoilt(union))
    def check(text: str) -> None:
        try_it(parse, text)

    check()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_with_one_thing_wrong(name: str) -> None:
    kind = DOCUMENTS[name]

    @examples(40)
    @given(spoilt(kind))
    def check(text: str) -> None:
        try_it(lambda text: codec.decode(text, kind), text)

    check()


@pytest.mark.parametrize("kind", [kind for _, union in MESSAGES.values() for kind in get_args(union)])
def test_messages_come_back_as_they_went(kind: Any) -> None:
    """And so the ones above were wrong in one thing alone."""
    parse = next(parse for parse, union in MESSAGES.values() if kind in get_args(union))

    @examples(10)
    @given(instances(kind))
    def check(value: object) -> None:
        message = parse(json.dumps(value))
        assert isinstance(message, kind)
        assert parse(codec.encode(message)) == message

    check()


@examples(150)
@given(st.data())
def test_signed_nonsense(data: st.DataObject) -> None:
    """The signature is right, and what it stands under is anything at all."""
    payload = data.draw(spoilt(roster.Roster) | anything.map(json.dumps) | HOSTILE_JSON).encode(
        "utf-8", "surrogatepass"
    )
    typ = data.draw(st.sampled_from([roster.TYP, roster_key.TYP, proof.ACCEPTED]))
    token = jws.sign(payload, KEY, typ)
    embedded = jws.sign(payload, KEY, data.draw(st.sampled_from([proof.LOGIN, proof.PROOF])), embed=True)
    for text in (token, embedded):
        for parse in TEXTS.values():
            try_it(parse, text)


@examples(150)
@given(anything | st.dictionaries(st.sampled_from(["alg", "typ", "kid", "jwk", "crit", "b64"]), anything))
def test_any_header(header: object) -> None:
    text = f"{ids.b64url(json.dumps(header).encode())}.{ids.b64url(b'{}')}.{ids.b64url(bytes(64))}"
    for parse in TEXTS.values():
        try_it(parse, text)


def refusing(_: object) -> dict[str, object]:
    raise PeerError("cannot do that")


@examples(150)
@given(
    st.binary() | (ANY_TEXT | HOSTILE_JSON | anything.map(json.dumps)).map(lambda t: t.encode("utf-8", "surrogatepass"))
)
def test_the_control_socket_answers_anything_with_json(line: bytes) -> None:
    """A request is any line at all, and its reply one line of JSON."""
    for handle in (refusing, lambda request: {"asked": len(request)}):
        reply = ControlSocket(SimpleNamespace(), handle)._reply(line)  # type: ignore[arg-type] # it is never opened
        assert b"\n" not in json.dumps(reply).encode()
        assert isinstance(reply["ok"], bool)


@pytest.mark.parametrize("name", ["\\n", "\\u001b[2J", "\\u202e", "x" * 10_000])
def test_what_strangers_call_things_writes_no_second_line_into_a_log(name: str) -> None:
    for member in (f'"ping","id":1,"{name}":1', f'"{name}"', f'"close","reason":"{name}"'):
        with pytest.raises(PeerError) as refused:
            messages.parse_to_door(f'{{"type":{member}}}')
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 400


def test_half_a_character_is_refused_wherever_it_stands() -> None:
    """It can be put into JSON by an escape, where UTF-8 does not see it, and no UTF-8 can be made of it again."""
    for text in (
        '"\\ud800"', '{"\\ud800":1}', '{"type":"\\ud800"}', '{"type":"error","code":"x","message":"\\udfff"}',
        '{"type":"error","code":"x","message":"x","\\ud800":1}', '["\\ude00\\ud83d"]',
    ):  # fmt: skip
        for parse in (codec.parse_json, messages.parse_to_device, messages.parse_from_answerer, messages.parse_to_door):
            with pytest.raises(PeerError, match="half a character"):
                parse(text)
    assert codec.parse_json('"\\ud83d\\ude00 \\\\ud800"') == "\U0001f600 \\ud800"


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
)
def test_keys_of_other_kinds(key: CertificateIssuerPrivateKeyTypes) -> None:
    for pem in (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ):
        with pytest.raises(ConfigError):
            keys.load_private_key(pem)


def test_a_roster_of_the_right_shape_is_read_so_the_refusals_mean_something() -> None:
    assert msgspec.to_builtins(codec.decode(codec.encode(a_roster()), roster.Roster)) == msgspec.to_builtins(a_roster())
    assert keys.load_private_key(private_key_pem(KEY)).private_numbers() == KEY.private_numbers()
