"""The roster: the operator's signed word on who belongs to a door (protocol section 2; section 8, rules 1, 5, 7)."""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta, Struct

from protocol import jws as jose
from protocol.codec import decode, encode
from protocol.errors import PeerError
from protocol.ids import Digest, Fingerprint, Id, Positive, b64url
from protocol.keys import Jwk, PrivateKey
from protocol.messages import May

TYP = "doorward-roster+jwt"

Label = Annotated[str, Meta(min_length=1, max_length=64)]


class Button(Struct, frozen=True, forbid_unknown_fields=True):
    label: Label
    rings: Annotated[list[Id], Meta(max_length=64)]


class Door(Struct, frozen=True, forbid_unknown_fields=True):
    label: Label


class Answerer(Struct, frozen=True, forbid_unknown_fields=True):
    label: Label
    keys: Annotated[list[Digest], Meta(max_length=8)]
    may: Annotated[list[May], Meta(max_length=3)]


class Roster(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One device's roster. `issued` and `expires` are whole seconds UTC; `fingerprints` is empty once it is retired."""

    v: Literal[1] = 1
    site: Id
    device: Id
    serial: Positive
    issued: Positive
    expires: Positive
    fingerprints: Annotated[list[Fingerprint], Meta(max_length=2)]
    buttons: Annotated[dict[Id, Button], Meta(max_length=64)]
    doors: Annotated[dict[Id, Door], Meta(max_length=16)]
    answerers: Annotated[dict[Id, Answerer], Meta(max_length=64)]

    def answerer_has(self, answerer: str, key: str) -> bool:
        """Whether the key with thumbprint `key` stands under `answerer`."""
        entry = self.answerers.get(answerer)
        return entry is not None and key in entry.keys

    def may(self, answerer: str, right: May) -> bool:
        entry = self.answerers.get(answerer)
        return entry is not None and right in entry.may

    def rung_by(self, button: str) -> list[str]:
        """The ids of the answerers whom `button` rings; none for an unknown one."""
        entry = self.buttons.get(button)
        return list(entry.rings) if entry else []


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept on disk of the newest roster ever accepted: its serial and the SHA-256 of its payload."""

    serial: int
    digest: str


@dataclass(frozen=True, slots=True)
class SignedRoster:
    """A roster whose signature, shape and inner references were checked, with the text it came as."""

    roster: Roster
    jws: str
    digest: str

    @property
    def held(self) -> Held:
        return Held(self.roster.serial, self.digest)


def sign_roster(roster: Roster, key: PrivateKey) -> str:
    """The roster as a JWS by the roster key; PeerError if nobody would accept it."""
    payload = encode(roster)
    _check(decode(payload, Roster))
    signed = jose.sign(payload.encode(), key, TYP)
    if len(signed) > jose.LIMIT:
        raise PeerError(
            f"the roster of {roster.device} would be {len(signed)} characters long; {jose.LIMIT} are allowed"
        )
    return signed


def verify_roster(text: str, roster_key: Jwk, site: str, device: str | None = None) -> SignedRoster:
    """The roster in `text`; PeerError (reason `roster`) unless the pinned key signed it for this site (and device)."""
    try:
        payload = jose.verify(text, TYP, roster_key)
        roster = decode(payload, Roster)
        _check(roster)
    except PeerError as error:
        raise PeerError(f"roster: {error}", "roster") from error
    if roster.site != site:
        raise PeerError(f"roster: for site {roster.site!r}, this is {site!r}", "roster")
    if device is not None and roster.device != device:
        raise PeerError(f"roster: for device {roster.device!r}, this is {device!r}", "roster")
    return SignedRoster(roster, text, b64url(hashlib.sha256(payload).digest()))


def admit(new: SignedRoster, held: Held | None) -> None:
    """PeerError (reason `roster`) if `new` is older than what is held, or the same serial with another payload."""
    if held is None or new.roster.serial > held.serial:
        return
    if new.roster.serial < held.serial:
        raise PeerError(f"roster: serial {new.roster.serial} is older than {held.serial}, which is held", "roster")
    if new.digest != held.digest:
        raise PeerError(f"roster: serial {held.serial} again with other contents", "roster")


def _check(roster: Roster) -> None:
    if roster.expires <= roster.issued:
        raise PeerError("expires: not later than issued")
    if len(set(roster.fingerprints)) != len(roster.fingerprints):
        raise PeerError("fingerprints: one stands twice")
    for name, button in roster.buttons.items():
        for answerer in button.rings:
            if answerer not in roster.answerers:
                raise PeerError(f"buttons.{name}.rings: {answerer!r} is not an answerer of this roster")
    keys = [key for entry in roster.answerers.values() for key in entry.keys]
    if len(set(keys)) != len(keys):
        raise PeerError("answerers: a key stands twice")
