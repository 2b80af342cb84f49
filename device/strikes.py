"""Lowers the strikes without the daemon: a killed process leaves its outputs as they were.

Reads of the configuration only what it needs, so that a mistake elsewhere in the file does not keep a door open.
`device.strikes_now` needs less than that: what the daemon has remembered for it.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from device.errors import HardwareError
from device.pins import lines_of
from protocol.errors import ConfigError

HEADER_CHIPS = frozenset({"pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835"})
"""Labels of the chip behind the 40-pin header: Pi 5, Pi 4, older ones. Its number changed with the kernel."""


def remember(pins_bcm: Iterable[int], environment: Mapping[str, str] = os.environ) -> None:
    """Leave the strikes' lines to `device.strikes_now`, where the service manager made a folder for such. OSError."""
    if folder := environment.get("RUNTIME_DIRECTORY"):
        new = Path(folder, ".strikes.new")
        new.write_text("".join(f"{pin}\n" for pin in pins_bcm), encoding="ascii")
        new.replace(Path(folder, "strikes"))


def lower(config_path: Path) -> list[str]:
    """Lower each strike; a line about each. ConfigError or HardwareError says at the end what could not be lowered."""
    strikes = strike_pins(config_path)
    if not strikes:
        return ["there are no strikes to lower"]
    try:
        import lgpio  # noqa: PLC0415 - only where there are pins; it starts a thread
    except ImportError as error:
        raise HardwareError(f"gpio: {error}; install python3-lgpio") from error
    chip = _open_header(lgpio)
    said, failed = [], []
    for door, pin_bcm in strikes.items():
        try:
            lgpio.gpio_claim_output(chip, pin_bcm, 0)
        except lgpio.error as error:
            failed.append(f"door.{door}: GPIO {pin_bcm}: {error}")
        else:
            said.append(f"door.{door}: GPIO {pin_bcm} is low")
    lgpio.gpiochip_close(chip)
    if failed:
        raise HardwareError(f"{'; '.join([*said, *failed])}; is the daemon still running?")
    return said


def strike_pins(config_path: Path) -> dict[str, int]:
    """Pin by door; none where pins are simulated. ConfigError for a file that is no TOML, or a door without a pin.

    A door that names none has the next strike of `hw/pins.toml` that nothing else names: as `device.panel_config`.
    """
    try:
        config = tomllib.loads(config_path.read_text(encoding="utf-8"))
        if config.get("gpio", {}).get("pins", "lgpio") != "lgpio":
            return {}
        doors = {door: table.get("pin_bcm") for door, table in config.get("door", {}).items()}
        free = iter([pin for pin in lines_of("strike") if pin not in _named(config)])
        return {door: next(free) if pin is None else int(pin) for door, pin in doors.items()}
    except (OSError, ValueError, TypeError, AttributeError, StopIteration) as error:
        raise ConfigError(f"{config_path}: cannot tell the strikes' pins: {error!r}; `check` says more") from error


def _named(table: object) -> set[int]:
    """Every pin that the file names, wherever it stands."""
    if not isinstance(table, dict):
        return set()
    found: set[int] = set()
    for name, value in table.items():
        if name in ("pin_bcm", "rows_bcm", "columns_bcm"):
            found |= set(value if isinstance(value, list) else [value])
        else:
            found |= _named(value)
    return found


def _open_header(lgpio: Any) -> int:
    """The open chip behind the 40-pin header."""
    seen = []
    for device in sorted(Path("/dev").glob("gpiochip*")):
        try:
            chip: int = lgpio.gpiochip_open(int(device.name.removeprefix("gpiochip")))
            label = lgpio.gpio_get_chip_info(chip)[3]
        except (ValueError, lgpio.error) as error:
            seen.append(f"{device}: {error}")
            continue
        if label in HEADER_CHIPS:
            return chip
        seen.append(f"{device}: {label}")
        lgpio.gpiochip_close(chip)
    raise HardwareError(f"gpio: the 40-pin header was not found ({'; '.join(seen) or 'no /dev/gpiochip*'})")
