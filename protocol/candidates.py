"""ICE candidates as they travel after an offer or answer (protocol section 8, rule 17)."""

import ipaddress
import re
from typing import Annotated

from msgspec import Meta, Struct

from protocol.errors import PeerError

PER_LINK = 32
"""How many candidates a verified link accepts from its peer."""

_MDNS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local", re.IGNORECASE)
_LINE = re.compile(
    r"candidate:[A-Za-z0-9+/]{1,32} (?P<component>[12]) (?P<transport>[A-Za-z]{1,3}) [0-9]{1,10}"
    r" (?P<host>[A-Za-z0-9:.-]{1,64}) (?P<port>[0-9]{1,5}) typ (?:host|srflx|prflx|relay)(?: [\x21-\x7e]{1,64}){0,20}"
)


class Candidate(Struct, frozen=True, forbid_unknown_fields=True):
    """One candidate line, in the members of the W3C `RTCIceCandidateInit`."""

    candidate: Annotated[str, Meta(max_length=512)]
    sdpMid: Annotated[str, Meta(max_length=16)]  # noqa: N815 - as the W3C spells it
    sdpMLineIndex: Annotated[int, Meta(ge=0, le=2)]  # noqa: N815 - likewise


def vet_candidate(candidate: Candidate) -> None:
    """PeerError unless it is UDP to an IP literal or to an mDNS name made of a UUID."""
    vet_candidate_line(candidate.candidate)


def vet_candidate_line(line: str) -> None:
    """The same for a bare `candidate:…` line."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise PeerError("candidate: not a candidate line of RFC 8839")
    if match["transport"].lower() != "udp":
        raise PeerError("candidate: only UDP is used")
    if not 1 <= int(match["port"]) <= 65535:
        raise PeerError("candidate: no such port")
    if not _MDNS.fullmatch(match["host"]):
        try:
            address = ipaddress.ip_address(match["host"])
        except ValueError as error:
            raise PeerError("candidate: neither an IP address nor an mDNS name") from error
        if address.is_multicast or address.is_unspecified:
            raise PeerError("candidate: not a unicast address")
