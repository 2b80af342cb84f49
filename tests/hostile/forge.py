"""Counterfeits: signed documents and session descriptions as a thief makes them."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from protocol.ids import b64url, unb64url
from protocol.keys import Jwk, PrivateKey, public_jwk, thumbprint

Json = dict[str, Any]


def pieces(jws: str) -> tuple[Json, Json, str]:
    """Header, payload and signature of a compact JWS, unverified."""
    head, payload, signature = jws.split(".")
    return json.loads(unb64url(head)), json.loads(unb64url(payload)), signature


def assembled(header: Json, payload: Json, signature: bytes | str = b"") -> str:
    tail = signature if isinstance(signature, str) else b64url(signature)
    return f"{_part(header)}.{_part(payload)}.{tail}"


def signed_by(key: PrivateKey, header: Json, payload: Json) -> str:
    """ES256 by `key`, whatever the header claims."""
    text = f"{_part(header)}.{_part(payload)}"
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def with_hmac(secret: bytes, header: Json, payload: Json) -> str:
    """HS256 under `secret`, typically a public key that a careless verifier takes for one."""
    text = f"{_part(header)}.{_part(payload)}"
    return f"{text}.{b64url(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def embedded(typ: str, jwk: Jwk, alg: str = "ES256") -> Json:
    return {"alg": alg, "typ": typ, "jwk": jwk}


def named(typ: str, jwk: Jwk, alg: str = "ES256") -> Json:
    return {"alg": alg, "typ": typ, "kid": thumbprint(jwk)}


def own_header(typ: str, key: PrivateKey) -> Json:
    return embedded(typ, public_jwk(key))


# Descriptions

Edit = Callable[[str], str]


def edit_lines(sdp: str, change: Callable[[str], list[str]]) -> str:
    """Every line replaced by what `change` makes of it."""
    return "".join(f"{new}\r\n" for line in sdp.removesuffix("\r\n").split("\r\n") for new in change(line))


def fingerprint_lines(make: Callable[[int, str], list[str]]) -> Edit:
    """An edit of the fingerprint lines: `make` gets their number (from 0) and the line."""

    def edit(sdp: str) -> str:
        count = -1

        def change(line: str) -> list[str]:
            nonlocal count
            if not line.startswith("a=fingerprint:"):
                return [line]
            count += 1
            return make(count, line)

        return edit_lines(sdp, change)

    return edit


def with_fingerprint(value: str) -> Edit:
    return fingerprint_lines(lambda _, __: [f"a=fingerprint:sha-256 {value}"])


def with_credentials(sdp: str, ufrag: str, password: str) -> str:
    """Other ICE credentials."""
    sdp = re.sub(r"a=ice-ufrag:\S+", f"a=ice-ufrag:{ufrag}", sdp)
    return re.sub(r"a=ice-pwd:\S+", f"a=ice-pwd:{password}", sdp)


def credentials(sdp: str) -> tuple[str, str]:
    """ICE user fragment and password of a description."""
    ufrag, password = (re.search(rf"a=ice-{name}:(\S+)", sdp) for name in ("ufrag", "pwd"))
    if ufrag is None or password is None:
        raise ValueError("no ICE credentials")
    return ufrag[1], password[1]


def fingerprint_of(sdp: str) -> str:
    found = re.search(r"a=fingerprint:sha-256 (\S+)", sdp)
    if found is None:
        raise ValueError("no fingerprint")
    return found[1].upper()


def candidates_of(sdp: str) -> list[str]:
    return re.findall(r"^a=(candidate:[^\r\n]+)", sdp, re.MULTILINE)


def substituted(old: str, new: str) -> Edit:
    """An edit that must find something to change."""

    def edit(sdp: str) -> str:
        if old not in sdp:
            raise ValueError(f"the description has no {old!r}")
        return sdp.replace(old, new)

    return edit


def _part(value: Json) -> str:
    return b64url(json.dumps(value, separators=(",", ":")).encode())
