"""What one link shows, says and hears, and when."""

import asyncio
from collections.abc import Callable, Mapping

import structlog
from aioice import ice
from aiortc import RTCRtpTransceiver

from device.adapters.webrtc import fence, media_fence
from device.adapters.webrtc.capacity import Capacity
from device.adapters.webrtc.choice import FLOOR_BPS, H264, VP8, Choice, floors
from device.adapters.webrtc.tracks import PacketTrack, SoundInlet
from device.ports import EncodedFrame, OpusPacket, Sound, Stream, StreamFormat, VideoSource

log = structlog.get_logger()


class LinkMedia:
    """Joins camera, microphone and loudspeaker to one connection's tracks, while told to.

    `video` and `audio` are the tracks to send, `inlet` takes what comes. Which of the camera's streams is sent follows
    what the link's path can take. `on_limit` is called when `viewing` may have changed; `formats` is what the streams
    take at most.
    """

    def __init__(
        self,
        name: str,
        camera: VideoSource,
        sound: Sound,
        formats: Mapping[Stream, StreamFormat],
        on_limit: Callable[[], None],
    ) -> None:
        self.video = PacketTrack("video", self._ask_key_frame)
        self.audio = PacketTrack("audio")
        self.inlet = SoundInlet(sound)
        self._name = name
        self._camera = camera
        self._microphone = sound
        self._formats = formats
        self._on_limit = on_limit
        self._capacity = Capacity(FLOOR_BPS)
        self._choice = Choice(H264, floors(formats))
        self._loop = asyncio.get_running_loop()
        self._ice: ice.Connection | None = None
        self._shown = False
        self._stream: Stream | None = None
        self._unwatch: Callable[[], None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._unlisten: Callable[[], None] | None = None

    @property
    def viewing(self) -> tuple[Stream, int | None] | None:
        """The stream that is sent and what it may take on this link, None being all it wants; None if none is sent."""
        return None if self._stream is None else (self._stream, self._capacity.limit)

    def join(self, video: RTCRtpTransceiver, audio: RTCRtpTransceiver) -> None:
        """Hear the feedback and the sound of these transceivers, which send our tracks."""
        self._ice = fence.ice_of(video.sender)
        media_fence.send_at_once(video.sender, self.video)
        media_fence.send_at_once(audio.sender, self.audio)
        media_fence.hear_feedback(video.sender, self._ask_key_frame, self._hear_estimate, self._hear_report)
        media_fence.report_only_news(video.sender)
        media_fence.report_only_news(audio.sender)
        media_fence.take_over_receiving(audio.receiver, self.inlet)

    def agree(self, codec: str) -> None:
        """The answer is there: `codec` is what the page decodes, H264 or VP8."""
        self._choice = Choice(VP8 if codec == "VP8" else H264, floors(self._formats))

    def show_video(self, on: bool) -> None:
        if on == self._shown:
            return
        self._shown = on
        if on:
            self._choice.begin(self._loop.time())
            self._send(self._choice.stream)
            self._judge()
        else:
            self._send(None)
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

    def _send(self, stream: Stream | None) -> None:
        """Send this stream from now on, from its next key frame, which comes at once."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self.video.clear()
        self._stream = stream
        if stream is not None:
            self._capacity.begin(self._formats[stream].bitrate_bps, self._loop.time())
            self._unwatch = self._camera.watch(lambda frame: self._frame(stream, frame), stream)

    def _frame(self, stream: Stream, frame: EncodedFrame) -> None:
        if stream != self._stream:
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
        return self._ice is not None and media_fence.backlog(self._ice) > media_fence.WRITE_BACKLOG

    # What the page reports

    def _ask_key_frame(self) -> None:
        if self._stream is not None:
            self._camera.request_key_frame(self._stream)

    def _hear_estimate(self, bitrate_bps: int) -> None:
        if self._shown:
            self._capacity.estimated(bitrate_bps, self._loop.time())
            self._judge()

    def _hear_report(self, lost: float, trip_s: float | None) -> None:
        if self._shown:
            self._capacity.reported(lost, trip_s, self._loop.time())
            self._judge()

    def _judge(self) -> None:
        self._choice.judge(self._capacity, self._loop.time())
        stream = self._choice.stream
        if stream != self._stream:
            log.info("video-moved", link=self._name, to=stream or "none", limit_bps=self._capacity.limit)
            if self._choice.went_up:
                self._capacity.reset()
            self._send(stream)
        if stream is None and self._retry is None:
            self._retry = self._loop.call_at(self._choice.retry_at, self._try_again)
        self._on_limit()

    def _try_again(self) -> None:
        """Nothing is sent, so nothing is reported that could bring the picture back."""
        self._retry = None
        self._judge()
