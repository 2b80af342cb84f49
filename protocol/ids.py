"""Names and random identifiers (protocol section 2), as msgspec types."""

import base64
import binascii
import re
import secrets
from typing import Annotated

from msgspec import Meta

from protocol.errors import PeerError

_ID = r"\A[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?\Z"

Id = Annotated[str, Meta(pattern=_ID, max_length=32)]
"""A site, device, answerer, button or door."""

Token = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{22,86}\Z", max_length=86)]
"""A session, link or nonce: 128 random bits or more, base64url without padding."""

CallId = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{21}[AQgw]\Z", max_length=22)]
"""A call: exactly 128 bits."""

Digest = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z", max_length=43)]
"""A SHA-256, base64url without padding: a thumbprint or the hash of a document."""

Fingerprint = Annotated[str, Meta(pattern=r"\A([0-9A-F]{2}:){31}[0-9A-F]{2}\Z", max_length=95)]
"""The SHA-256 of a certificate's DER, upper-case hex with colons (RFC 8122)."""

Positive = Annotated[int, Meta(ge=1, le=2**53 - 1)]
"""An integer every JSON implementation reads alike."""

_ID_RE = re.compile(_ID)


def is_id(text: str) -> bool:
    """Whether `text` may name a site, device, answerer, button or door."""
    return _ID_RE.match(text) is not None


def new_token() -> str:
    """128 random bits, base64url: 22 characters."""
    return b64url(secrets.token_bytes(16))


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """Decode `b64url`; PeerError unless `text` is the one canonical encoding of the bytes."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise PeerError("base64url: a character outside its alphabet")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise PeerError(f"base64url: {error}") from error
    if b64url(data) != text:
        raise PeerError("base64url: not the canonical encoding")
    return data
