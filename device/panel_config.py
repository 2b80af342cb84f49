"""The tables of the configuration that are about the panel, and which line each thing in them gets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct, field

from device.pins import DRIVEN, GPIOS, Kind, Wired, lines_of
from protocol.errors import ConfigError
from protocol.ids import is_id

Pin = int | None
"""A GPIO by its Broadcom number; left out: the next one of its kind in `hw/pins.toml`."""


class Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the configuration."""


class ButtonConfig(Table, frozen=True):
    """`long_press`: the button of the roster that this one stands for when it is held for `long_press_s`."""

    pin_bcm: Pin = None
    long_press: str | None = None
    long_press_s: Annotated[float, Meta(ge=0.5, le=10)] = 1.5


class ExitConfig(Table, frozen=True):
    """A button inside, which releases the strike without asking anybody."""

    pin_bcm: Pin = None


class ContactConfig(Table, frozen=True):
    """A contact that is closed while the door is. `forced_alarm = false` where it opens from inside by its handle."""

    pin_bcm: Pin = None
    left_open_s: Annotated[float, Meta(ge=1, le=86400)] = 60.0
    forced_alarm: bool = True


class DoorConfig(Table, frozen=True):
    """A strike, released for `open_s` seconds at a time, and what else there is at the door."""

    pin_bcm: Pin = None
    open_s: Annotated[float, Meta(ge=0.1, le=30)] = 3.0
    exit: ExitConfig | None = None
    contact: ContactConfig | None = None


class SecondLampConfig(Table, frozen=True):
    """A lamp of its own for "speak" and "come in"."""

    pin_bcm: Pin = None


class LampConfig(Table, frozen=True):
    pin_bcm: Pin = None
    second: SecondLampConfig | None = None


class TamperConfig(Table, frozen=True):
    """A loop through the housing, closed while nobody has opened it."""

    pin_bcm: Pin = None


class KeypadConfig(Table, frozen=True):
    """A 4×3 matrix whose codes open `door`."""

    door: str
    rows_bcm: Annotated[list[int], Meta(min_length=4, max_length=4)] | None = None
    columns_bcm: Annotated[list[int], Meta(min_length=3, max_length=3)] | None = None


class PanelTables(Table, frozen=True, kw_only=True):
    """The panel's part of the configuration."""

    button: dict[str, ButtonConfig]
    door: dict[str, DoorConfig] = field(default_factory=dict)
    lamp: LampConfig | None = None
    tamper: TamperConfig | None = None
    keypad: KeypadConfig | None = None


def lines(panel: PanelTables) -> dict[str, int]:
    """The GPIO of everything that is configured, by the names of `wired`; its errors, too."""
    return {line.name: line.bcm for line in wired(panel)}


def wired(panel: PanelTables) -> list[Wired]:
    """Everything that is configured: `button.ID`, `door.ID`, `door.ID.exit`, `door.ID.contact`, `lamp`, `lamp.second`,
    `tamper`, `keypad.row-1`… ConfigError names what has no line, a wrong one, or another's.
    """
    _check_names(panel)
    wanted = list(_wanted(panel))
    used: dict[int, str] = {}
    taken = {pin for _, _, pin in wanted if pin is not None}
    free = {kind: [pin for pin in lines_of(kind) if pin not in taken] for _, kind, _ in wanted}
    given: list[Wired] = []
    for where, kind, asked in wanted:
        if asked is None and not free[kind]:
            raise ConfigError(f"{where}.pin_bcm: hw/pins.toml has no further line for it; name a free GPIO")
        pin = free[kind].pop(0) if asked is None else asked
        if pin not in GPIOS:
            raise ConfigError(f"{where}.pin_bcm: {pin} is not a GPIO of the 40-pin header (0–27)")
        if pin in used:
            raise ConfigError(f"{where}.pin_bcm: GPIO {pin} is {used[pin]}'s already; choose another")
        used[pin] = where
        given.append(Wired(where, pin, "out" if kind in DRIVEN else "in"))
    return given


def _wanted(panel: PanelTables) -> Iterator[tuple[str, Kind, int | None]]:
    for name, button in panel.button.items():
        yield f"button.{name}", "button", button.pin_bcm
    for name, door in panel.door.items():
        yield f"door.{name}", "strike", door.pin_bcm
        if door.exit is not None:
            yield f"door.{name}.exit", "exit", door.exit.pin_bcm
        if door.contact is not None:
            yield f"door.{name}.contact", "contact", door.contact.pin_bcm
    if panel.lamp is not None:
        yield "lamp", "lamp", panel.lamp.pin_bcm
        if panel.lamp.second is not None:
            yield "lamp.second", "second-lamp", panel.lamp.second.pin_bcm
    if panel.tamper is not None:
        yield "tamper", "tamper", panel.tamper.pin_bcm
    if panel.keypad is not None:
        rows: Sequence[int | None] = panel.keypad.rows_bcm or [None] * 4
        columns: Sequence[int | None] = panel.keypad.columns_bcm or [None] * 3
        for number, pin in enumerate(rows, 1):
            yield f"keypad.row-{number}", "keypad-row", pin
        for number, pin in enumerate(columns, 1):
            yield f"keypad.column-{number}", "keypad-column", pin


def _check_names(panel: PanelTables) -> None:
    if not panel.button:
        raise ConfigError("button: a door station needs at least one, as [button.NAME]")
    tables: Mapping[str, Mapping[str, object]] = {"button": panel.button, "door": panel.door}
    for kind, table in tables.items():
        for name in table:
            if not is_id(name):
                raise ConfigError(f"'{kind}.{name}': names are lower-case letters, digits and hyphens, 32 at most")
    for name, button in panel.button.items():
        if button.long_press is not None and not is_id(button.long_press):
            raise ConfigError(f"button.{name}.long_press: {button.long_press!r} is not the name of a button")
    if panel.keypad is not None and panel.keypad.door not in panel.door:
        raise ConfigError(f"keypad.door: there is no [door.{panel.keypad.door}] in the configuration")
