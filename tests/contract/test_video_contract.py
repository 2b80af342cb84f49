"""The camera's contract: on the fake, on the test picture with its real encoders, on picamera2 where there is a camera
for it, and everywhere on our adapter of it over a double of that library. For each stream."""

import asyncio
import contextlib
import statistics
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from device.adapters.camera import CameraSetup, Picamera2Camera
from device.adapters.pattern import PatternCamera
from device.core.events import Event, HardwareFault
from device.media.delivery import KEY_FRAME_GAP_S, PENDING_FRAMES
from device.media.h264 import H264Encoder
from device.media.timecode import decode_time_code
from device.media.vp8 import Vp8Encoder
from device.ports import EncodedFrame, Stream, StreamFormat, VideoSource
from tests.fakes import picamera2
from tests.fakes.media import FakeVideoSource
from tests.harness.processes import SCALE
from tests.harness.video import IDR, PPS, SPS, decode, nal_types, nal_units

SIZE, SMALL = (640, 480), (320, 240)
FPS, SMALL_FPS = 30, 15
CLOCK_HZ = 90_000
STREAMS: list[Stream] = ["main", "small", "vp8"]
FORMATS: dict[Stream, StreamFormat] = {
    "main": StreamFormat(*SIZE, FPS, 1_000_000),
    "small": StreamFormat(*SMALL, SMALL_FPS, 300_000),
    "vp8": StreamFormat(*SMALL, SMALL_FPS, 300_000),
}


class Viewer:
    """A sink that keeps what it got, and from which thread."""

    def __init__(self, source: VideoSource, stream: Stream = "main") -> None:
        self.frames: list[EncodedFrame] = []
        self.threads: set[int] = set()
        self._source = source
        self._stream = stream
        self._got = asyncio.Event()
        self.stop: Callable[[], None] = source.watch(self._take, stream)

    def _take(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)
        self.threads.add(threading.get_ident())
        self._got.set()

    async def until(self, count: int) -> list[EncodedFrame]:
        """The first `count` frames; a fake camera shows as many as are missing."""
        while len(self.frames) < count:
            self._got.clear()
            if isinstance(self._source, FakeVideoSource):
                self._source.show(self._stream)
            else:
                await asyncio.wait_for(self._got.wait(), 5 * SCALE)
        return self.frames[:count]


@pytest.fixture
async def pattern() -> AsyncIterator[PatternCamera]:
    posted: list[Event] = []
    camera = PatternCamera(FORMATS, "home · front-door", posted.append)
    camera.open()
    yield camera
    camera.close()
    assert posted == []


@pytest.fixture(params=["fake", "pattern", "picamera2 double, software", "picamera2 double, hardware", "picamera2"])
async def source(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[VideoSource]:
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(_made(request.param, monkeypatch, tmp_path))
        made.open()
        yield made
        made.close()


@contextlib.contextmanager
def _made(which: str, patch: pytest.MonkeyPatch, folder: Path) -> Iterator[VideoSource]:
    match which:
        case "fake":
            yield FakeVideoSource(*SIZE)
        case "pattern":
            yield PatternCamera(FORMATS, "home · front-door", lambda _: None)
        case "picamera2":
            pytest.importorskip("picamera2", reason="picamera2 and libcamera are not installed on this machine")
            yield Picamera2Camera(FORMATS, CameraSetup(), lambda _: None)
        case _:
            board = ("bcm2835-codec-encode",) if which.endswith("hardware") else ("pispbe",)
            with picamera2.plugged_in(patch, picamera2.Rig(board=board), folder):
                yield Picamera2Camera(FORMATS, CameraSetup(), lambda _: None)


every_stream = pytest.mark.parametrize("stream", STREAMS)


@every_stream
async def test_a_newcomer_starts_with_a_key_frame_that_decodes(source: VideoSource, stream: Stream) -> None:
    first, *rest = await Viewer(source, stream).until(5)
    assert first.key
    assert not any(frame.key for frame in rest)
    pictures = decode([first, *rest], stream)
    assert [(picture.width, picture.height) for picture in pictures] == [SIZE if stream == "main" else SMALL] * 5


@pytest.mark.parametrize("stream", ["main", "small"])
async def test_h264_is_annex_b_with_its_parameter_sets(source: VideoSource, stream: Stream) -> None:
    frames = await Viewer(source, stream).until(5)
    assert [kind for kind in nal_types(frames[0].data) if kind in (SPS, PPS, IDR)][:3] == [SPS, PPS, IDR]
    assert all(frame.data.startswith((b"\0\0\1", b"\0\0\0\1")) for frame in frames)


@every_stream
async def test_a_second_viewer_starts_with_a_key_frame_too(source: VideoSource, stream: Stream) -> None:
    early = Viewer(source, stream)
    await early.until(3)
    late = Viewer(source, stream)
    frames = await late.until(2)
    assert frames[0].key
    assert len(decode(frames, stream)) == 2
    assert frames[0] in early.frames, "one encoding serves all"


async def test_streams_are_watched_apart(source: VideoSource) -> None:
    main, vp8 = Viewer(source, "main"), Viewer(source, "vp8")
    await main.until(3)
    await vp8.until(3)
    main.stop()
    seen = len(main.frames)
    await vp8.until(len(vp8.frames) + 3)
    assert len(main.frames) == seen
    assert len(decode(vp8.frames, "vp8")) == len(vp8.frames)


async def test_who_moves_to_another_stream_goes_on_from_its_key_frame_on_the_same_clock(source: VideoSource) -> None:
    main = Viewer(source, "main")
    await main.until(4)
    main.stop()
    small = Viewer(source, "small")
    frames = await small.until(2)
    main_again = Viewer(source, "main")
    moved = [main.frames[-1], *frames, *await main_again.until(1)]
    assert [frame.key for frame in moved] == [False, True, False, True]
    assert all(later.pts >= earlier.pts for earlier, later in pairwise(moved)), "of one picture they may be equal"
    if not isinstance(source, FakeVideoSource):
        for earlier, later in pairwise(moved):
            assert (later.pts - earlier.pts) / CLOCK_HZ == pytest.approx(later.drawn_at - earlier.drawn_at, abs=0.02)


@every_stream
async def test_time_stamps_rise(source: VideoSource, stream: Stream) -> None:
    frames = await Viewer(source, stream).until(6)
    assert all(later.pts > earlier.pts for earlier, later in pairwise(frames))


@every_stream
async def test_a_key_frame_comes_within_two_frames_of_asking(source: VideoSource, stream: Stream) -> None:
    viewer = Viewer(source, stream)
    enough = int(FPS * KEY_FRAME_GAP_S) + 2
    await viewer.until(enough)
    asked_at = len(viewer.frames)
    source.request_key_frame(stream)
    frames = await viewer.until(asked_at + 2)
    keys = [frame for frame in frames[asked_at:] if frame.key]
    assert len(keys) == 1
    assert len(decode(keys, stream)) == 1


@every_stream
async def test_key_frames_come_no_closer_than_the_gap(source: VideoSource, stream: Stream) -> None:
    viewer = Viewer(source, stream)
    for count in range(1, 25):
        source.request_key_frame(stream)
        await viewer.until(count)
    keys = [frame.pts / CLOCK_HZ for frame in viewer.frames if frame.key]
    assert len(keys) >= 2
    assert all(later - earlier >= KEY_FRAME_GAP_S - 0.005 for earlier, later in pairwise(keys))


async def test_asking_for_one_stream_s_key_frame_leaves_the_others_alone(source: VideoSource) -> None:
    main, small = Viewer(source, "main"), Viewer(source, "small")
    await main.until(int(FPS * KEY_FRAME_GAP_S) + 2)
    await small.until(int(FPS * KEY_FRAME_GAP_S) + 2)
    main_before, small_before = len(main.frames), len(small.frames)
    source.request_key_frame("small")
    assert any(frame.key for frame in (await small.until(small_before + 2))[small_before:])
    assert not any(frame.key for frame in (await main.until(main_before + 4))[main_before:])


async def test_who_stopped_gets_nothing_more(source: VideoSource) -> None:
    gone, stays = Viewer(source), Viewer(source)
    await gone.until(2)
    gone.stop()
    gone.stop()
    seen = len(gone.frames)
    await stays.until(len(stays.frames) + 3)
    assert len(gone.frames) == seen


@every_stream
async def test_sinks_are_called_on_the_event_loop(source: VideoSource, stream: Stream) -> None:
    viewer = Viewer(source, stream)
    await viewer.until(3)
    assert viewer.threads == {threading.get_ident()}


async def test_a_picture_is_had_while_nobody_watches_and_while_somebody_does(source: VideoSource) -> None:
    for _ in range(2):
        before = time.time()
        still = await source.snapshot()
        assert still is not None
        assert (still.width, still.height) == SIZE
        assert len(still.i420) == SIZE[0] * SIZE[1] * 3 // 2
        assert before - 1 <= still.taken_at <= time.time(), "the camera's last frame will do"
        await Viewer(source).until(1)


# What only the real encoders can show


@every_stream
async def test_the_picture_tells_when_it_was_drawn(pattern: PatternCamera, stream: Stream) -> None:
    before = time.time()
    frames = await Viewer(pattern, stream).until(10)
    for frame, picture in zip(frames, decode(frames, stream), strict=True):
        told = decode_time_code(picture.to_ndarray()[: picture.height])
        assert told is not None
        assert told == pytest.approx(frame.drawn_at, abs=0.001)
        assert before - 0.001 <= told <= time.time()


@pytest.mark.parametrize("stream", ["main", "small"])
async def test_it_is_constrained_baseline(pattern: PatternCamera, stream: Stream) -> None:
    (frame,) = await Viewer(pattern, stream).until(1)
    sps = next(nal for nal in nal_units(frame.data) if nal[0] & 0x1F == SPS)
    profile, constraints = sps[1], sps[2]
    assert profile == 66
    assert constraints & 0x40, "constraint_set1_flag: decodable as Main, hence constrained"


@every_stream
async def test_the_first_frame_does_not_wait_for_the_next_tick(stream: Stream) -> None:
    """At 5 frames a second a tick is 200 ms; the first frame is there long before."""
    formats = dict.fromkeys(STREAMS, StreamFormat(*SIZE, 5, 500_000))
    camera = PatternCamera(formats, "slow", lambda _: None)
    camera.open()
    try:
        await Viewer(camera, stream).until(1)  # the encoder is warm
        waits = []
        for _ in range(5):
            began = time.monotonic()
            await Viewer(camera, stream).until(1)
            waits.append(time.monotonic() - began)
        assert sorted(waits)[2] < 0.05 * SCALE
    finally:
        camera.close()


@every_stream
async def test_the_pace_is_kept(pattern: PatternCamera, stream: Stream) -> None:
    others: list[Stream] = [other for other in STREAMS if other != stream]
    _ = [Viewer(pattern, other) for other in others]  # whoever else is watching
    fps = FORMATS[stream].fps
    frames = await Viewer(pattern, stream).until(fps + 1)
    # A machine with more to do than it can leaves frames out: what it does not leave out comes at its time.
    stamps = [statistics.median(b.pts - a.pts for a, b in pairwise(frames)) * fps / CLOCK_HZ]
    stamps.append(statistics.median(b.drawn_at - a.drawn_at for a, b in pairwise(frames)) * fps)
    assert stamps == pytest.approx([1.0, 1.0], abs=0.3)
    drawn = frames[-1].drawn_at - frames[0].drawn_at
    assert (frames[-1].pts - frames[0].pts) / CLOCK_HZ == pytest.approx(drawn, abs=1 / fps)


async def test_only_what_is_watched_is_encoded(pattern: PatternCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[tuple[type, int]] = []
    for made in (H264Encoder, Vp8Encoder):
        monkeypatch.setattr(made, "encode", _counted(made, encoded))
    viewer = Viewer(pattern)
    await viewer.until(5)
    assert set(encoded) == {(H264Encoder, SIZE[0])}
    vp8 = Viewer(pattern, "vp8")
    await vp8.until(2)
    vp8.stop()
    viewer.stop()
    assert set(encoded) == {(H264Encoder, SIZE[0]), (Vp8Encoder, SMALL[0])}
    encoded.clear()
    await asyncio.sleep(10 / FPS)  # nothing is to happen: there is no event to wait for
    assert len(encoded) <= 2  # the frame that was under way
    assert (await Viewer(pattern).until(1))[0].key


def _counted(made: type, encoded: list[tuple[type, int]]) -> Callable[..., tuple[bytes, bool]]:
    encode = made.encode  # type: ignore[attr-defined] # either encoder

    def counted(self: Any, frame: Any, pts: int, *, key: bool) -> tuple[bytes, bool]:
        encoded.append((made, frame.width))
        done: tuple[bytes, bool] = encode(self, frame, pts, key=key)
        return done

    return counted


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


async def test_closing_may_be_repeated_and_who_watches_goes_on_after_opening_again(pattern: PatternCamera) -> None:
    viewer = Viewer(pattern)
    await viewer.until(2)
    pattern.close()
    pattern.close()
    await asyncio.sleep(0)  # what was handed over already
    seen = len(viewer.frames)
    pattern.open()
    frames = (await viewer.until(seen + 2))[seen:]
    assert [frame.key for frame in frames] == [True, False]
    assert frames[0].pts > viewer.frames[seen - 1].pts


async def test_a_camera_without_pictures_gives_no_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.media.streams.SNAPSHOT_S", 0.05)
    camera = PatternCamera(FORMATS, "", lambda _: None)
    assert await camera.snapshot() is None  # it was never opened


async def test_an_encoder_that_fails_is_a_fault_of_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    posted: asyncio.Queue[Event] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def post(event: Event) -> None:
        loop.call_soon_threadsafe(posted.put_nowait, event)

    camera = PatternCamera(FORMATS, "", post)

    def broken(*_: Any, **__: Any) -> tuple[bytes, bool]:
        raise MemoryError("no buffers left")

    monkeypatch.setattr(H264Encoder, "encode", broken)
    camera.open()
    fault = await asyncio.wait_for(posted.get(), 5 * SCALE)
    camera.close()
    assert isinstance(fault, HardwareFault)
    assert fault.what == "camera"
    assert "no buffers left" in fault.detail
