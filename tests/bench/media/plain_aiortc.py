"""A sender as aiortc's own examples make one: raw frames, encoded by the library for this viewer, sound both ways.

The same test picture as the door's; the microphone and the loudspeaker through the library's own media helpers.
Says its offer as one line of JSON and takes the answer as one. Ends with its standard input.
"""

import asyncio
import json
import sys
import time
from fractions import Fraction
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.contrib.media import MediaPlayer, MediaRecorder

from device.media.picture import TestPicture

WIDTH, HEIGHT, FPS = 1280, 720, 30


class PictureTrack(VideoStreamTrack):
    """The door's test picture, thirty times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._picture = TestPicture(WIDTH, HEIGHT, "plain aiortc")
        self._began: float | None = None
        self._count = 0

    async def recv(self) -> Any:
        if self._began is None:
            self._began = time.monotonic()
        wait = self._began + self._count / FPS - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        self._picture.draw(time.time())
        frame = self._picture.frame
        frame.pts = self._count * 90_000 // FPS
        frame.time_base = Fraction(1, 90_000)
        self._count += 1
        return frame


async def main(capture: str, playback: str) -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    microphone = MediaPlayer(capture, format="alsa", options={"sample_rate": "48000", "channels": "1"})
    loudspeaker = MediaRecorder(playback, format="alsa")
    connection.on("track", loudspeaker.addTrack)
    connection.addTransceiver(PictureTrack(), direction="sendonly")
    if microphone.audio is None:
        raise RuntimeError(f"no sound from {capture}")
    connection.addTrack(microphone.audio)
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
    asyncio.run(main(sys.argv[1], sys.argv[2]))
