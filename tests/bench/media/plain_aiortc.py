"""A sender as aiortc's own examples make one: raw frames, encoded by the library for this viewer, sound both ways.

usage: plain_aiortc.py cards CAPTURE PLAYBACK: the test picture, drawn as the door does, and two ALSA PCMs through the
library's own media helpers; or plain_aiortc.py files FILE.h264 SPEECH.s16le: a clip that was decoded before it began,
and speech. Says its offer as one line of JSON and takes the answer as one. Ends with its standard input.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole, MediaPlayer, MediaRecorder

from device.media.picture import TestPicture

WIDTH, HEIGHT, FPS = 1280, 720, 30
KEPT_FRAMES = 60
RATE_HZ, SAMPLES = 48_000, 960


class Track(MediaStreamTrack):
    """What `make` makes, `per_s` times a second; `clock` is the ticks of its time stamps in a second."""

    def __init__(self, kind: Literal["audio", "video"], make: Callable[[], Any], per_s: int, clock: int) -> None:
        super().__init__()
        self.kind = kind
        self._make = make
        self._per_s = per_s
        self._clock = clock
        self._began: float | None = None
        self._count = 0

    async def recv(self) -> Any:
        if self._began is None:
            self._began = time.monotonic()
        wait = self._began + self._count / self._per_s - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        frame = self._make()
        frame.pts = self._count * self._clock // self._per_s
        frame.time_base = Fraction(1, self._clock)
        self._count += 1
        return frame


def drawn() -> Callable[[], Any]:
    """The door's test picture."""
    picture = TestPicture(WIDTH, HEIGHT, "plain aiortc")

    def make() -> Any:
        picture.draw(time.time())
        return picture.frame

    return make


def decoded(clip: Path) -> Callable[[], Any]:
    """The first frames of a clip, round and round."""
    with av.open(str(clip), format="h264") as file:
        frames = itertools.cycle(list(itertools.islice(file.decode(video=0), KEPT_FRAMES)))
    return lambda: next(frames)


def spoken(speech: Path) -> Callable[[], Any]:
    """20 ms of speech at a time, round and round."""
    data, block = speech.read_bytes(), SAMPLES * 2
    starts = itertools.cycle(range(0, len(data) // block * block, block))

    def make() -> Any:
        frame = av.AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.sample_rate = RATE_HZ
        at = next(starts)
        frame.planes[0].update(data[at : at + block])
        return frame

    return make


async def main(what: str, first: str, second: str) -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    loudspeaker: Any
    if what == "files":
        loudspeaker = MediaBlackhole()
        video = decoded(Path(first))
        audio: MediaStreamTrack = Track("audio", spoken(Path(second)), RATE_HZ // SAMPLES, RATE_HZ)
    else:
        microphone = MediaPlayer(first, format="alsa", options={"sample_rate": "48000", "channels": "1"})
        if microphone.audio is None:
            raise RuntimeError(f"no sound from {first}")
        loudspeaker = MediaRecorder(second, format="alsa")
        video, audio = drawn(), microphone.audio
    connection.on("track", loudspeaker.addTrack)
    connection.addTransceiver(Track("video", video, FPS, 90_000), direction="sendonly")
    connection.addTrack(audio)
    await connection.setLocalDescription(await connection.createOffer())
    print(json.dumps({"sdp": connection.localDescription.sdp}), flush=True)
    loop = asyncio.get_running_loop()
    answer = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
    await loudspeaker.start()
    await loop.run_in_executor(None, sys.stdin.read)
    await connection.close()
    await loudspeaker.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
