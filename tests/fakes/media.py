"""A camera, a microphone and a loudspeaker that do what the test says."""

from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np

from device.ports import EncodedFrame, OpusPacket, ToneName


class FakeVideoSource:
    """`device.ports.VideoSource`: `show` sends the next frame to whoever watches, a key frame first for a newcomer."""

    def __init__(self, width: int = 320, height: int = 240) -> None:
        self.sinks: list[Callable[[EncodedFrame], None]] = []
        self.key_frames_asked = 0
        self.bitrates: list[int] = []
        self._size = (width, height)
        self._encoder = self._new_encoder()
        self._number = 0

    def open(self) -> None:
        """Nothing to claim."""

    def watch(self, sink: Callable[[EncodedFrame], None]) -> Callable[[], None]:
        self.sinks.append(sink)
        self._encoder = self._new_encoder()
        return lambda: self.sinks.remove(sink)

    def request_key_frame(self) -> None:
        self.key_frames_asked += 1
        self._encoder = self._new_encoder()

    def set_bitrate(self, bitrate_bps: int) -> None:
        self.bitrates.append(bitrate_bps)

    def close(self) -> None:
        self.sinks.clear()

    def show(self) -> EncodedFrame:
        """Encode one frame and hand it to every sink."""
        picture = av.VideoFrame(*self._size, "yuv420p")
        picture.pts = self._number
        packets = self._encoder.encode(picture)
        data = b"".join(bytes(packet) for packet in packets)
        frame = EncodedFrame(data, self._number * 3000, any(packet.is_keyframe for packet in packets), 0.0)
        self._number += 1
        for sink in list(self.sinks):
            sink(frame)
        return frame

    def _new_encoder(self) -> av.VideoCodecContext:
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height = self._size
        encoder.pix_fmt = "yuv420p"
        encoder.time_base = Fraction(1, 30)
        encoder.options = {"tune": "zerolatency", "preset": "ultrafast", "bf": "0"}
        encoder.profile = "Baseline"
        return encoder


class FakeSound:
    """`device.ports.Sound`: `speak` sends 20 ms of a tone to whoever listens; `played` is what the door would say."""

    def __init__(self) -> None:
        self.sinks: list[Callable[[OpusPacket], None]] = []
        self.played = bytearray()
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

    def play(self, pcm: bytes) -> None:
        self.played += pcm

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
