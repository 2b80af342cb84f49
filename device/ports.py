"""What the device's core needs from the world, as typing protocols.

An adapter conforms by shape; nothing inherits from here. Every port has a fake in `tests/fakes` that passes
the same contract suite as the real adapter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from protocol.candidates import Candidate
from protocol.messages import IceServer

if TYPE_CHECKING:  # the configuration imports this module, and the button does not wait for numpy
    import numpy as np
    import numpy.typing as npt

LampPattern = Literal["off", "ringing", "talking", "watched", "released", "failed", "typing", "trouble"]
"""Told apart by rhythm (`device.adapters.gpio.rhythm`), so that nobody needs to tell colours apart."""

ToneName = Literal["ringback", "busy", "nobody", "released", "fault"]
NoiseLevel = Literal["off", "mild", "moderate", "strong", "strongest"]
Stream = Literal["main", "small", "vp8"]
"""H.264 at full size; H.264 at the small size, for slow links; VP8 at the small size, for browsers without H.264."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One encoded picture, `pts` on the 90 kHz clock, `drawn_at` in wall-clock seconds.

    `data` is an H.264 access unit in Annex-B form, a key frame with its parameter sets, or one VP8 frame. All streams
    of a camera count `pts` on one clock, and never back, so that a viewer can be moved from one to another; two streams
    of one picture may have the same.
    """

    data: bytes
    pts: int
    key: bool
    drawn_at: float


@dataclass(frozen=True, slots=True)
class OpusPacket:
    """20 ms of Opus: 960 samples; `pts` on the 48 kHz clock."""

    data: bytes
    pts: int


class Panel(Protocol):
    """Everything beside the door. Posts `Edge`, `ExitEdge`, `ContactEdge`, `TamperEdge`, `KeyPressed`,
    `StrikeReleased`, `StrikeLowered`; every input but the keypad once when it is opened, then at every change.
    """

    def open(self) -> None:
        """Claim the lines; HardwareError if that fails."""

    def lamp(self, pattern: LampPattern) -> None: ...

    def release_strike(self, door: str, seconds: float) -> None:
        """Energise the strike for `seconds`, on a thread of its own, never longer than the hard bound."""

    def close(self) -> None:
        """Lower every strike and give the lines back. May be called twice."""


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What a stream is made at: size in pixels, `fps` frames a second, at most `bitrate_bps`."""

    width: int
    height: int
    fps: int
    bitrate_bps: int


@dataclass(frozen=True, slots=True)
class Still:
    """One picture that is not encoded: planar YUV 4:2:0 (`i420`: Y, U, V, lines without padding), studio range.

    `taken_at` in wall-clock seconds. Width and height are even.
    """

    width: int
    height: int
    i420: bytes
    taken_at: float


class VideoSource(Protocol):
    """A camera with its encoders, one for each stream. Encodes a stream only while somebody watches that stream."""

    def open(self) -> None:
        """Claim the camera, on the event loop; HardwareError if that fails. Posts HardwareFault and HardwareBack."""

    def watch(self, sink: Callable[[EncodedFrame], None], stream: Stream = "main") -> Callable[[], None]:
        """Send a stream's frames to `sink`, on the event loop's thread: a key frame first, at once.

        Returns how to stop. A camera that is lost and found again goes on, with a key frame.
        """

    def request_key_frame(self, stream: Stream = "main") -> None:
        """A key frame within two frames; at most one in 300 ms for each stream, however many ask."""

    def set_bitrate(self, bitrate_bps: int, stream: Stream = "main") -> None:
        """From the next frames on; held between the encoder's floor and what the stream was configured for."""

    async def snapshot(self) -> Still | None:
        """One picture of now at the size of `main`, also while nobody watches; None if none can be had within 2 s."""

    def close(self) -> None:
        """Let the camera go. May be called twice; viewers stay, and go on after the next `open`."""


class FarEnd(Protocol):
    """Somebody who is heard at the door: packets in as the network brings them."""

    def put(self, timestamp: int, payload: bytes) -> None:
        """A packet of Opus has arrived, with its RTP timestamp (48 kHz, 32 bits). Never waits; junk is a gap."""

    def close(self) -> None:
        """What was not played yet is forgotten. May be called twice."""


class Sound(Protocol):
    """Microphone and loudspeaker at the door."""

    def open(self) -> None: ...

    def listen(self, sink: Callable[[OpusPacket], None]) -> Callable[[], None]:
        """Send the microphone to `sink`, on the event loop's thread. Returns how to stop."""

    def far_end(self) -> "FarEnd":
        """Somebody far away is to be heard at the door, until that is closed."""

    def tone(self, name: ToneName | None) -> None:
        """Play a tone until told otherwise; None stops it."""

    def close(self) -> None: ...


class VoiceFilter(Protocol):
    """Leaves of what the microphone hears what was said at the door: without the loudspeaker's echo, without noise.

    Both methods are called on the thread that reads the microphone, and nowhere else.
    """

    def process(self, near: "npt.NDArray[np.int16]", far: "npt.NDArray[np.int16]") -> "npt.NDArray[np.int16]":
        """10 ms of the microphone, filtered: 480 samples, mono, 48 kHz, like both arguments.

        `far` is what was written to the loudspeaker in that time, zeros where it was silent. How long it takes from
        there into the microphone is not known; it stays the same until `reset`, but for the cards' clocks drifting.
        """

    def reset(self) -> None:
        """Somebody begins to listen: what was learned may no longer hold."""


class Peers(Protocol):
    """DTLS-SRTP connections, by link id. Posts LinkOffered, LinkOpened, LinkMessage, LinkLost."""

    def open_link(self, link: str, ice_servers: Sequence[IceServer]) -> None: ...

    def accept(self, link: str, answer_sdp: str, fingerprint: str) -> None:
        """Take a vetted answer; LinkOpened follows once the peer's certificate has that fingerprint."""

    def add_candidate(self, link: str, candidate: Candidate | None) -> None: ...

    def send(self, link: str, text: str) -> None: ...

    async def send_bytes(self, link: str, data: bytes) -> None:
        """Send `data` in binary messages of at most 16 KiB, after what was sent before, as fast as the page reads.

        Returns when all of it is under way, or the link is gone; one whose page stops reading is ended.
        """

    def show_video(self, link: str, on: bool) -> None: ...

    def talk(self, link: str, on: bool) -> None: ...

    def close_link(self, link: str) -> None: ...

    async def close(self) -> None: ...
