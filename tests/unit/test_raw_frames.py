"""What cameras deliver becomes the same picture, whatever its format."""

from typing import Any

import numpy as np
import pytest

from device.errors import HardwareError
from device.media.picture import TestPicture
from device.media.raw import FrameMaker, Layout, Plane, cropped, writable_planes
from tests.fakes.picamera2_encoder import packed

WIDTH, HEIGHT = 320, 240


def picture() -> Any:
    return TestPicture(WIDTH, HEIGHT, "raw").draw(1_790_000_000.0)


def deliver(pixels: str, stride: int) -> Plane:
    frame = picture()
    return packed(pixels, list(writable_planes(frame)), stride, frame)


@pytest.mark.parametrize(("pixels", "stride"), [("YUV420", 320), ("YUV420", 384), ("NV12", 320), ("NV12", 512)])
def test_planar_formats_are_taken_without_loss_and_without_their_padding(pixels: str, stride: int) -> None:
    made = FrameMaker(Layout(pixels, WIDTH, HEIGHT, stride), WIDTH, HEIGHT).make(deliver(pixels, stride))
    for plane, wanted in zip(writable_planes(made), writable_planes(picture()), strict=True):
        assert np.array_equal(plane, wanted)


@pytest.mark.parametrize(("pixels", "stride"), [("YUYV", 640), ("MJPEG", 0)])
def test_the_other_formats_come_close(pixels: str, stride: int) -> None:
    made = FrameMaker(Layout(pixels, WIDTH, HEIGHT, stride), WIDTH, HEIGHT).make(deliver(pixels, stride))
    for plane, wanted in zip(writable_planes(made), writable_planes(picture()), strict=True):
        assert np.abs(plane.astype(int) - wanted).mean() < 2, "studio range, and every plane in its place"


def test_a_frame_shares_nothing_with_the_camera_s_buffer() -> None:
    buffer = deliver("YUV420", 320).copy()
    made = FrameMaker(Layout("YUV420", WIDTH, HEIGHT, 320), WIDTH, HEIGHT).make(buffer)
    before = writable_planes(made)[0].copy()
    buffer[:] = 0
    assert np.array_equal(writable_planes(made)[0], before)


@pytest.mark.parametrize("broken", [b"", b"\xff\xd8\xff", bytes(4096)])
def test_a_torn_picture_is_none(broken: bytes) -> None:
    maker = FrameMaker(Layout("MJPEG", WIDTH, HEIGHT, 0), WIDTH, HEIGHT)
    assert maker.make(np.frombuffer(broken, np.uint8)) is None
    assert maker.make(deliver("MJPEG", 0)) is not None, "and the next one is taken again"


@pytest.mark.parametrize(
    ("turn", "mirror", "down", "across"),
    [(False, False, 1, 1), (True, False, -1, -1), (False, True, 1, -1), (True, True, -1, 1)],
)
def test_turning_and_mirroring(turn: bool, mirror: bool, down: int, across: int) -> None:
    maker = FrameMaker(Layout("YUV420", WIDTH, HEIGHT, 320), WIDTH, HEIGHT, turn=turn, mirror=mirror)
    made = maker.make(deliver("YUV420", 320))
    for plane, wanted in zip(writable_planes(made), writable_planes(picture()), strict=True):
        assert np.array_equal(plane, wanted[::down, ::across])


def test_another_shape_is_cropped_in_the_middle() -> None:
    made = FrameMaker(Layout("YUV420", WIDTH, HEIGHT, 320), 1280, 720).make(deliver("YUV420", 320))
    assert made is not None
    assert (made.width, made.height) == (320, 180)
    assert np.array_equal(writable_planes(made)[0], writable_planes(picture())[0][30:210])
    assert np.array_equal(writable_planes(made)[1], writable_planes(picture())[1][15:105])


@pytest.mark.parametrize(
    ("size", "like", "wanted"),
    [
        ((1280, 720), (1280, 720), (1280, 720)),
        ((1920, 1080), (1280, 720), (1920, 1080)),
        ((1280, 720), (640, 480), (960, 720)),
        ((640, 480), (1280, 720), (640, 360)),
    ],
)
def test_cropping_keeps_as_much_as_it_can(
    size: tuple[int, int], like: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert cropped(*size, *like) == wanted


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(HardwareError, match="SRGGB10"):
        FrameMaker(Layout("SRGGB10", WIDTH, HEIGHT, 320), WIDTH, HEIGHT)
