"""Compact JWS, ES256 only (RFC 7515; protocol sections 2 and 7, and rule 18 of section 8).

A header has exactly the members this protocol gives it: `alg` and `typ`, and either `kid` (the signer is known
by other means) or `jwk` (the signer's public key travels along).
"""

from typing import Literal

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from msgspec import Struct

from protocol.codec import convert, parse_json
from protocol.errors import PeerError
from protocol.ids import Digest, unb64url
from protocol.keys import Jwk, PrivateKey, PublicJwk, public_jwk, public_key, thumbprint

LIMIT = 12 * 1024
"""Characters of a JWS: a roster, the longest one, is held to this (section 8, rule 14)."""


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    alg: Literal["ES256"]
    typ: str


class _NamedHeader(_Header, frozen=True, forbid_unknown_fields=True):
    kid: Digest


class _EmbeddedHeader(_Header, frozen=True, forbid_unknown_fields=True):
    jwk: PublicJwk


def sign(payload: bytes, key: PrivateKey, typ: str, *, embed: bool = False) -> str:
    """`payload` signed by `key`; the header names the key's thumbprint, or with `embed` holds its public JWK."""
    public = public_jwk(key)
    named: dict[str, object] = {"jwk": public} if embed else {"kid": thumbprint(public)}
    header = {"alg": "ES256", "typ": typ, **named}
    return jws.serialize_compact(header, payload, ECKey.import_key(key), algorithms=["ES256"])


def verify(token: str, typ: str, jwk: Jwk) -> bytes:
    """The payload of a token signed by the key `jwk`, which its `kid` must name; PeerError otherwise."""
    header = convert(_header_of(token), _NamedHeader)
    if header.kid != thumbprint(jwk):
        raise PeerError(f"{typ}: signed by another key")
    return _payload(token, header, typ, jwk)


def verify_embedded(token: str, typ: str) -> tuple[bytes, str]:
    """The payload of a token that brings its own key, and that key's thumbprint: whose it is, the caller judges."""
    header = convert(_header_of(token), _EmbeddedHeader)
    jwk = header.jwk.as_dict()
    return _payload(token, header, typ, jwk), thumbprint(jwk)


def typ_of(token: str) -> str:
    """What kind of document a token says it is; nothing of it is verified. PeerError if it is no token."""
    header = _header_of(token)
    return str(header.get("typ")) if isinstance(header, dict) else ""


def payload_of(token: str) -> bytes:
    """What a token holds; nothing of it is verified. PeerError if it is no token."""
    _header_of(token)
    return unb64url(token.split(".")[1])


def _header_of(token: str) -> object:
    if len(token) > LIMIT:
        raise PeerError(f"signed document of {len(token)} characters: the limit is {LIMIT}")
    parts = token.split(".")
    if len(parts) != 3:
        raise PeerError("not a compact JWS")
    for part in parts:
        unb64url(part)
    return parse_json(unb64url(parts[0]))


def _payload(token: str, header: _Header, typ: str, jwk: Jwk) -> bytes:
    if header.typ != typ:
        raise PeerError(f"signed document is a {header.typ!r}, not a {typ!r}")
    try:
        key = ECKey.import_key(public_key(jwk))
        return jws.deserialize_compact(token, key, algorithms=["ES256"]).payload
    except (JoseError, ValueError) as error:
        raise PeerError(f"{typ}: the signature does not verify") from error
