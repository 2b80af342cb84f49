"""As much of picamera2 and libcamera as the camera adapter uses: a double of the libraries' surface, not of the port.

Checked by hand against picamera2 0.3.38 (picamera2.py, request.py, encoders/, previews/null_preview.py) and libcamera
0.7.1 (the `virtual` and `uvcvideo` pipelines); where both can be imported, the contract suite runs on the real ones.
What it keeps to: a camera has BUFFERS frames and stalls when they are not given back; controls travel with a frame that
goes back; callbacks come on a thread of the camera's, under its lock; a constructor that fails leaves a pipe open; an
unplugged camera falls silent and raises nothing.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from device.media.picture import TestPicture
from device.media.raw import writable_planes
from tests.fakes.picamera2_encoder import H264Encoder, Output, packed

BUFFERS = 6


@dataclass
class Rig:
    """The machine: what is plugged in, and what was done to it."""

    model: str = "imx708"
    id: str = "/base/axi/pcie/i2c@88000/imx708@1a"
    formats: tuple[str, ...] = ("YUV420", "NV12")
    sizes: tuple[tuple[int, int], ...] = ()
    """The only ones there are; none means any."""
    streams: int = 2
    turns: bool = True
    """Whether the camera itself turns and mirrors."""
    stride: int = 64
    """Lines are padded to a multiple of this."""
    controls: bool = True
    plugged: bool = True
    busy: bool = False
    board: tuple[str, ...] = ("pispbe",)
    """The names of its video devices; a Pi up to the 4 has `bcm2835-codec-encode` among them."""
    cameras: "list[Picamera2]" = field(default_factory=list)
    bitrates: list[tuple[int, int]] = field(default_factory=list)

    def like(self, **other: Any) -> "Rig":
        """The same machine but for this, and nothing done to it yet."""
        return replace(self, cameras=[], bitrates=[], **other)

    @property
    def camera(self) -> "Picamera2":
        """The one that was opened last."""
        return self.cameras[-1]


RIG = Rig()


class Transform:
    def __init__(self, hflip: bool = False, vflip: bool = False) -> None:
        self.hflip, self.vflip = hflip, vflip


class _Configuration:
    """What `generate_configuration` gives: as many streams as the camera has, whatever was asked."""

    def __init__(self, count: int, formats: dict[str, list[tuple[int, int]]]) -> None:
        self.size = count
        self._formats = formats

    def at(self, _: int) -> Any:
        sizes = {name: [SimpleNamespace(width=w, height=h) for w, h in each] for name, each in self._formats.items()}
        return SimpleNamespace(formats=SimpleNamespace(pixel_formats=list(sizes), sizes=lambda name: sizes[name]))


class Picamera2:
    """One camera; `RIG` says which."""

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [{"Model": RIG.model, "Id": RIG.id, "Num": 0, "Location": 2, "Rotation": 0}] if RIG.plugged else []

    def __init__(self, camera_num: int = 0) -> None:
        self.notifyme_r, self.notifyme_w = os.pipe()
        self.notifymeread = os.fdopen(self.notifyme_r, "rb")
        self.is_open = False
        if camera_num >= len(self.global_camera_info()):
            raise RuntimeError(f"No camera number {camera_num} found")
        if RIG.busy:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.is_open = True
        self.started = False
        self.lock = threading.Lock()
        self.request_lock = threading.Lock()
        self.post_callback: Any = None
        self.sensor_resolution = (4608, 2592)
        self.camera = self
        self.durations_us: list[int] = []
        self.frames = 0
        self.free = threading.Semaphore(BUFFERS)
        self.encoders: set[Any] = set()
        self._pending: dict[str, Any] = {}
        self._duration_us = 33_333
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pictures: dict[str, TestPicture] = {}
        self.configuration: dict[str, Any] = {}
        RIG.cameras.append(self)

    @property
    def camera_properties(self) -> dict[str, Any]:
        return {"Model": RIG.model} | ({"ColorFilterArrangement": 0} if "/usb" not in RIG.id else {})

    @property
    def camera_controls(self) -> dict[str, tuple[int, int, int]]:
        return {"FrameDurationLimits": (16_666, 1_000_000, 33_333)} if RIG.controls else {}

    def generate_configuration(self, roles: list[str]) -> _Configuration:
        if "Raw" in roles:
            return _Configuration(1, {"SRGGB10": [(1536, 864), (2304, 1296), (4608, 2592)]})
        return _Configuration(min(RIG.streams, len(roles)), {name: list(RIG.sizes) for name in RIG.formats})

    def create_video_configuration(self, **wanted: Any) -> dict[str, Any]:
        assert set(wanted) <= {
            "main", "lores", "raw", "transform", "colour_space", "buffer_count", "controls", "display", "encode",
            "queue", "sensor", "use_case",
        }  # fmt: skip
        return wanted

    def configure(self, wanted: dict[str, Any]) -> None:
        assert not self.started
        assert wanted["buffer_count"] == BUFFERS
        assert wanted["lores"] is None or RIG.streams > 1, "libcamera would read past the end of its streams"
        self.configuration = dict(wanted)
        for name in ("main", "lores"):
            if wanted[name] is not None:
                self.configuration[name] = self._granted(wanted[name])
        if not RIG.turns:
            self.configuration["transform"] = Transform()

    def _granted(self, stream: dict[str, Any]) -> dict[str, Any]:
        size = stream["size"]
        if RIG.sizes and size not in RIG.sizes:
            size = max(RIG.sizes)
        name = stream["format"] if stream["format"] in RIG.formats else RIG.formats[0]
        line = size[0] * 2 if name == "YUYV" else size[0]
        stride = 0 if name == "MJPEG" else -(-line // RIG.stride) * RIG.stride
        return {"format": name, "size": size, "stride": stride, "framesize": 0}

    def camera_configuration(self) -> dict[str, Any]:
        return self.configuration

    def set_controls(self, controls: dict[str, Any]) -> None:
        assert self.request_lock.locked(), "a frame that goes back meanwhile would lose it"
        for name in controls:
            if name not in self.camera_controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        self._pending.update(controls)
        self.durations_us.append(controls["FrameDurationLimits"][0])

    def start(self) -> None:
        assert self.configuration
        self._take_controls()
        self.started = True
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="picamera2", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._stopping.set()
            self._thread.join()
            self._thread = None
        self.started = False

    def close(self) -> None:
        if self.is_open:
            self.stop()
            self.is_open = False
            self.notifymeread.close()
            os.close(self.notifyme_w)

    def start_encoder(self, encoder: Any, output: Any, name: str) -> None:
        stream = self.configuration[name]
        encoder.start(output, stream["size"], stream["format"])
        encoder.name = name
        with self.lock:
            self.encoders.add(encoder)

    def stop_encoder(self, encoder: Any) -> None:
        encoder.stop()
        with self.lock:
            self.encoders.remove(encoder)

    def _take_controls(self) -> None:
        self._duration_us = self._pending.get("FrameDurationLimits", (self._duration_us, 0))[0]
        self._pending = {}

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._duration_us / 1e6, time.monotonic() - 0.1)
            if not RIG.plugged or not self.free.acquire(blocking=False):
                continue  # unplugged, or every frame is still with the application
            with self.lock:
                request = CompletedRequest(self)
                self.frames += 1
                if self.post_callback is not None:
                    self.post_callback(request)
                for encoder in self.encoders:
                    encoder.encode(request)
            request.release()

    def draw(self, name: str, at: float) -> NDArray[np.uint8]:
        """The stream's buffer with the test picture of `at` in it."""
        stream = self.configuration[name]
        picture = self._pictures.setdefault(name, TestPicture(stream["size"][0], stream["size"][1], "double"))
        frame = picture.draw(at)
        transform = self.configuration["transform"]
        down, across = slice(None, None, -1 if transform.vflip else 1), slice(None, None, -1 if transform.hflip else 1)
        planes = [plane[down, across] for plane in writable_planes(frame)]
        return packed(stream["format"], planes, stream["stride"], frame)


class CompletedRequest:
    def __init__(self, camera: Picamera2) -> None:
        self.picam2 = camera
        self.monotonic, self.wall = time.monotonic(), time.time()
        self._uses = 1

    def acquire(self) -> None:
        with self.picam2.request_lock:
            assert self._uses > 0
            self._uses += 1

    def release(self) -> None:
        with self.picam2.request_lock:
            self._uses -= 1
            assert self._uses >= 0, "released more often than acquired"
            if self._uses == 0:
                self.picam2._take_controls()
                self.picam2.free.release()

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": int(self.monotonic * 1e9), "ExposureTime": 10_000}


class MappedArray:
    def __init__(self, request: CompletedRequest, stream: str, reshape: bool = True, write: bool = True) -> None:
        assert not reshape
        assert request._uses > 0
        self.array = request.picam2.draw(stream, request.wall)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def ioctl(device: Any, request: int, argument: bytes) -> int:
    """In the place of `fcntl.ioctl`: the encoder's device takes a bit rate."""
    assert request == 0xC008561C
    control, value = np.frombuffer(argument, "<u4")
    assert control == 0x009909CF
    RIG.bitrates.append((device.encoder.context.width, int(value)))
    return 0


@contextmanager
def plugged_in(patch: pytest.MonkeyPatch, rig: Rig, folder: Path) -> Iterator[Rig]:
    """Puts the double in the libraries' place, with this camera plugged in; `folder` holds what the kernel lists."""
    global RIG  # noqa: PLW0603 - the libraries are global too
    modules: dict[str, dict[str, Any]] = {
        "picamera2": {"Picamera2": Picamera2, "MappedArray": MappedArray},
        "picamera2.encoders": {},
        "picamera2.encoders.h264_encoder": {"H264Encoder": H264Encoder},
        "picamera2.outputs": {"Output": Output},
        "libcamera": {"Transform": Transform, "StreamRole": SimpleNamespace(Viewfinder="Viewfinder", Raw="Raw")},
    }
    for name, members in modules.items():
        module = ModuleType(name)
        module.__dict__.update(members)
        patch.setitem(sys.modules, name, module)
    patch.setattr("device.adapters.camera.hardware.fcntl", SimpleNamespace(ioctl=ioctl))
    for number, name in enumerate(rig.board):
        (folder / f"video{10 + number}").mkdir()
        (folder / f"video{10 + number}" / "name").write_text(f"{name}\n")
    patch.setattr("device.adapters.camera.board.DEVICES", folder)
    before, RIG = RIG, rig
    try:
        yield rig
    finally:
        RIG = before
