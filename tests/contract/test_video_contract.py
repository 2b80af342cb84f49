"""The camera's contract, on the fake and on the test picture with its real encoder."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest

from device.adapters.pattern import KEY_FRAME_GAP_S, PENDING_FRAMES, PatternCamera
from device.core.events import Event, HardwareFault
from device.errors import HardwareError
from device.media.h264 import FLOOR_BPS, H264Encoder
from device.media.timecode import decode_time_code
from device.ports import EncodedFrame, VideoSource
from tests.fakes.media import FakeVideoSource
from tests.harness.processes import SCALE

SIZE = (640, 480)
FPS = 30
SPS, PPS, IDR = 7, 8, 5
"""NAL unit types (table 7-1 of H.264)."""


class Viewer:
    """A sink that keeps what it got, and from which thread."""

    def __init__(self, source: VideoSource) -> None:
        self.frames: list[EncodedFrame] = []
        self.threads: set[int] = set()
        self._source = source
        self._got = asyncio.Event()
        self.stop: Callable[[], None] = source.watch(self._take)

    def _take(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)
        self.threads.add(threading.get_ident())
        self._got.set()

    async def until(self, count: int) -> list[EncodedFrame]:
        """The first `count` frames; a fake camera shows as many as are missing."""
        while len(self.frames) < count:
            self._got.clear()
            if isinstance(self._source, FakeVideoSource):
                self._source.show()
            else:
                await asyncio.wait_for(self._got.wait(), 5 * SCALE)
        return self.frames[:count]


@pytest.fixture
async def pattern() -> AsyncIterator[PatternCamera]:
    posted: list[Event] = []
    camera = PatternCamera(*SIZE, FPS, 1_000_000, "home · front-door", posted.append)
    camera.open()
    yield camera
    camera.close()
    assert posted == []


@pytest.fixture(params=["fake", "pattern"])
async def source(request: pytest.FixtureRequest) -> AsyncIterator[VideoSource]:
    made: VideoSource = (
        FakeVideoSource(*SIZE)
        if request.param == "fake"
        else PatternCamera(*SIZE, FPS, 1_000_000, "home · front-door", lambda _: None)
    )
    made.open()
    yield made
    made.close()


async def test_a_newcomer_starts_with_a_key_frame_that_decodes(source: VideoSource) -> None:
    first, *rest = await Viewer(source).until(5)
    assert first.key
    assert [kind for kind in nal_types(first.data) if kind in (SPS, PPS, IDR)][:3] == [SPS, PPS, IDR]
    assert not any(frame.key for frame in rest)
    assert all(frame.data.startswith((b"\0\0\1", b"\0\0\0\1")) for frame in (first, *rest))
    pictures = decode([first, *rest])
    assert [(picture.width, picture.height) for picture in pictures] == [SIZE] * 5


async def test_a_second_viewer_starts_with_a_key_frame_too(source: VideoSource) -> None:
    early = Viewer(source)
    await early.until(3)
    late = Viewer(source)
    frames = await late.until(2)
    assert frames[0].key
    assert len(decode(frames)) == 2
    assert frames[0] in early.frames, "one encoding serves all"


async def test_time_stamps_rise(source: VideoSource) -> None:
    frames = await Viewer(source).until(6)
    assert all(later.pts > earlier.pts for earlier, later in pairwise(frames))


async def test_a_key_frame_comes_within_two_frames_of_asking(source: VideoSource) -> None:
    viewer = Viewer(source)
    enough = int(FPS * KEY_FRAME_GAP_S) + 2
    await viewer.until(enough)
    asked_at = len(viewer.frames)
    source.request_key_frame()
    frames = await viewer.until(asked_at + 2)
    keys = [frame for frame in frames[asked_at:] if frame.key]
    assert len(keys) == 1
    assert len(decode(keys)) == 1


async def test_who_stopped_gets_nothing_more(source: VideoSource) -> None:
    gone, stays = Viewer(source), Viewer(source)
    await gone.until(2)
    gone.stop()
    seen = len(gone.frames)
    await stays.until(len(stays.frames) + 3)
    assert len(gone.frames) == seen


async def test_sinks_are_called_on_the_event_loop(source: VideoSource) -> None:
    viewer = Viewer(source)
    await viewer.until(3)
    assert viewer.threads == {threading.get_ident()}


# What only the real encoder can show


async def test_the_picture_tells_when_it_was_drawn(pattern: PatternCamera) -> None:
    before = time.time()
    frames = await Viewer(pattern).until(10)
    for frame, picture in zip(frames, decode(frames), strict=True):
        told = decode_time_code(picture.to_ndarray()[: SIZE[1]])
        assert told is not None
        assert told == pytest.approx(frame.drawn_at, abs=0.001)
        assert before - 0.001 <= told <= time.time()


async def test_it_is_constrained_baseline(pattern: PatternCamera) -> None:
    (frame,) = await Viewer(pattern).until(1)
    sps = next(nal for nal in nal_units(frame.data) if nal[0] & 0x1F == SPS)
    profile, constraints = sps[1], sps[2]
    assert profile == 66
    assert constraints & 0x40, "constraint_set1_flag: decodable as Main, hence constrained"


async def test_key_frames_come_no_closer_than_the_gap(pattern: PatternCamera) -> None:
    viewer = Viewer(pattern)
    for count in range(1, 25):
        pattern.request_key_frame()
        await viewer.until(count)
    keys = [frame.drawn_at for frame in viewer.frames if frame.key]
    assert len(keys) >= 2
    assert all(later - earlier >= KEY_FRAME_GAP_S - 0.005 for earlier, later in pairwise(keys))


async def test_the_first_frame_does_not_wait_for_the_next_tick() -> None:
    """At 5 frames a second a tick is 200 ms; the first frame is there long before."""
    camera = PatternCamera(*SIZE, 5, 500_000, "slow", lambda _: None)
    camera.open()
    try:
        await Viewer(camera).until(1)  # the encoder is warm
        waits = []
        for _ in range(5):
            began = time.monotonic()
            await Viewer(camera).until(1)
            waits.append(time.monotonic() - began)
        assert sorted(waits)[2] < 0.05 * SCALE
    finally:
        camera.close()


async def test_the_pace_is_kept(pattern: PatternCamera) -> None:
    frames = await Viewer(pattern).until(FPS + 1)
    assert (frames[-1].pts - frames[0].pts) / 90_000 == pytest.approx(1.0, abs=0.1 * SCALE)
    assert frames[-1].drawn_at - frames[0].drawn_at == pytest.approx(1.0, abs=0.1 * SCALE)


async def test_nobody_watches_nothing_is_drawn(pattern: PatternCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = Viewer(pattern)
    await viewer.until(2)
    viewer.stop()
    encoded = 0
    encode = H264Encoder.encode

    def counted(self: H264Encoder, *frame: Any, key: bool) -> tuple[bytes, bool]:
        nonlocal encoded
        encoded += 1
        return encode(self, *frame, key=key)

    monkeypatch.setattr(H264Encoder, "encode", counted)
    await asyncio.sleep(10 / FPS)  # nothing is to happen: there is no event to wait for
    assert encoded <= 1  # the frame that was under way
    assert (await Viewer(pattern).until(1))[0].key


async def test_a_busy_loop_gets_a_key_frame_instead_of_old_ones(pattern: PatternCamera) -> None:
    viewer = Viewer(pattern)
    await viewer.until(int(FPS * KEY_FRAME_GAP_S) + 2)
    seen = len(viewer.frames)
    time.sleep(0.5)  # noqa: ASYNC251 - blocking the loop is the point
    stalled_until = time.time()
    frames = (await viewer.until(seen + 8))[seen:]
    old = [frame for frame in frames if frame.drawn_at < stalled_until - (PENDING_FRAMES + 1) / FPS]
    assert len(old) <= PENDING_FRAMES
    gap = next(i for i, (a, b) in enumerate(pairwise(frames)) if b.pts - a.pts > 2 * 3000) + 1 if old else 0
    assert frames[gap].key, "what follows lost frames is a key frame"


async def test_closing_may_be_repeated_and_the_camera_opened_again(pattern: PatternCamera) -> None:
    pattern.close()
    pattern.close()
    pattern.open()
    assert (await Viewer(pattern).until(1))[0].key


async def test_an_encoder_that_fails_is_a_fault_of_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    posted: asyncio.Queue[Event] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def post(event: Event) -> None:
        loop.call_soon_threadsafe(posted.put_nowait, event)

    camera = PatternCamera(*SIZE, FPS, 500_000, "", post)

    def broken(*_: Any, **__: Any) -> tuple[bytes, bool]:
        raise MemoryError("no buffers left")

    monkeypatch.setattr(H264Encoder, "encode", broken)
    camera.open()
    fault = await asyncio.wait_for(posted.get(), 5 * SCALE)
    camera.close()
    assert isinstance(fault, HardwareFault)
    assert fault.what == "camera"
    assert "no buffers left" in fault.detail


def test_a_size_that_cannot_be_encoded_is_a_hardware_error() -> None:
    with pytest.raises(HardwareError, match="camera"):
        H264Encoder(0, 0, FPS, 1_000_000)


def test_the_bit_rate_follows_while_it_runs() -> None:
    encoder = H264Encoder(*SIZE, FPS, 1_500_000)
    noise = np.random.default_rng(1)
    picture = av.VideoFrame(*SIZE, "yuv420p")
    number = 0

    def bit_rate(frames: int) -> float:
        nonlocal number
        size = 0
        for _ in range(frames):
            for plane in picture.planes:
                plane.update(noise.integers(0, 60, plane.buffer_size, np.uint8).tobytes())
            size += len(encoder.encode(picture, number * 3000, key=False)[0])
            number += 1
        return size * 8 * FPS / frames

    bit_rate(30)
    assert bit_rate(60) == pytest.approx(1_500_000, rel=0.3)
    encoder.set_bitrate(400_000)
    bit_rate(45)
    assert bit_rate(60) == pytest.approx(400_000, rel=0.3)
    encoder.set_bitrate(1)
    bit_rate(60)
    assert bit_rate(60) == pytest.approx(FLOOR_BPS, rel=0.4)
    encoder.set_bitrate(9_000_000)
    bit_rate(60)
    assert bit_rate(60) == pytest.approx(1_500_000, rel=0.3)


def nal_units(data: bytes) -> list[bytes]:
    return [unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]


def nal_types(data: bytes) -> list[int]:
    return [unit[0] & 0x1F for unit in nal_units(data)]


def decode(frames: list[EncodedFrame]) -> list[Any]:
    """The pictures, by a decoder that has seen nothing before."""
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    pictures: list[Any] = []
    for frame in frames:
        packet = av.Packet(frame.data)
        packet.pts = frame.pts
        pictures += decoder.decode(packet)
    pictures += decoder.decode(None)
    return pictures
