"""A camera, a microphone and a loudspeaker that do what the test says."""

import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType

from device.media.opus import OpusDecoder, duration
from device.ports import EncodedFrame, OpusPacket, Still, Stream, StreamFormat, ToneName

FORMATS: Mapping[Stream, StreamFormat] = {
    "main": StreamFormat(320, 240, 30, 2_000_000),
    "small": StreamFormat(160, 120, 30, 400_000),
    "vp8": StreamFormat(160, 120, 30, 400_000),
}
"""What `FakeVideoSource` says of itself."""


class FakeVideoSource:
    """`device.ports.VideoSource`, 30 frames a second: `show` sends the next frame of a stream to whoever watches it."""

    def __init__(self, width: int = 320, height: int = 240) -> None:
        self.key_frames_asked: list[Stream] = []
        self.bitrates: list[tuple[Stream, int]] = []
        self._size = (width, height)
        self._streams: dict[Stream, FakeStream] = {
            "main": FakeStream("libx264", width, height),
            "small": FakeStream("libx264", width // 2, height // 2),
            "vp8": FakeStream("libvpx", width // 2, height // 2),
        }
        self._number = 0

    @property
    def watched(self) -> list[Stream]:
        """The stream of everybody who watches."""
        return [name for name, stream in self._streams.items() for _ in stream.sinks]

    def sinks(self, stream: Stream = "main") -> list[Callable[[EncodedFrame], None]]:
        return self._streams[stream].sinks

    def open(self) -> None:
        """Nothing to claim."""

    def watch(self, sink: Callable[[EncodedFrame], None], stream: Stream = "main") -> Callable[[], None]:
        watched = self._streams[stream]
        watched.sinks.append(sink)
        watched.newcomer = True
        return lambda: watched.sinks.remove(sink) if sink in watched.sinks else None

    def request_key_frame(self, stream: Stream = "main") -> None:
        self.key_frames_asked.append(stream)
        self._streams[stream].asked = True

    def set_bitrate(self, bitrate_bps: int, stream: Stream = "main") -> None:
        self.bitrates.append((stream, bitrate_bps))

    async def snapshot(self) -> Still | None:
        width, height = self._size
        return Still(width, height, bytes([128]) * (width * height * 3 // 2), time.time())

    def close(self) -> None:
        """Nothing to let go."""

    def show(self, stream: Stream = "main") -> EncodedFrame:
        """Encode the next frame of one stream and hand it to its viewers."""
        self._number += 1
        return self._streams[stream].show(self._number * 3000)


class FakeStream:
    """One stream of the fake camera; a key frame at once for a newcomer, at most one in 300 ms for who asks."""

    def __init__(self, codec: str, width: int, height: int) -> None:
        self.sinks: list[Callable[[EncodedFrame], None]] = []
        self.newcomer = self.asked = False
        self._encoder = encoder = _video_encoder(codec)
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base = Fraction(1, 90_000)
        encoder.gop_size = 3000
        encoder.options = (
            {"tune": "zerolatency", "preset": "ultrafast", "profile": "baseline", "forced-idr": "1"}
            if codec == "libx264"
            else {"deadline": "realtime", "lag-in-frames": "0"}
        )
        self._last_key = -27_000

    def show(self, pts: int) -> EncodedFrame:
        wanted = self.newcomer or (self.asked and pts - self._last_key >= 27_000)
        picture = av.VideoFrame(self._encoder.width, self._encoder.height, "yuv420p")
        picture.pts, picture.time_base = pts, Fraction(1, 90_000)
        picture.pict_type = PictureType.I if wanted else PictureType.NONE
        packets = self._encoder.encode(picture)
        key = any(packet.is_keyframe for packet in packets)
        if key:
            self.newcomer = self.asked = False
            self._last_key = pts
        frame = EncodedFrame(b"".join(bytes(packet) for packet in packets), pts, key, time.time())
        for sink in list(self.sinks):
            sink(frame)
        return frame


def _video_encoder(codec: str) -> Any:
    return av.CodecContext.create(codec, "w")


class FakeFarEnd:
    """`device.ports.FarEnd`: decodes what comes, in the order in which it comes."""

    def __init__(self, played: bytearray) -> None:
        self.packets: list[tuple[int, bytes]] = []
        self._played: bytearray | None = played
        self._decoder = OpusDecoder()

    def put(self, timestamp: int, payload: bytes) -> None:
        if self._played is None:
            return
        self.packets.append((timestamp, payload))
        decoded = self._decoder.decode(payload) if duration(payload) else None
        if decoded is not None:
            self._played += decoded.tobytes()

    def close(self) -> None:
        self._played = None


class FakeSound:
    """`device.ports.Sound`: `speak` sends 20 ms of a tone to whoever listens; `played` is what the door would say."""

    def __init__(self) -> None:
        self.sinks: list[Callable[[OpusPacket], None]] = []
        self.played = bytearray()
        self.far_ends: list[FakeFarEnd] = []
        self.tones: list[ToneName | None] = []
        self._encoder = av.CodecContext.create("libopus", "w")
        self._encoder.format = "s16"
        self._encoder.layout = "mono"
        self._encoder.sample_rate = 48_000
        self._samples = 0

    def open(self) -> None:
        """Nothing to claim."""

    def listen(self, sink: Callable[[OpusPacket], None]) -> Callable[[], None]:
        self.sinks.append(sink)
        return lambda: self.sinks.remove(sink)

    def far_end(self) -> FakeFarEnd:
        self.far_ends.append(FakeFarEnd(self.played))
        return self.far_ends[-1]

    def tone(self, name: ToneName | None) -> None:
        self.tones.append(name)

    def close(self) -> None:
        self.sinks.clear()

    def speak(self) -> None:
        """20 ms of 440 Hz into the microphone."""
        packets = self._encoder.encode(tone(440, self._samples))
        for packet in packets:
            for sink in list(self.sinks):
                sink(OpusPacket(bytes(packet), self._samples))
        self._samples += 960


def tone(hertz: float, start: int, samples: int = 960) -> av.AudioFrame:
    """A frame of a sine at half scale, 48 kHz mono, beginning with sample `start` so that frames join."""
    wave = np.sin(2 * np.pi * hertz * np.arange(start, start + samples) / 48_000) * 16_000
    frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None, :], format="s16", layout="mono")
    frame.sample_rate = 48_000
    frame.pts = start
    frame.time_base = Fraction(1, 48_000)
    return frame


def loudest_hertz(pcm: bytes) -> float:
    """The strongest frequency in s16le mono sound at 48 kHz; 0 if it is silent."""
    wave = np.frombuffer(pcm, np.int16).astype(float)
    if not wave.any():
        return 0.0
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(np.argmax(spectrum) * 48_000 / len(wave))
