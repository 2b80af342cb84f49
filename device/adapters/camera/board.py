"""Which encoder this board has: up to the Pi 4 and on the Zero 2 W one in hardware, on a Pi 5 and elsewhere none."""

from pathlib import Path
from typing import Literal

from device.errors import HardwareError

Wish = Literal["auto", "hardware", "software"]

ENCODER = "bcm2835-codec-encode"
"""The name that the kernel's driver of the VideoCore IV and VI encoder gives its device, `/dev/video11` on a Pi."""

DEVICES = Path("/sys/class/video4linux")


def has_hardware_encoder() -> bool:
    """Whether the kernel lists that encoder.

    picamera2's own answer is no guide here: it takes every machine for such a Pi that is not a Pi 5.
    """
    names = (device / "name" for device in DEVICES.glob("video*"))
    return any(name.read_text(encoding="ascii", errors="replace").strip() == ENCODER for name in names if name.exists())


def uses_hardware(wish: Wish) -> bool:
    """Whether to encode in hardware. HardwareError if that is asked for and there is none."""
    if wish == "software":
        return False
    there = has_hardware_encoder()
    if wish == "hardware" and not there:
        raise HardwareError(
            f'camera: video.encoder = "hardware": there is no {ENCODER} here, as on a Pi 4, 3 or Zero 2 W; use "auto"'
        )
    return there
