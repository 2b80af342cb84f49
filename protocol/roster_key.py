"""The roster key and its successors (protocol section 8, rule 16).

A site's roster key is pinned by every bundle and invitation. A new one is introduced by a document that the old one
signed; whoever holds the old key follows it, one document after the other. `sequence` counts them and never falls.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from protocol import jws as jose
from protocol.codec import decode, encode
from protocol.errors import PeerError
from protocol.ids import Id, Positive
from protocol.keys import Jwk, PrivateKey, PublicJwk, public_key

TYP = "doorward-roster-key+jwt"

LONGEST_CHAIN = 16
"""Successions that are delivered; whoever is further behind needs a new bundle or invitation."""


class RosterKey(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The next roster key of a site; `issued` is whole seconds UTC."""

    v: Literal[1] = 1
    site: Id
    sequence: Positive
    key: PublicJwk
    issued: Positive


@dataclass(frozen=True, slots=True)
class Pinned:
    """The roster key that is believed now. `sequence` is the document's that introduced it, 0 for the first key."""

    jwk: Jwk
    sequence: int = 0


def sign_roster_key(introduced: RosterKey, old: PrivateKey) -> str:
    """The introduction as a JWS by the key that it replaces."""
    return jose.sign(encode(introduced).encode(), old, TYP)


def follow(text: str, pinned: Pinned, site: str) -> Pinned:
    """The key that `text` introduces in place of `pinned`; PeerError (reason `roster`) unless that one signed it."""
    try:
        introduced = decode(jose.verify(text, TYP, pinned.jwk), RosterKey)
        public_key(introduced.key.as_dict())
    except PeerError as error:
        raise PeerError(f"roster key: {error}", "roster") from error
    if introduced.site != site:
        raise PeerError(f"roster key: for site {introduced.site!r}, this is {site!r}", "roster")
    if introduced.sequence <= pinned.sequence:
        raise PeerError(f"roster key: sequence {introduced.sequence} after {pinned.sequence}", "roster")
    return Pinned(introduced.key.as_dict(), introduced.sequence)


def introduces(text: str, jwk: Jwk) -> bool:
    """Whether `text` names this very key; nothing of it is verified, and nothing follows from it but silence."""
    try:
        return decode(jose.payload_of(text), RosterKey).key.as_dict() == jwk
    except PeerError:
        return False


def follow_all(texts: Iterable[str], pinned: Pinned, site: str) -> tuple[Pinned, list[str]]:
    """Follow each document that continues from `pinned`, in their order, and pass over the rest: a chain may begin
    before the key that is pinned. Also returned: the documents that were followed.
    """
    taken = []
    for text in texts:
        try:
            pinned = follow(text, pinned, site)
        except PeerError:
            continue
        taken.append(text)
    return pinned, taken
