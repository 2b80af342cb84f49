"""The machine below the door, for `check`: room on the card, power, Wi-Fi. Reads what the kernel says, and no more."""

import os
import re
from pathlib import Path

from device.checked import Result

ROOM_MIB = 64
"""The state takes a megabyte; a card with less room than this is about to fill up."""

WEAK_DBM = -75
"""Below this a picture stutters: a rule of thumb for 802.11 with rates of some Mbit/s."""

HOT_C = 80.0
"""A Pi slows down from here on (Raspberry Pi documentation, frequency management and thermal control)."""

THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""Hexadecimal, kept by the firmware's driver; the bits are `vcgencmd get_throttled`'s."""

NOW = {0: "the voltage is too low", 1: "the clock is held back", 2: "it is throttled", 3: "it is too hot"}
SINCE_BOOT = {16: "the voltage was too low", 18: "it was throttled", 19: "it was too hot"}

THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
WIRELESS = Path("/proc/net/wireless")


def check_machine(state: Path) -> list[Result]:
    """Storage, power and Wi-Fi of this machine."""
    return [storage(state), power(), wifi()]


def storage(state: Path) -> Result:
    """Whether the file system of the state folder can be written, and has room."""
    there = next(folder for folder in (state, *state.parents) if folder.exists())
    about = os.statvfs(there)
    free_mib = about.f_bavail * about.f_frsize // 2**20
    if about.f_flag & os.ST_RDONLY:
        remedy = "calls are not recorded and no roster is kept: give the state a partition that can be written"
        return Result("storage", False, f"{there}: is read-only", remedy)
    if free_mib < ROOM_MIB or (about.f_files and not about.f_favail):
        return Result("storage", False, f"{there}: {free_mib} MiB free", "make room: `journalctl --vacuum-size=50M`")
    return Result("storage", True, f"{there}: {free_mib} MiB free")


def power(throttled: Path = THROTTLED, thermal: Path = THERMAL) -> Result:
    """Whether the supply is strong enough and the housing cool enough, now and since the machine started."""
    flags = _number(throttled, 16)
    milli = _number(thermal, 10)
    warm = "" if milli is None else f"{milli / 1000:.0f} °C"
    if flags is None:
        hot = milli is not None and milli / 1000 >= HOT_C
        seen = f"{warm}; " if warm else ""
        return Result("power", not hot, f"{seen}this machine does not tell of its supply", "let air to it")
    said = [text for bits in (NOW, SINCE_BOOT) for bit, text in bits.items() if flags >> bit & 1]
    remedy = "take the supply that the board asks for, and a short cable; let air to it"
    return Result("power", not said, "; ".join([*said, warm] if warm else said) or "enough since it started", remedy)


def wifi(wireless: Path = WIRELESS) -> Result:
    """How strong the access point is heard; nothing is wrong with a cable."""
    try:
        lines = wireless.read_text(encoding="ascii").splitlines()[2:]
    except OSError:
        lines = []
    levels = {match[1]: int(float(match[2])) for line in lines if (match := _LEVEL.match(line))}
    if not levels:
        return Result("Wi-Fi", True, "not in use")
    seen = ", ".join(f"{name}: {dbm} dBm" for name, dbm in levels.items())
    remedy = "bring the access point nearer, or take a cable: a picture needs more than -75 dBm"
    return Result("Wi-Fi", min(levels.values()) > WEAK_DBM, seen, remedy)


_LEVEL = re.compile(r"\s*(\w+):\s+\S+\s+\S+\s+(-?\d+)\.?")
"""Interface, status, link quality, level in dBm (proc_net_wireless of the kernel's wireless extensions)."""


def _number(path: Path, base: int) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").strip(), base)
    except (OSError, ValueError):
        return None
