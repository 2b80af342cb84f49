"""The lines of the 40-pin header, as `hw/pins.toml` lists them, and what the boot loader is told of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from msgspec import Struct

from protocol.settings import parse_settings

GPIOS = range(28)
"""GPIOs of the 40-pin header, by Broadcom number."""

HEADER: dict[int, int] = {
    0: 27, 1: 28, 2: 3, 3: 5, 4: 7, 5: 29, 6: 31, 7: 26, 8: 24, 9: 21, 10: 19, 11: 23, 12: 32, 13: 33, 14: 8, 15: 10,
    16: 36, 17: 11, 18: 12, 19: 35, 20: 38, 21: 40, 22: 15, 23: 16, 24: 18, 25: 22, 26: 37, 27: 13,
}  # fmt: skip
"""From Broadcom number to the header's pin: the same on every Pi with 40 of them."""

Kind = Literal["button", "strike", "exit", "contact", "tamper", "lamp", "second-lamp", "keypad-row", "keypad-column"]


DRIVEN: frozenset[Kind] = frozenset({"strike", "lamp", "second-lamp", "keypad-row"})
"""Outputs; all other lines are inputs."""


class Line(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line; see the head of `hw/pins.toml`."""

    kind: Kind
    bcm: int
    pin: int
    drive: Literal["in", "out"]


@cache
def known_lines() -> dict[str, Line]:
    """Every line by name, in the order of the file."""
    data = resources.files("hw").joinpath("pins.toml").read_bytes()
    return parse_settings(data, "hw/pins.toml", dict[str, Line])


def lines_of(kind: Kind) -> list[int]:
    """The GPIOs of one kind, in the order in which they are given out."""
    return [line.bcm for line in known_lines().values() if line.kind == kind]


@dataclass(frozen=True, slots=True)
class Wired:
    """A line as it is configured: `name` as in `device.panel_config.lines`."""

    name: str
    bcm: int
    drive: Literal["in", "out"]


def pin_table(lines: Iterable[Wired]) -> str:
    """For people with a screwdriver: what, GPIO, pin of the header."""
    return "".join(f"{w.name:<24} GPIO {w.bcm:<3} pin {HEADER[w.bcm]:<3} {w.drive}\n" for w in lines)


def boot_lines(lines: Iterable[Wired]) -> str:
    """The lines of config.txt that put every pin in its place before the kernel starts: outputs low, inputs pulled up.

    The `gpio` directive acts some seconds after power-on; until then the resistors of the drawings hold the strike
    closed. (Raspberry Pi documentation, config.txt, "GPIO control".)
    """
    head = "# Doorward: every pin in its place before the kernel starts: outputs low, inputs pulled up\n"
    return head + "".join(f"gpio={w.bcm}={'op,dl' if w.drive == 'out' else 'ip,pu'}\n" for w in lines)
