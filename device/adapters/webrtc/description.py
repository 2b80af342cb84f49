"""What is said in session descriptions: text in, text out (RFC 8866, RFC 8829; protocol section 8, rule 6)."""

from dataclasses import dataclass

from protocol.sdp import MID, PLAYOUT_DELAY

MESSAGE_LIMIT = 16 * 1024
"""Bytes of a control message (protocol section 6)."""

BASELINE = "42e01f"
"""H.264 constrained baseline, level 3.1: up to 720p30, and what the library calls this profile."""

LEVELS = {"3.1": BASELINE, "4.0": "42e028"}
"""The profile-level-id of each level that a camera may have (RFC 6184, section 8.1)."""

OPUS = "cbr=1;maxaveragebitrate=32000;stereo=0;usedtx=0"
"""What the page is to send: constant rate, so that the sizes of encrypted packets tell nothing (RFC 6562)."""

PLAYOUT_DELAY_ID = 12
"""The id of this header extension on video packets; the library numbers its own from 1."""


def publish_offer(sdp: str, level: str) -> str:
    """Our offer as it is sent: of header extensions mid, and playout delay for video; Opus at a constant rate.

    `level` is H.264's profile-level-id for the configured size. The library reads the same things from the answer, so
    it need not know.
    """
    lines = []
    for line in sdp.split("\r\n"):
        if line.startswith("a=extmap:") and not line.endswith(f" {MID}"):
            continue
        if line == "a=mid:0":  # the first section is the video
            lines.append(f"a=extmap:{PLAYOUT_DELAY_ID} {PLAYOUT_DELAY}")
        if line.startswith("a=max-message-size:"):
            lines.append(f"a=max-message-size:{MESSAGE_LIMIT}")
            continue
        lines.append(line.replace(f"profile-level-id={BASELINE}", f"profile-level-id={level}"))
        if line.startswith("a=rtpmap:") and line.lower().endswith(" opus/48000/2"):
            payload_type = line.removeprefix("a=rtpmap:").split(" ")[0]
            lines.append(f"a=fmtp:{payload_type} {OPUS}")
    return "\r\n".join(lines)


@dataclass(frozen=True, slots=True)
class Answer:
    """A page's answer without its candidates, and those candidates, without repetition."""

    sdp: str
    candidates: tuple[str, ...]


def split_answer(sdp: str) -> Answer:
    """Take the candidates out, so that one which is slow to resolve does not hold up the rest."""
    kept: list[str] = []
    candidates: dict[str, None] = {}
    for line in sdp.split("\r\n"):
        if line.startswith("a=candidate:"):
            candidates[line.removeprefix("a=")] = None
        elif line != "a=end-of-candidates":
            kept.append(line)
    return Answer("\r\n".join(kept), tuple(candidates))
