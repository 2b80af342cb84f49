"""The encoders by themselves: their rate, and what they refuse."""

from collections.abc import Callable

import av
import numpy as np
import pytest

from device.errors import HardwareError
from device.media.h264 import FLOOR_BPS, H264Encoder
from device.media.streams import Encoder
from device.media.vp8 import Vp8Encoder

SIZE = (640, 480)
FPS = 30

both = pytest.mark.parametrize("make", [H264Encoder, Vp8Encoder])


@both
def test_a_size_that_cannot_be_encoded_is_a_hardware_error(make: Callable[..., Encoder]) -> None:
    with pytest.raises(HardwareError, match="camera"):
        make(0, 0, FPS, 1_000_000)


@both
def test_the_bit_rate_follows_while_it_runs(make: Callable[..., Encoder]) -> None:
    encoder = make(*SIZE, FPS, 1_500_000)
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


@both
def test_a_rate_that_stays_changes_nothing(make: Callable[..., Encoder]) -> None:
    encoder = make(*SIZE, FPS, 1_000_000)
    picture = av.VideoFrame(*SIZE, "yuv420p")
    keys = []
    for number in range(4):
        encoder.set_bitrate(1_000_000)
        keys.append(encoder.encode(picture, number * 3000, key=False)[1])
    assert keys == [True, False, False, False]
