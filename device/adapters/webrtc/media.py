"""What one link shows, says and hears, and when."""

import asyncio
from collections.abc import Callable

from aioice import ice
from aiortc import RTCRtpTransceiver

from device.adapters.webrtc import fence
from device.adapters.webrtc.capacity import Capacity
from device.adapters.webrtc.tracks import PacketTrack, SoundInlet
from device.ports import EncodedFrame, OpusPacket, Sound, VideoSource

FLOOR_BPS = 300_000
"""Below this a picture of a face is of no use, and some encoders hang (100 kbit/s)."""


class LinkMedia:
    """Joins camera, microphone and loudspeaker to one connection's tracks, while told to.

    `video` and `audio` are the tracks to send, `inlet` takes what comes. `on_limit` is called when `limit_bps` may
    have changed; `ceiling_bps` is the most the camera gives.
    """

    def __init__(self, camera: VideoSource, sound: Sound, ceiling_bps: int, on_limit: Callable[[], None]) -> None:
        self.video = PacketTrack("video", camera.request_key_frame)
        self.audio = PacketTrack("audio")
        self.inlet = SoundInlet(sound.play)
        self._camera = camera
        self._microphone = sound
        self._capacity = Capacity(FLOOR_BPS, ceiling_bps)
        self._on_limit = on_limit
        self._loop = asyncio.get_running_loop()
        self._ice: ice.Connection | None = None
        self._unwatch: Callable[[], None] | None = None
        self._unlisten: Callable[[], None] | None = None

    @property
    def limit_bps(self) -> int | None:
        """What the video may take on this link, or None for all it wants."""
        return self._capacity.limit

    def join(self, video: RTCRtpTransceiver, audio: RTCRtpTransceiver) -> None:
        """Hear the feedback and the sound of these transceivers, which send our tracks."""
        self._ice = fence.ice_of(video.sender)
        fence.hear_feedback(video.sender, self._camera.request_key_frame, self._hear_bitrate)
        fence.report_only_news(video.sender)
        fence.report_only_news(audio.sender)
        fence.take_over_receiving(audio.receiver, self.inlet)

    def show_video(self, on: bool) -> None:
        if on and self._unwatch is None:
            self._unwatch = self._camera.watch(self._frame)
        elif not on and self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
            self.video.clear()
            self._capacity.reset()
            self._on_limit()

    def talk(self, on: bool) -> None:
        if on and self._unlisten is None:
            self.inlet.listen(True)
            self._unlisten = self._microphone.listen(self._sound)
        elif not on and self._unlisten is not None:
            self._unlisten()
            self._unlisten = None
            self.inlet.listen(False)
            self.audio.clear()

    def _frame(self, frame: EncodedFrame) -> None:
        if self._unwatch is None:
            return  # under way when the view ended
        if self._congested():
            self.video.flush()
        else:
            self.video.put(frame.data, frame.pts, frame.key)
            self._capacity.sent(len(frame.data), self._loop.time())

    def _sound(self, packet: OpusPacket) -> None:
        if self._unlisten is not None and not self._congested():
            self.audio.put(packet.data, packet.pts)

    def _congested(self) -> bool:
        return self._ice is not None and fence.backlog(self._ice) > fence.WRITE_BACKLOG

    def _hear_bitrate(self, bitrate_bps: int) -> None:
        if self._unwatch is not None:
            self._capacity.reported(bitrate_bps, self._loop.time())
            self._on_limit()
