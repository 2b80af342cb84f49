"""What the picamera2 adapter makes of cameras of all kinds, over a double of the library (`tests.fakes.picamera2`)."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from device.adapters.camera import CameraSetup, Picamera2Camera
from device.check import check_camera
from device.config import Config, VideoConfig
from device.core.events import Event, HardwareBack, HardwareFault
from device.media.h264 import FLOOR_BPS
from device.media.timecode import decode_time_code
from device.ports import EncodedFrame, Stream, StreamFormat
from tests.fakes import picamera2
from tests.fakes.picamera2 import Rig
from tests.harness.processes import SCALE
from tests.harness.video import IDR, PPS, SPS, decode, nal_types

SIZE, SMALL = (640, 480), (320, 240)
FORMATS: dict[Stream, StreamFormat] = {
    "main": StreamFormat(*SIZE, 30, 1_000_000),
    "small": StreamFormat(*SMALL, 15, 300_000),
    "vp8": StreamFormat(*SMALL, 15, 300_000),
}
PI_4 = ("bcm2835-isp-capture0", "bcm2835-codec-decode", "bcm2835-codec-encode")
USB = Rig(model="HD Webcam", id="/usb@1-1", streams=1, turns=False, controls=False, stride=2)

Open = Callable[..., "Door"]


class Door:
    """A camera, the machine that it is on, and what it posted."""

    def __init__(self, camera: Picamera2Camera, rig: Rig, posted: asyncio.Queue[Event]) -> None:
        self.camera, self.rig, self.posted = camera, rig, posted

    async def next_event(self) -> Event:
        return await asyncio.wait_for(self.posted.get(), 20 * SCALE)

    async def watch(self, stream: Stream = "main") -> "Watching":
        return Watching(self.camera, stream)

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(10 * SCALE):
            while not what():  # noqa: ASYNC110 - it is the double's threads that change it
                await asyncio.sleep(0.01)


class Watching:
    def __init__(self, camera: Picamera2Camera, stream: Stream) -> None:
        self.frames: list[EncodedFrame] = []
        self._got = asyncio.Event()
        self.stop = camera.watch(self._take, stream)

    def _take(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)
        self._got.set()

    async def until(self, count: int) -> list[EncodedFrame]:
        async with asyncio.timeout(20 * SCALE):
            while len(self.frames) < count:
                self._got.clear()
                await self._got.wait()
        return self.frames


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def poster(posted: asyncio.Queue[Event]) -> Callable[[Event], None]:
    loop = asyncio.get_running_loop()

    def post(event: Event) -> None:
        loop.call_soon_threadsafe(posted.put_nowait, event)

    return post


@pytest.fixture
async def door(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens a camera; no bare defaults of the daemon's own, and times that a test can wait for."""
    monkeypatch.setattr("device.adapters.camera.camera.RETRY_S", (0.05,))
    monkeypatch.setattr("device.adapters.camera.camera.SILENT_S", 1.0 * SCALE)
    monkeypatch.setattr("device.adapters.camera.camera.START_S", 1.0 * SCALE)
    with ExitStack() as stack:

        def make(rig: Rig, **setup: Any) -> Door:
            stack.enter_context(picamera2.plugged_in(monkeypatch, rig, tmp_path))
            posted: asyncio.Queue[Event] = asyncio.Queue()
            camera = Picamera2Camera(FORMATS, CameraSetup(**setup), poster(posted))
            stack.callback(camera.close)
            camera.open()
            return Door(camera, rig, posted)

        yield make


# What is read back from the camera


@pytest.mark.parametrize(
    "rig",
    [
        Rig(),
        Rig(stride=128, formats=("NV12",)),
        Rig(model="virtual", id="Virtual0", formats=("NV12",), sizes=((320, 240), (640, 480), (1280, 720))),
        Rig(formats=("NV12",), sizes=((1280, 720),)),
        USB.like(formats=("MJPEG", "YUYV"), sizes=((640, 480), (1280, 720))),
        USB.like(formats=("YUYV",), sizes=((640, 480), (320, 240))),
    ],
    ids=["YUV420", "NV12, padded", "the virtual camera", "one size only, another shape", "USB, MJPEG", "USB, YUYV"],
)
@pytest.mark.parametrize("stream", ["main", "small", "vp8"])
async def test_whatever_the_camera_delivers_the_picture_is_as_configured(door: Open, rig: Rig, stream: Stream) -> None:
    opened = door(rig)
    frames = await (await opened.watch(stream)).until(3)
    pictures = decode(frames, stream)
    assert frames[0].key
    assert {(picture.width, picture.height) for picture in pictures} == {SIZE if stream == "main" else SMALL}
    if rig.sizes != ((1280, 720),):  # there the code is cropped
        for frame, picture in zip(frames, pictures, strict=True):
            told = decode_time_code(picture.to_ndarray()[: picture.height])
            assert told == pytest.approx(frame.drawn_at, abs=0.005), "the right picture, at the right time"


async def test_a_format_that_nobody_can_read_is_named(door: Open) -> None:
    fault = await door(Rig(formats=("SRGGB10",))).next_event()
    assert isinstance(fault, HardwareFault)
    assert "SRGGB10" in fault.detail


@pytest.mark.parametrize("rig", [Rig(), USB.like(formats=("YUYV",), sizes=(SIZE,))], ids=["Pi camera", "USB"])
async def test_a_camera_mounted_upside_down_is_turned(door: Open, rig: Rig) -> None:
    """The camera turns it, or we do where it cannot: the pictures are the same."""
    opened = door(rig, rotation=180)
    still = await opened.camera.snapshot()
    assert still is not None
    rows = [still.i420[row * SIZE[0] : (row + 1) * SIZE[0]] for row in range(SIZE[1])]
    assert sum(rows[2]) / SIZE[0] < sum(rows[-3]) / SIZE[0], "the test picture is darker at the bottom, which is now up"


async def test_the_sensor_mode_sees_the_whole_door(door: Open) -> None:
    opened = door(Rig())
    await opened.until(lambda: bool(opened.rig.cameras) and opened.rig.camera.started)
    assert opened.rig.camera.configuration["sensor"] == {"output_size": (2304, 1296)}, "1536×864 is cropped"
    assert opened.rig.camera.configuration["raw"] is None


async def test_the_camera_is_chosen_by_name(door: Open) -> None:
    opened = door(Rig(), name="imx219")
    fault = await opened.next_event()
    assert isinstance(fault, HardwareFault)
    assert "imx708" in fault.detail


# Warm and cold


async def test_a_warm_camera_idles_slowly_and_is_fast_while_watched(door: Open) -> None:
    opened = door(Rig())
    await opened.until(lambda: bool(opened.rig.cameras) and opened.rig.camera.frames > 1)
    camera = opened.rig.camera
    assert camera.durations_us == [100_000]
    assert (await opened.camera.snapshot()) is not None
    watching = await opened.watch()
    await watching.until(2)
    assert camera.durations_us[-1] == 33_333
    watching.stop()
    await opened.until(lambda: camera.durations_us[-1] == 100_000)
    assert camera.started


async def test_who_comes_to_a_warm_camera_gets_the_frame_that_it_has(door: Open) -> None:
    """Not the next one, which may be a tenth of a second away: the sensor is stopped, and still there is a picture."""
    opened = door(Rig())
    await opened.until(lambda: bool(opened.rig.cameras) and opened.rig.camera.frames > 2)
    opened.rig.plugged = False
    frames = await (await opened.watch()).until(1)
    assert frames[0].key


async def test_a_cold_camera_does_not_run_until_it_is_watched(door: Open) -> None:
    opened = door(Rig(), idle="cold")
    await opened.until(lambda: bool(opened.rig.cameras))
    camera = opened.rig.camera
    watching = await opened.watch()
    assert (await watching.until(2))[0].key
    watching.stop()
    await opened.until(lambda: not camera.started)
    seen = camera.frames
    assert (await (await opened.watch("vp8")).until(1))[0].key
    assert camera.frames > seen
    assert len(opened.rig.cameras) == 1, "it was ours all the time"
    assert opened.posted.empty()


async def test_frames_are_given_back(door: Open) -> None:
    """A camera stalls without its buffers: idle or watched, it would not come to so many if a few were lost."""
    opened = door(Rig())
    await opened.until(lambda: bool(opened.rig.cameras) and opened.rig.camera.frames > 2 * picamera2.BUFFERS)
    await (await opened.watch()).until(5 * picamera2.BUFFERS)
    assert opened.posted.empty()


# The encoder


@pytest.mark.parametrize(
    ("board", "encoder", "rig", "hardware"),
    [
        (PI_4, "auto", Rig(), True),
        (PI_4, "software", Rig(), False),
        (PI_4, "hardware", Rig(), True),
        (PI_4, "auto", USB.like(formats=("MJPEG",), sizes=(SIZE,)), False),
        (("pispbe",), "auto", Rig(), False),
        ((), "auto", Rig(), False),
    ],
    ids=["Pi 4", "Pi 4, software", "Pi 4, hardware", "Pi 4, USB camera", "Pi 5", "no Pi"],
)
async def test_the_board_decides_who_encodes(
    door: Open, board: tuple[str, ...], encoder: str, rig: Rig, hardware: bool
) -> None:
    opened = door(rig.like(board=board), encoder=encoder)
    main, vp8 = await opened.watch(), await opened.watch("vp8")
    await main.until(2)
    await vp8.until(2)
    assert [one.name for one in opened.rig.camera.encoders] == (["main"] if hardware else [])
    assert len(decode(main.frames)) == len(main.frames)
    assert len(decode(vp8.frames, "vp8")) == len(vp8.frames)


async def test_hardware_that_is_not_there_is_a_fault(door: Open) -> None:
    fault = await door(Rig(), encoder="hardware").next_event()
    assert isinstance(fault, HardwareFault)
    assert "bcm2835-codec-encode" in fault.detail


async def test_the_hardware_encoder_runs_only_while_it_is_watched(door: Open) -> None:
    opened = door(Rig(board=PI_4))
    main, small = await opened.watch(), await opened.watch("small")
    await main.until(3)
    await small.until(3)
    assert {one.name for one in opened.rig.camera.encoders} == {"main", "lores"}
    main.stop()
    small.stop()
    await opened.until(lambda: not opened.rig.camera.encoders)


async def test_every_key_frame_of_the_hardware_carries_its_parameter_sets(door: Open) -> None:
    opened = door(Rig(board=PI_4))
    watching = await opened.watch()
    frames = await watching.until(12)
    opened.camera.request_key_frame()
    await watching.until(len(frames) + 4)
    keys = [frame for frame in watching.frames if frame.key]
    assert len(keys) == 2
    for key in keys:
        assert [kind for kind in nal_types(key.data) if kind in (SPS, PPS, IDR)][:3] == [SPS, PPS, IDR]
        assert len(decode([key])) == 1


async def test_the_bit_rate_reaches_the_running_hardware(door: Open) -> None:
    opened = door(Rig(board=PI_4))
    watching = await opened.watch()
    await watching.until(2)
    for asked, held in ((600_000, 600_000), (1, FLOOR_BPS), (9_000_000, 1_000_000)):
        opened.camera.set_bitrate(asked)
        await opened.until(lambda held=held: opened.rig.bitrates[-1:] == [(SIZE[0], held)])  # type: ignore[misc]
    opened.camera.set_bitrate(200_000, "small")
    small = await opened.watch("small")
    await small.until(2)
    assert {one.name: one.bitrate for one in opened.rig.camera.encoders}["lores"] == 200_000


# Faults and recovery


@pytest.mark.parametrize("board", [PI_4, ("pispbe",)], ids=["hardware", "software"])
async def test_a_camera_unplugged_in_a_call_is_one_fault_and_viewers_go_on_when_it_returns(
    door: Open, board: tuple[str, ...]
) -> None:
    opened = door(Rig(board=board))
    main, vp8 = await opened.watch(), await opened.watch("vp8")
    await main.until(3)
    await vp8.until(3)
    opened.rig.plugged = False
    fault = await opened.next_event()
    assert isinstance(fault, HardwareFault)
    assert fault.what == "camera"
    assert "cable" in fault.detail
    await opened.until(lambda: not opened.rig.camera.is_open)
    before = len(main.frames), len(vp8.frames)
    opened.rig.plugged = True
    assert await opened.next_event() == HardwareBack("camera"), "and not a second fault"
    assert (await main.until(before[0] + 3))[before[0]].key
    assert (await vp8.until(before[1] + 3))[before[1]].key
    assert len(decode(main.frames)) == len(main.frames)
    assert len(opened.rig.cameras) == 2


async def test_an_idle_camera_that_falls_silent_is_noticed(door: Open) -> None:
    opened = door(Rig())
    await opened.until(lambda: bool(opened.rig.cameras) and opened.rig.camera.frames > 1)
    opened.rig.plugged = False
    assert isinstance(await opened.next_event(), HardwareFault)
    opened.rig.plugged = True
    assert await opened.next_event() == HardwareBack("camera")


async def test_a_camera_that_comes_late_is_taken(door: Open) -> None:
    opened = door(Rig(plugged=False))
    watching = await opened.watch()
    fault = await opened.next_event()
    assert isinstance(fault, HardwareFault)
    assert "none is connected" in fault.detail
    opened.rig.plugged = True
    assert await opened.next_event() == HardwareBack("camera")
    assert (await watching.until(1))[0].key


async def test_a_busy_camera_is_tried_again_without_using_up_descriptors(door: Open) -> None:
    opened = door(Rig(busy=True))
    assert isinstance(await opened.next_event(), HardwareFault)
    await asyncio.sleep(0.2)
    before = descriptors()
    await asyncio.sleep(1)  # some twenty attempts
    assert descriptors() <= before + 2
    opened.rig.busy = False
    assert await opened.next_event() == HardwareBack("camera")


async def test_without_the_library_the_fault_says_what_to_install(monkeypatch: pytest.MonkeyPatch, door: Open) -> None:
    opened = door(Rig(plugged=False))
    await opened.next_event()
    opened.camera.close()
    monkeypatch.setitem(sys.modules, "picamera2", None)
    posted: asyncio.Queue[Event] = asyncio.Queue()
    camera = Picamera2Camera(FORMATS, CameraSetup(), poster(posted))
    camera.open()
    fault = await asyncio.wait_for(posted.get(), 5 * SCALE)
    camera.close()
    assert isinstance(fault, HardwareFault)
    assert "apt install python3-picamera2" in fault.detail


async def test_check_takes_a_picture_and_says_why_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, door: Open
) -> None:
    config = Config(
        identity="", state="", control_socket="", button={}, video=VideoConfig(source="camera", width=640, height=480)
    )
    opened = door(Rig())
    opened.camera.close()
    row = await check_camera(config)
    assert row.ok, row.seen
    assert "640×480, first picture after" in row.seen
    opened.rig.plugged = False
    row = await check_camera(config)
    assert not row.ok
    assert "none is connected" in row.seen
    assert "rpicam-hello --list-cameras" in row.remedy
    monkeypatch.setattr("device.check.CAMERA_S", 0.2)
    monkeypatch.setattr(picamera2.Picamera2, "global_camera_info", staticmethod(lambda: time.sleep(1)))
    assert "no picture within" in (await check_camera(config)).seen


@pytest.mark.parametrize("step", ["__init__", "close"])
async def test_opening_and_losing_the_camera_never_blocks_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, door: Open, step: str
) -> None:
    """The library's call returns when the loop has turned, and so never, were it the loop that made it."""
    loop, turned, entered = asyncio.get_running_loop(), threading.Event(), asyncio.Event()
    real = getattr(picamera2.Picamera2, step)
    in_time: list[bool] = []

    def hanging(self: picamera2.Picamera2, *args: Any) -> None:
        loop.call_soon_threadsafe(entered.set)
        in_time.append(turned.wait(10 * SCALE))
        real(self, *args)

    monkeypatch.setattr(picamera2.Picamera2, step, hanging)
    opened = door(Rig())
    if step == "close":
        await (await opened.watch()).until(2)
        opened.rig.plugged = False
    await asyncio.wait_for(entered.wait(), 20 * SCALE)
    turned.set()
    if step == "close":
        assert isinstance(await opened.next_event(), HardwareFault)
        await opened.until(lambda: not opened.rig.camera.is_open)
    else:
        await (await opened.watch()).until(1)
    assert in_time[0]
