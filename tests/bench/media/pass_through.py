"""The door's own sender without camera and cards: `AiortcPeers` on H.264 that is encoded already, Opus both ways.

usage: pass_through.py FILE.h264 SPEECH.s16le. Says its offer as one line of JSON and takes the answer as one.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from device.adapters.webrtc import AiortcPeers
from device.core.events import Event, LinkOffered, LinkOpened
from device.media.opus import BLOCK_BYTES, SAMPLES, OpusDecoder, OpusEncoder
from device.ports import EncodedFrame, OpusPacket, Still, Stream, StreamFormat, ToneName
from protocol.keys import new_key
from protocol.sdp import vet_answer
from tests.bench.media.material import BITRATE_BPS, FPS, HEIGHT, WIDTH, access_units
from tests.harness.namespaces import DOOR_ADDRESS

LINK = "l" * 22
STREAMS: tuple[Stream, ...] = ("main", "small", "vp8")
CLOCK = 90_000 // FPS


class Paced:
    """Calls `step` with 0, 1, 2 … at this interval, without drifting, until it is stopped."""

    def __init__(self, interval_s: float, step: Callable[[int], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._interval_s = interval_s
        self._step = step
        self._began = self._loop.time()
        self._number = 0
        self._next: asyncio.Handle = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._step(self._number)
        self._number += 1
        self._next = self._loop.call_at(self._began + self._number * self._interval_s, self._turn)

    def stop(self) -> None:
        self._next.cancel()


class FileCamera:
    """`device.ports.VideoSource` on one clip, round and round."""

    def __init__(self, clip: Path) -> None:
        self._units = access_units(clip.read_bytes())

    def open(self) -> None:
        """Nothing to claim."""

    def watch(self, sink: Callable[[EncodedFrame], None], stream: Stream = "main") -> Callable[[], None]:
        def show(number: int) -> None:
            data, key = self._units[number % len(self._units)]
            sink(EncodedFrame(data, number * CLOCK, key, time.time()))

        return Paced(1 / FPS, show).stop

    def request_key_frame(self, stream: Stream = "main") -> None:
        """What is encoded is encoded: two seconds later comes the next."""

    def set_bitrate(self, bitrate_bps: int, stream: Stream = "main") -> None:
        """Likewise."""

    async def snapshot(self) -> Still | None:
        return None

    def close(self) -> None:
        """Nothing to give back."""


class FileSound:
    """`device.ports.Sound` without a card: speech is read and encoded, what is heard is decoded and forgotten."""

    def __init__(self, speech: Path) -> None:
        self._speech = speech.read_bytes()

    def open(self) -> None:
        """Nothing to claim."""

    def listen(self, sink: Callable[[OpusPacket], None]) -> Callable[[], None]:
        encoder = OpusEncoder()
        blocks = len(self._speech) // BLOCK_BYTES

        def speak(number: int) -> None:
            at = number % blocks * BLOCK_BYTES
            pts = number * SAMPLES
            sink(OpusPacket(encoder.encode(self._speech[at : at + BLOCK_BYTES], pts), pts))

        return Paced(0.02, speak).stop

    def far_end(self) -> "Ear":
        return Ear()

    def tone(self, name: ToneName | None) -> None:
        """Nobody would hear it."""

    def close(self) -> None:
        """Nothing to give back."""


class Ear:
    """`device.ports.FarEnd`: decodes on the spot."""

    def __init__(self) -> None:
        self._decoder = OpusDecoder()

    def put(self, timestamp: int, payload: bytes) -> None:
        self._decoder.decode(payload)

    def close(self) -> None:
        """Nothing is kept."""


async def main(clip: Path, speech: Path) -> None:
    key = new_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    ).sign(key, hashes.SHA256())
    events: asyncio.Queue[Event] = asyncio.Queue()
    camera, sound = FileCamera(clip), FileSound(speech)
    formats = dict.fromkeys(STREAMS, StreamFormat(WIDTH, HEIGHT, FPS, BITRATE_BPS))
    peers = AiortcPeers(key, certificate, camera, sound, formats, events.put_nowait, host_addresses=[DOOR_ADDRESS])
    loop = asyncio.get_running_loop()
    peers.open_link(LINK, ())
    offered = await events.get()
    if not isinstance(offered, LinkOffered):
        raise TypeError(f"no offer but {offered}")
    print(json.dumps({"sdp": offered.sdp}), flush=True)
    sdp = json.loads(await loop.run_in_executor(None, sys.stdin.readline))["sdp"]
    peers.accept(LINK, sdp, vet_answer(sdp).fingerprint)
    while not isinstance(await events.get(), LinkOpened):
        pass
    peers.show_video(LINK, True)
    peers.talk(LINK, True)
    await loop.run_in_executor(None, sys.stdin.read)
    await peers.close()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
