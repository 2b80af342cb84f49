"""The gate before any library sees a peer's session description (protocol section 4; section 8, rule 6).

Parsing is deliberately narrow: a description that is not the one this protocol makes is refused, so the libraries
behind the gate never meet what they were not tried with. Attributes are those of RFC 8829 (JSEP).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from protocol.candidates import vet_candidate_line
from protocol.errors import PeerError

LIMIT = 32 * 1024
"""Bytes of a description (protocol section 6)."""

_LINES = 400
_LINE = 1024
_PER_SECTION = {"candidate": 32, "ssrc": 16, "ssrc-group": 4, "rtpmap": 32, "fmtp": 32, "rtcp-fb": 128, "extmap": 2}

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
"""Asks the browser to show a frame as it comes. Its value is constant, so in the clear it tells nothing."""

_EXTENSIONS = {"video": {MID, PLAYOUT_DELAY}, "audio": {MID}}

_PROTOCOLS = {"video": "UDP/TLS/RTP/SAVPF", "audio": "UDP/TLS/RTP/SAVPF", "application": "UDP/DTLS/SCTP"}
_SESSION = {"group", "msid-semantic", "extmap-allow-mixed", "fingerprint", "setup", "ice-options"}
_TRANSPORT = {
    "candidate", "end-of-candidates", "fingerprint", "ice-options", "ice-pwd", "ice-ufrag", "mid", "setup",
}  # fmt: skip
_MEDIA = _TRANSPORT | {
    "extmap", "fmtp", "inactive", "maxptime", "msid", "ptime", "recvonly", "rtcp", "rtcp-fb", "rtcp-mux", "rtcp-rsize",
    "rtpmap", "sendonly", "sendrecv", "ssrc", "ssrc-group",
}  # fmt: skip
_DATA = _TRANSPORT | {"max-message-size", "sctp-port", "sendrecv"}
_DIRECTIONS = {
    ("offer", "video"): {"sendonly"},
    ("offer", "audio"): {"sendrecv"},
    ("answer", "video"): {"recvonly", "inactive"},
    ("answer", "audio"): {"sendrecv", "recvonly"},
}

_PRINTABLE = re.compile(r"[\x20-\x7e]+")
_FINGERPRINT = re.compile(r"sha-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})", re.IGNORECASE)
_MID = re.compile(r"[A-Za-z0-9]{1,16}")
_PAYLOAD = re.compile(r"[1-9][0-9]{1,2}")
_ICE = re.compile(r"[A-Za-z0-9+/]{4,256}")

Role = Literal["offer", "answer"]
VideoCodec = Literal["H264", "VP8"]

_CODECS = {"video": ["H264/90000", "VP8/90000"], "audio": ["opus/48000/2"]}
"""What is spoken, in the order of preference (RFC 7742, RFC 7874): an offer names all, an answer at least one."""

_RTX = "rtx/90000"
_BASELINE = re.compile(r"42[4-7c-f]0[0-9a-f]{2}", re.IGNORECASE)
"""H.264 constrained baseline of any level (RFC 6184, table 5)."""


@dataclass(frozen=True, slots=True)
class Vetted:
    """A description that passed: its text unchanged, the one certificate fingerprint in it, upper-case, and `video`.

    `video` is the codec that is sent: H.264 wherever both ends have it.
    """

    sdp: str
    fingerprint: str
    video: VideoCodec = "H264"


@dataclass(slots=True)
class _Section:
    kind: str
    payloads: list[str] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        return self.lines.get(name, [])

    def one(self, name: str) -> str:
        values = self.values(name)
        if len(values) != 1:
            _refuse(f"{self.kind}: a={name} stands {len(values)} times, not once")
        return values[0]


def vet_offer(sdp: str) -> Vetted:
    """The device's offer; PeerError has reason `fingerprint` if that is what is wrong, otherwise `error`."""
    return _vet(sdp, "offer")


def vet_answer(sdp: str) -> Vetted:
    """The page's answer; errors as in `vet_offer`."""
    return _vet(sdp, "answer")


def _vet(sdp: str, role: Role) -> Vetted:
    session, sections = _split(_lines(sdp))
    if [section.kind for section in sections] != list(_PROTOCOLS):
        _refuse("media sections are not exactly video, audio, application")
    _check_names(session, _SESSION)
    for section in sections:
        _check_names(section, _DATA if section.kind == "application" else _MEDIA)
        _check_section(section, role)
    mids = [section.one("mid") for section in sections]
    if len(set(mids)) != len(mids):
        _refuse("two sections have one mid")
    if session.values("group") != ["BUNDLE " + " ".join(mids)]:
        _refuse("not exactly one BUNDLE group of all sections in their order")
    _check_setup(session, sections, "actpass" if role == "offer" else "active")
    codecs = [_check_codecs(section, role) for section in sections[:2]]
    return Vetted(sdp, _one_fingerprint(session, sections), "H264" if _CODECS["video"][0] in codecs[0] else "VP8")


def _lines(sdp: str) -> list[str]:
    if len(sdp.encode("utf-8", "surrogatepass")) > LIMIT:
        _refuse(f"more than {LIMIT} bytes")
    if not sdp.endswith("\r\n"):
        _refuse("does not end in CRLF")
    lines = sdp[:-2].split("\r\n")
    if len(lines) > _LINES:
        _refuse(f"more than {_LINES} lines")
    for line in lines:
        if len(line) > _LINE or not _PRINTABLE.fullmatch(line):
            _refuse("a line that is too long, empty or not printable ASCII")
    if lines[0] != "v=0":
        _refuse("does not begin with v=0")
    return lines


def _split(lines: Sequence[str]) -> tuple[_Section, list[_Section]]:
    session = current = _Section("session")
    sections: list[_Section] = []
    for line in lines:
        kind, equals, value = line[:1], line[1:2], line[2:]
        if equals != "=" or kind not in "vostcbma":
            _refuse("a line of an unknown kind")
        if kind == "m":
            current = _Section(_media_kind(value), value.split(" ")[3:])
            sections.append(current)
            if len(sections) > len(_PROTOCOLS):
                _refuse("more than three media sections")
        elif kind == "a":
            name, _, argument = value.partition(":")
            current.lines.setdefault(name, []).append(argument)
    return session, sections


def _media_kind(value: str) -> str:
    words = value.split(" ")
    if len(words) < 4 or not words[1].isdigit() or words[1] == "0":
        _refuse("a media line that is rejected or malformed")
    kind, protocol = words[0], words[2]
    if _PROTOCOLS.get(kind) != protocol:
        _refuse(f"a media line of kind {kind!r} over {protocol!r}")
    if kind == "application" and words[3:] != ["webrtc-datachannel"]:
        _refuse("the application section is not a data channel")
    return kind


def _check_names(section: _Section, known: set[str]) -> None:
    for name, values in section.lines.items():
        if name not in known:
            _refuse(f"{section.kind}: a={name} has no place here")
        if len(values) > _PER_SECTION.get(name, 4):
            _refuse(f"{section.kind}: too many a={name}")


def _check_section(section: _Section, role: Role) -> None:
    if not _MID.fullmatch(section.one("mid")):
        _refuse(f"{section.kind}: malformed mid")
    for name in ("ice-ufrag", "ice-pwd"):
        if not _ICE.fullmatch(section.one(name)):
            _refuse(f"{section.kind}: malformed {name}")
    for line in section.values("candidate"):
        vet_candidate_line(f"candidate:{line}")
    if section.kind == "application":
        section.one("sctp-port")
        return
    section.one("rtcp-mux")
    extensions = [value.partition(" ")[2] for value in section.values("extmap")]
    if len(set(extensions)) != len(extensions) or not set(extensions) <= _EXTENSIONS[section.kind]:
        _refuse(f"{section.kind}: a header extension that has no place here")
    directions = {name for name in ("sendrecv", "sendonly", "recvonly", "inactive") if section.values(name)}
    if len(directions) != 1 or not directions <= _DIRECTIONS[role, section.kind]:
        _refuse(f"{section.kind}: its direction is not one an {role} may have")


def _check_codecs(section: _Section, role: Role) -> list[str]:
    """What the section speaks, in its order; each has one payload type, and retransmission at most one more."""
    names = dict(_numbered(section, "rtpmap"))
    parameters = dict(_numbered(section, "fmtp"))
    if sorted(names) != sorted(section.payloads) or not set(parameters) <= set(names):
        _refuse(f"{section.kind}: its payload types are not those it describes, once each")
    spoken = {payload: names[payload] for payload in section.payloads if names[payload] != _RTX}
    repeated = [parameters.get(payload) for payload in section.payloads if names[payload] == _RTX]
    known = _CODECS[section.kind]
    found = list(spoken.values())
    if len(set(found)) != len(found) or not found or not set(found) <= set(known):
        _refuse(f"{section.kind}: codecs other than {', '.join(known)}")
    if role == "offer" and found != known:
        _refuse(f"{section.kind}: not all of {', '.join(known)}, in this order")
    if len(set(repeated)) != len(repeated) or not set(repeated) <= {f"apt={payload}" for payload in spoken}:
        _refuse(f"{section.kind}: retransmission of something else")
    for payload, name in spoken.items():
        if name == "H264/90000" and not _is_baseline(parameters.get(payload, "")):
            _refuse(f"{section.kind}: H.264 other than constrained baseline, packetization mode 1")
    return found


def _numbered(section: _Section, name: str) -> list[tuple[str, str]]:
    """Payload type and the rest of each line of this name."""
    found = [value.partition(" ")[::2] for value in section.values(name)]
    payloads = [payload for payload, _ in found]
    if len(set(payloads)) != len(payloads) or not all(map(_PAYLOAD.fullmatch, payloads)):
        _refuse(f"{section.kind}: a payload type that is none, or twice in a={name}")
    return found


def _is_baseline(parameters: str) -> bool:
    given = dict(part.strip().partition("=")[::2] for part in parameters.split(";"))
    level = given.get("profile-level-id", "")
    return given.get("packetization-mode") == "1" and _BASELINE.fullmatch(level) is not None


def _check_setup(session: _Section, sections: Sequence[_Section], expected: str) -> None:
    for section in sections:
        values = section.values("setup") or session.values("setup")
        if values != [expected]:
            _refuse(f"{section.kind}: setup is not {expected}")
    if session.values("setup") not in ([], [expected]):
        _refuse(f"session: setup is not {expected}")


def _one_fingerprint(session: _Section, sections: Sequence[_Section]) -> str:
    """The one sha-256 value, which must cover every section; session and media level count together."""
    found: set[str] = set()
    for part in (session, *sections):
        values = part.values("fingerprint")
        if part is not session and not values and not session.values("fingerprint"):
            raise PeerError(f"sdp: {part.kind}: no fingerprint", "fingerprint")
        if len(values) > 1:
            raise PeerError(f"sdp: {part.kind}: more than one fingerprint", "fingerprint")
        for value in values:
            match = _FINGERPRINT.fullmatch(value)
            if match is None:
                raise PeerError(f"sdp: {part.kind}: a fingerprint that is not SHA-256", "fingerprint")
            found.add(match[1].upper())
    if len(found) != 1:
        raise PeerError("sdp: the sections have different fingerprints", "fingerprint")
    return found.pop()


def _refuse(why: str) -> NoReturn:
    raise PeerError(f"sdp: {why}")
