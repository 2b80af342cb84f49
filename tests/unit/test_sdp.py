"""The SDP gate: what passes is what this protocol makes; everything else is refused before a library sees it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import PeerError
from protocol.sdp import LIMIT, MID, PLAYOUT_DELAY, vet_answer, vet_offer

DOOR = "AA" + ":AA" * 31
PAGE = "CC" + ":CC" * 31
OTHER = "BB" + ":BB" * 31

_ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\n"


def describe(role: str, fingerprint: str) -> str:
    """A description as the device (`offer`) or a browser (`answer`) makes it."""
    setup, video = ("actpass", "sendonly") if role == "offer" else ("active", "recvonly")
    shared = f"{_ICE}a=fingerprint:sha-256 {fingerprint}\r\na=setup:{setup}\r\n"
    candidate = "a=candidate:1 1 udp 2130706431 10.0.0.1 50000 typ host\r\n" if role == "offer" else ""
    return (
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\na=msid-semantic:WMS *\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 101 102 97 98\r\nc=IN IP4 0.0.0.0\r\n"
        f"a=mid:0\r\na={video}\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=rtcp-mux\r\n"
        "a=rtpmap:101 H264/90000\r\na=fmtp:101 packetization-mode=1;profile-level-id=42e01f\r\n"
        "a=rtcp-fb:101 nack pli\r\n"
        "a=rtpmap:102 rtx/90000\r\na=fmtp:102 apt=101\r\n"
        f"a=rtpmap:97 VP8/90000\r\na=rtpmap:98 rtx/90000\r\na=fmtp:98 apt=97\r\n{candidate}{shared}"
        "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\n"
        "a=mid:1\r\na=sendrecv\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=rtcp-mux\r\n"
        f"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 cbr=1\r\n{shared}"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
        f"a=mid:2\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n{shared}"
    )


OFFER = describe("offer", DOOR)
ANSWER = describe("answer", PAGE)


def test_what_this_protocol_makes_passes() -> None:
    assert vet_offer(OFFER).fingerprint == DOOR
    assert vet_answer(ANSWER).fingerprint == PAGE


def test_video_may_ask_to_be_shown_at_once() -> None:
    assert vet_answer(ANSWER.replace("a=mid:0", f"a=extmap:12 {PLAYOUT_DELAY}\r\na=mid:0")).fingerprint == PAGE


def test_fingerprints_compare_without_regard_to_case() -> None:
    assert vet_answer(ANSWER.replace(PAGE, PAGE.lower(), 1)).fingerprint == PAGE


def test_a_session_level_fingerprint_covers_every_section() -> None:
    line = f"a=fingerprint:sha-256 {PAGE}\r\n"
    assert vet_answer(ANSWER.replace(line, "").replace("a=group", f"{line}a=group")).fingerprint == PAGE


LINE = f"a=fingerprint:sha-256 {PAGE}\r\n"
SECOND = ANSWER.index(LINE, ANSWER.index(LINE) + 1)


@pytest.mark.parametrize(
    ("case", "sdp"),
    [
        ("missing everywhere", ANSWER.replace(LINE, "")),
        ("missing in the second section", ANSWER[:SECOND] + ANSWER[SECOND + len(LINE) :]),
        ("another in the second section", ANSWER[:SECOND] + ANSWER[SECOND:].replace(PAGE, OTHER, 1)),
        ("an additional one", ANSWER.replace(LINE, LINE + LINE.replace(PAGE, OTHER), 1)),
        ("the same one twice", ANSWER.replace(LINE, LINE + LINE, 1)),
        ("an additional session-level one", ANSWER.replace("a=group", LINE.replace(PAGE, OTHER) + "a=group")),
        ("a weaker hash", ANSWER.replace(LINE, "a=fingerprint:sha-1 " + "AA" + ":AA" * 19 + "\r\n")),
        ("a weaker hash besides", ANSWER.replace(LINE, LINE + "a=fingerprint:sha-1 " + "AA" + ":AA" * 19 + "\r\n", 1)),
        (
            "a weaker hash below the session's",
            ANSWER.replace(LINE, "a=fingerprint:sha-1 " + "AA" + ":AA" * 19 + "\r\n").replace(
                "a=group", f"{LINE}a=group"
            ),
        ),
        ("sha-256 too short", ANSWER.replace(PAGE, PAGE[:-3])),
        ("sha-256 too long", ANSWER.replace(PAGE, PAGE + ":CC")),
    ],
)
def test_fingerprints_that_are_refused(case: str, sdp: str) -> None:
    with pytest.raises(PeerError) as refused:
        vet_answer(sdp)
    assert refused.value.reason == "fingerprint", case


AUDIO = ANSWER.index("m=audio")
DATA = ANSWER.index("m=application")


H264 = (
    "a=rtpmap:101 H264/90000\r\na=fmtp:101 packetization-mode=1;profile-level-id=42e01f\r\na=rtcp-fb:101 nack pli\r\n"
    "a=rtpmap:102 rtx/90000\r\na=fmtp:102 apt=101\r\n"
)
VP8 = "a=rtpmap:97 VP8/90000\r\na=rtpmap:98 rtx/90000\r\na=fmtp:98 apt=97\r\n"


def only(spoken: str, payloads: str, sdp: str = ANSWER) -> str:
    """A description that speaks just this in its video section."""
    return sdp.replace(H264 + VP8, spoken).replace("SAVPF 101 102 97 98", f"SAVPF {payloads}")


@pytest.mark.parametrize(
    ("sdp", "video"),
    [
        (ANSWER, "H264"),
        (only(VP8 + H264, "97 98 101 102"), "H264"),
        (only(H264, "101 102"), "H264"),
        (only(VP8, "97 98"), "VP8"),
        (only("a=rtpmap:97 VP8/90000\r\na=fmtp:97 max-fs=12288;max-fr=60\r\n", "97"), "VP8"),
        (ANSWER.replace("42e01f", "42e028"), "H264"),
        (ANSWER.replace("42e01f", "42C01E"), "H264"),
    ],
)
def test_an_answer_may_choose_its_codec(sdp: str, video: str) -> None:
    assert vet_answer(sdp).video == video


@pytest.mark.parametrize(
    "sdp",
    [
        only(VP8 + H264, "97 98 101 102", OFFER),
        only(H264, "101 102", OFFER),
        only(VP8, "97 98", OFFER),
        OFFER.replace("97 98", "97 98 99").replace(VP8, VP8 + "a=rtpmap:99 VP9/90000\r\n"),
        OFFER.replace("profile-level-id=42e01f", "profile-level-id=64001f"),
    ],
)
def test_an_offer_names_h264_and_vp8_in_this_order_and_nothing_else(sdp: str) -> None:
    vet_offer(OFFER)
    with pytest.raises(PeerError):
        vet_offer(sdp)


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "v=0",
        ANSWER.replace("\r\n", "\n"),
        ANSWER + "\x00\r\n",
        ANSWER.replace("s=-", "s=é"),
        ANSWER.replace("a=mid:0\r\n", "a=mid:0\r\n\r\n"),
        "x" * (LIMIT + 1) + "\r\n",
        "v=0\r\n" * 500,
        ANSWER[:AUDIO],
        ANSWER[:AUDIO] + ANSWER[DATA:] + ANSWER[AUDIO:DATA],
        ANSWER[:DATA].replace("BUNDLE 0 1 2", "BUNDLE 0 1"),
        (ANSWER[:AUDIO] + ANSWER[DATA:] + ANSWER[AUDIO:DATA]).replace("BUNDLE 0 1 2", "BUNDLE 0 2 1"),
        ANSWER + ANSWER[DATA:],
        ANSWER[:AUDIO] + ANSWER[AUDIO:DATA] * 2 + ANSWER[DATA:],
        ANSWER.replace("m=video 9", "m=video 0"),
        ANSWER.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP", 1),
        ANSWER.replace("UDP/DTLS/SCTP", "TCP/DTLS/SCTP"),
        ANSWER.replace("a=group:BUNDLE 0 1 2\r\n", ""),
        ANSWER.replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1"),
        ANSWER.replace("a=group:BUNDLE 0 1 2\r\n", "a=group:BUNDLE 0 1 2\r\na=group:BUNDLE 0 1 2\r\n"),
        ANSWER.replace("a=mid:1", "a=mid:0"),
        ANSWER.replace("a=setup:active", "a=setup:passive"),
        ANSWER.replace("a=setup:active", "a=setup:actpass", 1),
        ANSWER.replace("a=setup:active\r\n", "", 1),
        ANSWER.replace("a=rtcp-mux\r\n", "", 1),
        ANSWER.replace("sdes:mid", "ssrc-audio-level", 1),
        ANSWER.replace("a=mid:1", f"a=extmap:12 {PLAYOUT_DELAY}\r\na=mid:1"),
        ANSWER.replace("a=mid:0", f"a=extmap:2 {MID}\r\na=mid:0"),
        ANSWER.replace("a=recvonly", "a=sendrecv"),
        ANSWER.replace("a=mid:0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=mid:0"),
        ANSWER.replace("a=mid:0", "a=ice-lite\r\na=mid:0"),
        ANSWER.replace("a=mid:0", "a=candidate:1 1 tcp 1 10.0.0.1 9 typ host tcptype active\r\na=mid:0"),
        ANSWER.replace("a=mid:0", "a=candidate:1 1 udp 1 evil.example 9 typ host\r\na=mid:0"),
        ANSWER.replace("a=mid:0", "a=ssrc:1 cname:x\r\n" * 17 + "a=mid:0"),
        ANSWER.replace("webrtc-datachannel", "5000"),
        OFFER,
        only("a=rtpmap:102 rtx/90000\r\na=fmtp:102 apt=101\r\n", "102"),
        only("a=rtpmap:97 VP9/90000\r\n", "97"),
        only("a=rtpmap:97 VP8/48000\r\n", "97"),
        only(VP8 + "a=rtpmap:99 red/90000\r\n", "97 98 99"),
        only(VP8 + VP8.replace("97", "96").replace("98", "95"), "97 98 96 95"),
        only(VP8.replace("apt=97", "apt=101"), "97 98"),
        only(VP8.replace("a=fmtp:98 apt=97\r\n", ""), "97 98"),
        only(VP8 + "a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=97\r\n", "97 98 99"),
        only(VP8, "97 98 99"),
        only(VP8, "97"),
        only(VP8, "97 97 98"),
        only(VP8 + VP8, "97 98"),
        only(VP8 + "a=fmtp:99 x=1\r\n", "97 98"),
        only(VP8.replace("97", "0097"), "0097 98"),
        only(H264.replace("packetization-mode=1;", ""), "101 102"),
        only(H264.replace("packetization-mode=1", "packetization-mode=0"), "101 102"),
        only(H264.replace(";profile-level-id=42e01f", ""), "101 102"),
        only(H264.replace("42e01f", "42001f"), "101 102"),
        only(H264.replace("42e01f", "42e11f"), "101 102"),
        only(H264.replace("42e01f", "64001f"), "101 102"),
        ANSWER.replace("opus/48000/2", "opus/48000"),
        ANSWER.replace("SAVPF 96", "SAVPF 96 0").replace("a=fmtp:96", "a=rtpmap:0 PCMU/8000\r\na=fmtp:96"),
        ANSWER.replace("opus/48000/2", "PCMA/8000"),
    ],
)
def test_descriptions_that_are_refused(sdp: str) -> None:
    with pytest.raises(PeerError):
        vet_answer(sdp)


def test_an_answer_is_not_an_offer() -> None:
    with pytest.raises(PeerError):
        vet_offer(ANSWER)


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_refused_and_raises_nothing_else(text: str) -> None:
    with pytest.raises(PeerError):
        vet_answer(text)


@given(st.integers(0, len(ANSWER) - 1), st.characters())
def test_any_one_changed_character_passes_with_the_same_fingerprint_or_is_refused(at: int, character: str) -> None:
    changed = ANSWER[:at] + character + ANSWER[at + 1 :]
    try:
        assert vet_answer(changed).fingerprint == PAGE
    except PeerError:
        assert changed != ANSWER
