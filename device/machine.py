"""The machine below the door, for `check`: room on the card and whether it is one, power, memory, Wi-Fi.

Reads what the kernel says, and no more.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from device.checked import Result

ROOM_MIB = 64
"""The state takes a megabyte; a card with less room than this is about to fill up."""

WEAK_DBM = -75
"""Below this a picture stutters: a rule of thumb for 802.11 with rates of some Mbit/s."""

HOT_C = 80.0
"""A Pi slows down from here on (Raspberry Pi documentation, frequency management and thermal control)."""

DEVICES = Path("/sys/devices/platform")
THROTTLED = ("soc*/*:firmware/get_throttled", "*:firmware/get_throttled")
"""Below DEVICES: hexadecimal, kept by the firmware's driver; the bits are `vcgencmd get_throttled`'s. The folders have
the address of the bus in their names from the Pi 5 on (`soc@107c000000`), and many of its kernels lack the file."""

SENSORS = Path("/sys/class/hwmon")
UNDERVOLTAGE = ("rpi_volt", "in0_lcrit_alarm")
"""The firmware's voltage alone, of the last seconds: name and file (drivers/hwmon/raspberrypi-hwmon.c)."""

NOW = {0: "the voltage is too low", 1: "the clock is held back", 2: "it is throttled", 3: "it is too hot"}
SINCE_BOOT = {16: "the voltage was too low", 18: "it was throttled", 19: "it was too hot"}

THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
WIRELESS = Path("/proc/net/wireless")
MOUNTS = Path("/proc/self/mountinfo")

FORGOTTEN = "at power-off calls, newer rosters and the saved time are forgotten, and a removed keypad code comes back"
IN_MEMORY = {"tmpfs", "ramfs"}

CONTROLLERS = Path("/sys/fs/cgroup/cgroup.controllers")
"""Of the second version of control groups; CGROUPS of the first, which has a column `enabled` at the end."""
CGROUPS = Path("/proc/cgroups")


def check_machine(state: Path) -> list[Result]:
    """Storage, power, memory and Wi-Fi of this machine."""
    return [storage(state), power(), memory(), wifi()]


def storage(state: Path, mounts: Path = MOUNTS) -> Result:
    """Whether the file system of the state folder can be written, has room, and is still there after a power cut."""
    there = next(folder for folder in (state, *state.parents) if folder.exists())
    about = os.statvfs(there)
    free_mib = about.f_bavail * about.f_frsize // 2**20
    if about.f_flag & os.ST_RDONLY:
        remedy = "calls are not recorded and no roster is kept: give the state a partition that can be written"
        return Result("storage", False, f"{there}: is read-only", remedy)
    if free_mib < ROOM_MIB or (about.f_files and not about.f_favail):
        return Result("storage", False, f"{there}: {free_mib} MiB free", "make room: `journalctl --vacuum-size=50M`")
    if kind := _forgetful(there, mounts):
        remedy = f"{FORGOTTEN}: give /var/lib/doorward a partition of its own, docs/install.md"
        return Result("storage", False, f"{there}: is in memory ({kind})", remedy)
    return Result("storage", True, f"{there}: {free_mib} MiB free")


def power(devices: Path = DEVICES, thermal: Path = THERMAL, sensors: Path = SENSORS) -> Result:
    """Whether the supply is strong enough and the housing cool enough, now and, where it is told, since the start."""
    remedy = "take the supply that the board asks for, and a short cable; let air to it"
    milli = _number(thermal, 10)
    warm = [] if milli is None else [f"{milli / 1000:.0f} °C"]
    hot = milli is not None and milli / 1000 >= HOT_C
    flags = next((flags for path in _found(devices, THROTTLED) if (flags := _number(path, 16)) is not None), None)
    if flags is not None:
        said = [text for bits in (NOW, SINCE_BOOT) for bit, text in bits.items() if flags >> bit & 1]
        return Result("power", not said, "; ".join([*said, *warm]) or "enough since it started", remedy)
    name, alarm = UNDERVOLTAGE
    low = next((_number(path / alarm, 10) for path in _found(sensors, ["*"]) if _says(path / "name", name)), None)
    if low is None:
        seen = "; ".join([*warm, "this machine does not tell of its supply"])
        measure = "measure 4.8 V or more between pins 2 and 6 of the header, with a call going on"
        return Result("power", not hot, seen, remedy if hot else measure, note=True)
    seen = "the voltage is too low" if low else "enough voltage now; of before, this machine does not tell"
    return Result("power", not (low or hot), "; ".join([seen, *warm]), remedy)


def memory(controllers: Path = CONTROLLERS, cgroups: Path = CGROUPS) -> Result:
    """Whether the kernel keeps the limit that the daemon's unit has (`MemoryMax=`)."""
    try:
        kept = "memory" in controllers.read_text(encoding="ascii").split()
    except OSError:
        kept = any(line.startswith("memory\t") and line.endswith("\t1") for line in _lines(cgroups))
    if kept:
        return Result("memory", True, "the kernel keeps the daemon's limit")
    remedy = "add cgroup_enable=memory to the line of /boot/firmware/cmdline.txt, and start the Pi anew"
    return Result(
        "memory", True, "the kernel keeps no limit: the daemon's MemoryMax= is not in force", remedy, note=True
    )


def wifi(wireless: Path = WIRELESS) -> Result:
    """How strong the access point is heard; nothing is wrong with a cable."""
    levels = {match[1]: int(float(match[2])) for line in _lines(wireless)[2:] if (match := _LEVEL.match(line))}
    if not levels:
        return Result("Wi-Fi", True, "not in use")
    seen = ", ".join(f"{name}: {dbm} dBm" for name, dbm in levels.items())
    remedy = "bring the access point nearer, or take a cable: a picture needs more than -75 dBm"
    return Result("Wi-Fi", min(levels.values()) > WEAK_DBM, seen, remedy)


_LEVEL = re.compile(r"\s*(\w+):\s+\S+\s+\S+\s+(-?\d+)\.?")
"""Interface, status, link quality, level in dBm (proc_net_wireless of the kernel's wireless extensions)."""


def _forgetful(there: Path, mounts: Path) -> str:
    """The kind of the file system if what is written there is gone with the power; empty otherwise.

    An overlay keeps what its upper folder keeps. Where that cannot be seen from here, an initial RAM disk made it.
    """
    kind, options = _mounted(there, _lines(mounts))
    if kind == "overlay":
        upper = next((one.partition("=")[2] for one in options.split(",") if one.startswith("upperdir=")), "/")
        below, _ = _mounted(Path(upper), _lines(mounts))
        return f"overlay on {below}" if below in IN_MEMORY else "overlay" if below == "overlay" else ""
    return kind if kind in IN_MEMORY else ""


def _mounted(path: Path, mounts: list[str]) -> tuple[str, str]:
    """Kind and options of the file system that `path` is on (proc_pid_mountinfo(5)): the innermost, the last on top."""
    best: tuple[int, str, str] = (0, "", "")
    for line in mounts:
        about, _, system = line.partition(" - ")
        point = Path(re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), about.split()[4]))
        if path.resolve().is_relative_to(point) and len(point.parts) >= best[0]:
            kind, _, options = system.split(" ", 2)
            best = (len(point.parts), kind, options)
    return best[1:]


def _found(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def _says(path: Path, text: str) -> bool:
    return [line.strip() for line in _lines(path)] == [text]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _number(path: Path, base: int) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").strip(), base)
    except (OSError, ValueError):
        return None
