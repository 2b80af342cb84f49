"""What was measured, as medians and interquartile ranges."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """`spread` is the first and the third quartile; `n` how many measurements stand behind the value."""

    value: float
    unit: str
    spread: tuple[float, float]
    n: int

    def as_json(self) -> dict[str, object]:
        return {"value": self.value, "unit": self.unit, "spread": list(self.spread), "n": self.n}


def median_of(values: Sequence[float], unit: str, digits: int = 1) -> Figure:
    """The median and the quartiles around it; ValueError if there is nothing to take them of."""
    if not values:
        raise ValueError(f"no measurement in {unit}")
    if len(values) == 1:
        low = high = values[0]
    else:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figure(
        round(statistics.median(values), digits), unit, (round(low, digits), round(high, digits)), len(values)
    )


def machine(browser_version: str | None = None) -> dict[str, object]:
    """What the figures were measured on; they mean little without it."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        **({} if browser_version is None else {"chromium": browser_version}),
    }


def pss_mib(pid: int) -> float:
    """Proportional set size of a process: what it alone is to blame for, shared pages divided among their users."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/{pid}/smaps_rollup has no line `Pss`")


def cpu_s(pid: int) -> float:
    """User plus system time a process has used so far, in seconds (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
