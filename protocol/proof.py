"""What people and devices sign: logins, proofs of a link, and confirmations of a roster."""

import hashlib
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from protocol import jws as jose
from protocol.codec import decode, encode
from protocol.errors import PeerError
from protocol.ids import Digest, Fingerprint, Id, Positive, Token, b64url
from protocol.keys import Jwk, PrivateKey

LOGIN = "doorward-login+jwt"
PROOF = "doorward-proof+jwt"
ACCEPTED = "doorward-accepted+jwt"

T = TypeVar("T", bound=Struct)


class Login(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Proof towards the server of who is connecting; `host` is the name and port the page connected to."""

    nonce: Token
    site: Id
    answerer: Id
    host: Annotated[str, Meta(min_length=3, max_length=270)]


class Proof(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Binds an answerer's key to one link, both certificates and both descriptions (section 4; section 8, rule 6)."""

    site: Id
    device: Id
    answerer: Id
    link: Token
    device_fingerprint: Fingerprint
    fingerprint: Fingerprint
    offer: Digest
    answer: Digest


class Accepted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The device's confirmation of a roster; `sha256` is of the roster's decoded payload."""

    site: Id
    device: Id
    serial: Positive
    sha256: Digest


def sign_login(login: Login, key: PrivateKey) -> str:
    return jose.sign(encode(login).encode(), key, LOGIN, embed=True)


def verify_login(text: str) -> tuple[Login, str]:
    """The login and the thumbprint of the key that signed it; whether that key belongs is the caller's to judge."""
    return _embedded(text, LOGIN, Login)


def sign_proof(proof: Proof, key: PrivateKey) -> str:
    return jose.sign(encode(proof).encode(), key, PROOF, embed=True)


def verify_proof(text: str) -> tuple[Proof, str]:
    """The proof and the thumbprint of the key that signed it; PeerError has reason `proof`."""
    try:
        return _embedded(text, PROOF, Proof)
    except PeerError as error:
        raise PeerError(str(error), "proof") from error


def sign_accepted(accepted: Accepted, key: PrivateKey) -> str:
    return jose.sign(encode(accepted).encode(), key, ACCEPTED)


def verify_accepted(text: str, device_key: Jwk) -> Accepted:
    """What the device with this key has confirmed; PeerError if another key signed it (section 8, rule 12).

    Whether its certificate stands on that very roster is the caller's to judge.
    """
    return decode(jose.verify(text, ACCEPTED, device_key), Accepted)


def text_digest(text: str) -> str:
    """SHA-256 of the UTF-8 text, base64url: how a proof names an SDP."""
    return b64url(hashlib.sha256(text.encode()).digest())


def _embedded(text: str, typ: str, kind: type[T]) -> tuple[T, str]:
    payload, signer = jose.verify_embedded(text, typ)
    return decode(payload, kind), signer
