"""Which line is what, in BCM numbers: what the panel is built from. What is left out is not there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

KEYS = (("1", "2", "3"), ("4", "5", "6"), ("7", "8", "9"), ("*", "0", "#"))
"""The keys of a 4×3 matrix, row by row."""


@dataclass(frozen=True, slots=True)
class StrikeLine:
    """A strike's output and the longest time it may be high, in seconds; at most MAX_STRIKE_S."""

    pin_bcm: int
    open_s: float


@dataclass(frozen=True, slots=True)
class LampLines:
    """`second`: a lamp of its own for "speak" and "come in"."""

    pin_bcm: int
    second_bcm: int | None = None


@dataclass(frozen=True, slots=True)
class KeypadLines:
    """Four rows and three columns; the keys of row and column as KEYS has them."""

    rows_bcm: Sequence[int]
    columns_bcm: Sequence[int]


@dataclass(frozen=True, slots=True)
class PanelWiring:
    """Buttons, exit buttons, contacts and tamper loop are wired to ground, with a pull-up: closed is low."""

    pins: Literal["lgpio", "mock"]
    buttons: Mapping[str, int]
    doors: Mapping[str, StrikeLine]
    lamp: LampLines | None = None
    exits: Mapping[str, int] = field(default_factory=dict)
    contacts: Mapping[str, int] = field(default_factory=dict)
    tamper: int | None = None
    keypad: KeypadLines | None = None

    def lines(self) -> dict[str, int]:
        """Every line by name: `button.ID`, `door.ID`, `exit.ID`, `contact.ID`, `tamper`, `lamp`, `keypad.row-1`…"""
        lines = {f"door.{name}": line.pin_bcm for name, line in self.doors.items()}
        lines |= {f"button.{name}": pin for name, pin in self.buttons.items()}
        lines |= {f"exit.{name}": pin for name, pin in self.exits.items()}
        lines |= {f"contact.{name}": pin for name, pin in self.contacts.items()}
        if self.tamper is not None:
            lines["tamper"] = self.tamper
        if self.lamp is not None:
            lines["lamp"] = self.lamp.pin_bcm
            if self.lamp.second_bcm is not None:
                lines["lamp.second"] = self.lamp.second_bcm
        if self.keypad is not None:
            lines |= {f"keypad.row-{n}": pin for n, pin in enumerate(self.keypad.rows_bcm, 1)}
            lines |= {f"keypad.column-{n}": pin for n, pin in enumerate(self.keypad.columns_bcm, 1)}
        return lines
