"""ECDSA P-256 keys as JWKs (RFC 7517), thumbprints (RFC 7638) and PEM files."""

import hashlib
import json
from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Meta, Struct

from protocol.errors import ConfigError, PeerError
from protocol.ids import b64url, unb64url

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey
Jwk = dict[str, str]

Coordinate = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{43}\Z", max_length=43)]


class PublicJwk(Struct, frozen=True, forbid_unknown_fields=True):
    """A public P-256 key with exactly these members (section 8, rule 18)."""

    kty: Annotated[str, Meta(pattern=r"\AEC\Z")]
    crv: Annotated[str, Meta(pattern=r"\AP-256\Z")]
    x: Coordinate
    y: Coordinate

    def as_dict(self) -> Jwk:
        return {"kty": self.kty, "crv": self.crv, "x": self.x, "y": self.y}


def new_key() -> PrivateKey:
    """A fresh P-256 key from the system's random source."""
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: PrivateKey | PublicKey) -> Jwk:
    """The public half as a JWK: `kty`, `crv`, `x`, `y`."""
    public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key
    numbers = public.public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": b64url(numbers.x.to_bytes(32, "big")),
        "y": b64url(numbers.y.to_bytes(32, "big")),
    }


def private_jwk(key: PrivateKey) -> Jwk:
    """The whole key as a JWK. A secret: it goes into an invitation and nowhere else."""
    return public_jwk(key) | {"d": b64url(key.private_numbers().private_value.to_bytes(32, "big"))}


def public_key(jwk: Jwk) -> PublicKey:
    """The key of a public JWK; PeerError unless it is a point of P-256."""
    try:
        numbers = ec.EllipticCurvePublicNumbers(
            int.from_bytes(unb64url(jwk["x"]), "big"), int.from_bytes(unb64url(jwk["y"]), "big"), ec.SECP256R1()
        )
        return numbers.public_key()
    except (KeyError, ValueError) as error:
        raise PeerError("key: not a public key on P-256") from error


def thumbprint(jwk: Jwk) -> str:
    """The RFC 7638 SHA-256 thumbprint, base64url: how an answerer's key is named."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return b64url(hashlib.sha256(text.encode()).digest())


def private_key_pem(key: PrivateKey) -> bytes:
    """PKCS #8, unencrypted: for files of mode 0600 only."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private_key(pem: bytes, where: str = "key") -> PrivateKey:
    """The P-256 key of a PEM document; ConfigError names `where` it came from, never what it holds."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{where}: not an unencrypted PEM private key; install the key again") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigError(f"{where}: not an ECDSA P-256 key; install the key again")
    return key
