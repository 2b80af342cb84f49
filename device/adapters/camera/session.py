"""One camera, from claiming it to letting it go: everything that picamera2 is asked, but for its encoder.

What the library does was read in picamera2 0.3.38 and libcamera 0.7.1.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from device.adapters.camera.board import Wish, uses_hardware
from device.errors import HardwareError
from device.media.raw import FORMATS, FrameMaker, Layout
from device.ports import StreamFormat

BUFFERS = 6
"""As the library takes for video. One frame is held for who comes next; a new pace begins behind those that wait."""

Picture = Literal["main", "lores"]
"""The library's names of the two pictures that a camera can deliver at once."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CameraSetup:
    """`name`: a model or an id, or part of it; empty for the first camera. `rotation` in degrees."""

    name: str = ""
    rotation: Literal[0, 180] = 0
    mirror: bool = False
    idle: Literal["warm", "cold"] = "warm"
    encoder: Wish = "auto"


class Session:
    """`on_request` gets every frame on a thread of the library, as its CompletedRequest; it may keep it by `acquire`.

    Everything else is called on one thread. Constructing claims and configures the camera; HardwareError if it cannot
    be had. Afterwards it rests until `run`.
    """

    def __init__(
        self, setup: CameraSetup, main: StreamFormat, small: StreamFormat, on_request: Callable[[Any], None]
    ) -> None:
        self.camera = _claim(setup.name)
        try:
            wants_hardware = uses_hardware(setup.encoder)
            self._configure(setup, main, small)
            layouts = self._layouts()
            turn, mirror = self._left_to_turn(setup)
            shapes: dict[Picture, StreamFormat] = {"main": main, "lores": small}
            self.makers: dict[Picture, FrameMaker] = {
                picture: FrameMaker(layout, shapes[picture].width, shapes[picture].height, turn=turn, mirror=mirror)
                for picture, layout in layouts.items()
            }
            self.layout = layouts["main"]
            fits = not (turn or mirror) and all(
                (layout.width, layout.height) == (shapes[picture].width, shapes[picture].height)
                and layout.format in {"YUV420", "NV12"}
                for picture, layout in layouts.items()
            )
            self.hardware = wants_hardware and fits and "lores" in layouts
            if setup.encoder == "hardware" and not self.hardware:
                raise HardwareError(f'camera: the hardware encoder cannot take its {self.seen}; use encoder = "auto"')
            self.camera.post_callback = on_request
        except Exception:
            self.close()
            raise

    @property
    def seen(self) -> str:
        """What was claimed, for people."""
        model = self.camera.camera_properties.get("Model", "camera")
        return f"{model}, {self.layout.width}×{self.layout.height} {self.layout.format}"

    @property
    def running(self) -> bool:
        return bool(self.camera.started)

    def run(self, fps: int) -> None:
        """Deliver `fps` frames a second, from now on; a camera without such a control (USB) delivers what it does."""
        limits = self.camera.camera_controls.get("FrameDurationLimits")
        if limits is not None:
            shortest, longest = int(limits[0]), int(limits[1])
            duration_us = max(shortest, min(longest or 1_000_000 // fps, 1_000_000 // fps))
            # A frame that goes back to the camera takes the controls along and empties them, under this lock.
            with self.camera.request_lock:
                self.camera.set_controls({"FrameDurationLimits": (duration_us, duration_us)})
        if not self.camera.started:
            self.camera.start()

    def make(self, picture: Picture, request: Any) -> Any:
        """A frame for the encoder from one of the camera's pictures; None if it is torn."""
        from picamera2 import MappedArray  # noqa: PLC0415 - there only where libcamera is

        with MappedArray(request, picture, reshape=False, write=False) as mapped:
            return self.makers[picture].make(mapped.array)

    def rest(self) -> None:
        """The sensor is off; the camera stays ours."""
        self.camera.stop()

    def close(self) -> None:
        """Let the camera go. What goes wrong with that is logged: the next attempt to claim it will tell."""
        self.camera.post_callback = None
        try:
            self.camera.close()
        except Exception as error:  # noqa: BLE001 - the library raises whatever its threads and the kernel raised
            log.warning("camera-not-let-go", why=f"{type(error).__name__}: {error}")

    def _configure(self, setup: CameraSetup, main: StreamFormat, small: StreamFormat) -> None:
        library = _libcamera()
        formats = _formats(self.camera)
        two = self.camera.camera.generate_configuration([library.StreamRole.Viewfinder] * 2).size == 2
        pixels = next((name for name in FORMATS if name in formats), "YUV420")
        turned = setup.rotation == 180
        wanted = self.camera.create_video_configuration(
            main={"size": (main.width, main.height), "format": pixels},
            lores={"size": (small.width, small.height), "format": pixels} if two else None,
            raw=None,
            sensor=_whole_view(self.camera, main),
            transform=library.Transform(hflip=turned != setup.mirror, vflip=turned),
            buffer_count=BUFFERS,
            display=None,
            encode="main",
        )
        self.camera.configure(wanted)

    def _layouts(self) -> dict[Picture, Layout]:
        """What the camera granted, which may be something else than what was asked."""
        granted = self.camera.camera_configuration()
        pictures: tuple[Picture, ...] = ("main", "lores")
        return {
            picture: Layout(stream["format"], stream["size"][0], stream["size"][1], stream["stride"])
            for picture in pictures
            if (stream := granted.get(picture)) is not None
        }

    def _left_to_turn(self, setup: CameraSetup) -> tuple[bool, bool]:
        """What turning by 180° and mirroring the camera leaves to us: a USB camera can do neither."""
        granted = self.camera.camera_configuration()["transform"]
        turned = setup.rotation == 180
        across = (turned != setup.mirror) != bool(granted.hflip)
        down = turned != bool(granted.vflip)
        return down, across != down


def _claim(name: str) -> Any:
    """An open Picamera2 of the camera that is wanted."""
    try:
        from picamera2 import Picamera2  # noqa: PLC0415 - there only where libcamera is, and slow
    except ImportError as error:
        raise HardwareError(
            f"camera: picamera2 is not there ({error}): apt install python3-picamera2, and make the environment "
            "with --system-site-packages"
        ) from error
    cameras = Picamera2.global_camera_info()
    if not cameras:
        raise HardwareError("camera: none is connected: check its cable, with the power off, and `rpicam-hello --list`")
    chosen = [info["Num"] for info in cameras if name in (info["Id"], info.get("Model"))]
    chosen = chosen or [info["Num"] for info in cameras if name in f"{info['Id']} {info.get('Model')}"]
    if not chosen:
        there = ", ".join(str(info.get("Model") or info["Id"]) for info in cameras)
        raise HardwareError(f"camera: video.camera = {name!r}: there is none of that name, but {there}")
    number = next(place for place, info in enumerate(cameras) if info["Num"] == chosen[0])
    camera = Picamera2.__new__(Picamera2)
    try:
        camera.__init__(number)
    except Exception as error:
        _abandon(camera)
        raise HardwareError(f"camera: cannot be opened: {error}; does another program use it?") from error
    return camera


def _abandon(camera: Any) -> None:
    """Close what a failed constructor leaves open: tried again and again, it would use up every descriptor."""
    closed = False
    if camera.is_open:
        with contextlib.suppress(Exception):  # it is half made, so closing fails half-way, after letting go
            camera.close()
        closed = not camera.is_open
        camera.is_open = False  # its destructor shall not try again
    if not closed:
        camera.notifymeread.close()
        os.close(camera.notifyme_w)


def _libcamera() -> Any:
    import libcamera  # noqa: PLC0415 - as for picamera2

    return libcamera


def _formats(camera: Any) -> list[str]:
    """The names of the formats that the camera delivers."""
    roles = [_libcamera().StreamRole.Viewfinder]
    return [str(pixels) for pixels in camera.camera.generate_configuration(roles).at(0).formats.pixel_formats]


def _whole_view(camera: Any, main: StreamFormat) -> dict[str, Any]:
    """The sensor mode that sees all of the door, if there is one: left alone, libcamera may take one that is cropped.

    Of the modes that halve or quarter the sensor in both directions, which see as much as the whole, the smallest that
    is not smaller than the picture. Full resolution would be too slow; without such a mode libcamera decides.
    """
    if "ColorFilterArrangement" not in camera.camera_properties:
        return {}  # not a sensor on the Pi's own camera port
    formats = camera.camera.generate_configuration([_libcamera().StreamRole.Raw]).at(0).formats
    sizes = {(size.width, size.height) for pixels in formats.pixel_formats for size in formats.sizes(pixels)}
    across, down = camera.sensor_resolution
    binned = [(across // part, down // part) for part in (4, 2)]
    fitting = [size for size in binned if size in sizes and size[0] >= main.width and size[1] >= main.height]
    return {"output_size": fitting[0]} if fitting else {}
