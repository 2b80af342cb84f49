"""The rig's wiring: a second Pi, the jig, at the panel of the Pi under test. hw/rig/README.md says what is for what."""

import re
import tomllib
from pathlib import Path
from typing import Any

from device.pins import HEADER, Line, known_lines
from hw.drawings.sheet import Sheet

EXAMPLE = Path(__file__).parents[1] / "rig" / "example.toml"
"""Which line of the jig does what."""

COUPLER = 390
"""Where the couplers' left side is."""


def rig() -> str:
    """Everything between the two headers; what has a plug of its own is in words."""
    described = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    jig: dict[str, int] = described["lines"]
    sheet = Sheet("The rig: a jig at the panel", 980, 860)
    sheet.text(100, 62, "the jig", "s m")
    sheet.text(760, 62, "the Pi under test, and its panel", "s m")
    sheet.path("M560 50V770", "d")
    for number, line in enumerate(_of_kind("button")[:2]):
        name = f"flat-{number + 1}"
        _contact(sheet, 130 + 130 * number, jig[name], f"button {name}: {_place(line)}")
    _reads(sheet, 400, jig["strike"], "strike", _of_kind("strike")[0])
    _reads(sheet, 570, jig["lamp"], "lamp", _of_kind("lamp")[0])
    _relay(sheet, 720, _power(described))
    words = (
        "A button is closed while the jig's line is low. The two Pis share no ground; all couplers are PC817.",
        "Besides: USB sound, its input at the loudspeaker and its output at the microphone; a screen before the",
        "camera; the network cable of the Pi under test by a USB adapter of the jig.",
    )
    for number, text in enumerate(words):
        sheet.text(20, 800 + 20 * number, text, "s")
    return sheet.svg


def _place(line: Line) -> str:
    return f"GPIO {line.bcm} · pin {line.pin}"


def _of_kind(kind: str) -> list[Line]:
    return [line for line in known_lines().values() if line.kind == kind]


def _power(described: dict[str, Any]) -> int:
    """The line that the command for the power names."""
    (line,) = re.findall(r"pinctrl set (\d+) ", described["does"]["power-off"])
    return int(line)


def _jig(sheet: Sheet, y: float, bcm: int) -> None:
    sheet.gpio(180, y, f"GPIO {bcm} · pin {HEADER[bcm]}")


def _coupler(sheet: Sheet, y: float, *, led_left: bool) -> None:
    """The LED's anode and the collector are above."""
    sheet.box(COUPLER, y - 36, 90, 72, "w")
    sheet.text(COUPLER + 45, y - 44, "PC817", "s m")
    lit, taken = ("LED", "C / E") if led_left else ("C / E", "LED")
    sheet.text(COUPLER + 8, y + 5, lit, "s")
    sheet.text(COUPLER + 82, y + 5, taken, "s e")


def _contact(sheet: Sheet, y: float, bcm: int, label: str) -> None:
    """A coupler in place of a button's contact."""
    _coupler(sheet, y, led_left=True)
    _jig(sheet, y + 20, bcm)
    sheet.wire((180, y + 20), (COUPLER, y + 20))
    sheet.supply(240, y - 20, "3.3 V")
    sheet.wire((240, y - 20), (280, y - 20))
    sheet.resistor(310, y - 20, "1 kΩ")
    sheet.wire((340, y - 20), (COUPLER, y - 20))
    for number, offset in enumerate((-20, 20)):
        sheet.wire((COUPLER + 90, y + offset), (615, y + offset))
        sheet.terminal(620, y + offset, str(number + 1), above=offset < 0)
    sheet.text(650, y + 5, label, "b")


def _reads(sheet: Sheet, y: float, bcm: int, name: str, line: Line) -> None:
    """What hangs at a driver is read behind it, at its voltage; the coupler turns the level round, a 74HC14 again."""
    _coupler(sheet, y, led_left=False)
    _jig(sheet, y - 20, bcm)
    sheet.wire((180, y - 20), (210, y - 20))
    sheet.box(210, y - 34, 60, 28, "w")
    sheet.text(240, y - 15, "74HC14", "s m")
    sheet.wire((270, y - 20), (COUPLER, y - 20))
    sheet.node(330, y - 20)
    sheet.resistor(330, y - 50, "10 kΩ", upright=True)
    sheet.supply(330, y - 80, "3.3 V")
    sheet.wire((COUPLER, y + 20), (330, y + 20), (330, y + 30))
    sheet.ground(330, y + 30)
    sheet.wire((COUPLER + 90, y - 20), (490, y - 20))
    sheet.resistor(520, y - 20, "2.2 kΩ")
    sheet.wire((550, y - 20), (615, y - 20))
    sheet.terminal(620, y - 20, "+")
    sheet.wire((COUPLER + 90, y + 20), (615, y + 20))
    sheet.terminal(620, y + 20, "−", above=False)
    sheet.text(650, y - 5, f"{name}, 12 V, behind the driver", "b")
    sheet.text(650, y + 15, f"that {_place(line)} drives", "s")


def _relay(sheet: Sheet, y: float, bcm: int) -> None:
    _jig(sheet, y, bcm)
    sheet.wire((180, y), (COUPLER, y))
    sheet.box(COUPLER, y - 20, 90, 40, "w")
    sheet.text(COUPLER + 45, y + 5, "relay board", "s m")
    sheet.wire((COUPLER + 90, y), (615, y))
    sheet.terminal(620, y)
    sheet.text(650, y + 5, "in the 5 V supply of the Pi under test", "b")
