#!/usr/bin/python3 -IS
"""Lowers the strikes that a daemon left open, as soon as an interpreter has started: it imports no more than it must.

The service manager runs it by its path, however the daemon ended. The daemon has left the lines' Broadcom numbers in
`strikes` of its runtime directory (`device.strikes.remember`). What this cannot do, `doorward-device lower-strikes` is
left to do, which takes longer: it reads the configuration. The kernel's own interface: linux/gpio.h, version 2.
"""

import os
import sys
from fcntl import ioctl

HEADER_CHIPS = (b"pinctrl-rp1", b"pinctrl-bcm2711", b"pinctrl-bcm2835")
"""As in `device.strikes`."""

CHIP_INFO = 0x8044B401
"""GPIO_GET_CHIPINFO_IOCTL: name and label, of 32 bytes each, and a number."""

GET_LINE = 0xC250B407
"""GPIO_V2_GET_LINE_IOCTL, whose request has 592 bytes. Of them only these are not 0:"""
OFFSET, CONSUMER, FLAGS, NUM_LINES = 0, 256, 288, 560
OUTPUT = 1 << 3
"""Of the flags: the line is driven, and low where no value is given."""


def main(argv: list[str]) -> None:
    """`argv`: the file with the lines, and the command that does it otherwise."""
    remembered, *otherwise = argv
    try:
        with open(remembered, encoding="ascii") as file:  # noqa: PTH123 - pathlib's import takes longer than all of this
            lines = [int(line) for line in file]
        chip = header_chip()
        for line in lines:
            ioctl(chip, GET_LINE, request(line))
            say(f"GPIO {line} is low")
    except Exception as error:  # noqa: BLE001 - whatever it is: the strikes are to be lowered
        say(f"{error!r}; trying it by the configuration")
        os.execv(otherwise[0], otherwise)  # noqa: S606 - that is what it is for; there is no shell in it


def say(text: str) -> None:
    os.write(2, f"lower-strikes: {text}\n".encode())


def request(line: int) -> bytearray:
    """A `struct gpio_v2_line_request` for one line, low."""
    made = bytearray(592)
    made[OFFSET : OFFSET + 4] = line.to_bytes(4, sys.byteorder)
    made[CONSUMER : CONSUMER + 8] = b"doorward"
    made[FLAGS : FLAGS + 8] = OUTPUT.to_bytes(8, sys.byteorder)
    made[NUM_LINES : NUM_LINES + 4] = (1).to_bytes(4, sys.byteorder)
    return made


def header_chip() -> int:
    """A file descriptor of the chip behind the 40-pin header. OSError if there is none that can be opened."""
    for name in sorted(os.listdir("/dev")):  # noqa: PTH208 - see above
        if name.startswith("gpiochip"):
            chip = os.open(f"/dev/{name}", os.O_RDWR | os.O_CLOEXEC)
            if bytes(ioctl(chip, CHIP_INFO, bytes(68))[32:64]).rstrip(b"\0") in HEADER_CHIPS:
                return chip
            os.close(chip)
    raise OSError("no /dev/gpiochip* is the 40-pin header's")


if __name__ == "__main__":
    main(sys.argv[1:])
