"""Invitation links (protocol section 7): an answerer's key, on its one way to the phone."""

import json
from collections.abc import Mapping

from protocol.ids import b64url
from protocol.keys import Jwk, PrivateKey, private_jwk


def invitation_link(
    page_url: str,
    site: str,
    answerer: str,
    key: PrivateKey,
    roster_key: Jwk,
    serials: Mapping[str, int],
    signaling: str,
) -> str:
    """The link to hand over, once. A secret: it holds the private key, in a fragment that no server sees."""
    invitation = {
        "v": 1,
        "site": site,
        "answerer": answerer,
        "key": private_jwk(key),
        "roster_key": roster_key,
        "serials": dict(serials),
        "signaling": signaling,
    }
    return f"{page_url}#i={b64url(json.dumps(invitation, separators=(',', ':')).encode())}"
