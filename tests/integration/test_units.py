"""The units as systemd itself judges them, and what the programs say to a service manager."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness.world import BIN

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNITS = sorted(path.name for kind in ("service", "timer", "path") for path in SYSTEMD.glob(f"*.{kind}"))
EXPOSURE_AT_MOST = 1.5
LONGEST_PAUSE_S = 10

LOWER_STRIKES = SYSTEMD.parent / "device/strikes_now.py"
HERE = {"/usr/bin/doorward": BIN / "doorward", "/usr/lib/doorward/lower-strikes": LOWER_STRIKES}
"""Where what the units run is, without its packages."""

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (systemd)"
)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as a package installs them here, with our commands where they are."""
    for name in UNITS:
        text = (SYSTEMD / name).read_text(encoding="utf-8")
        for there, here in HERE.items():
            text = text.replace(there, str(here))
        (tmp_path / name).write_text(text, encoding="utf-8")
    for conf in SYSTEMD.glob("*.service.d/*.conf"):
        lines = conf.read_text(encoding="utf-8").splitlines(keepends=True)
        dropped_in = tmp_path / conf.relative_to(SYSTEMD)
        dropped_in.parent.mkdir()
        dropped_in.write_text("".join(line for line in lines if _known(line)), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with(name: str, installed: Path) -> None:
    done = _analyze("verify", str(installed / name))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["doorward-device.service", "doorward-signaling.service"])
def test_what_the_network_can_reach_is_exposed_little(name: str, installed: Path) -> None:
    done = _analyze("security", "--offline=true", "--no-pager", str(installed / name))
    (found,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert float(found) <= EXPOSURE_AT_MOST, done.stdout


@pytest.mark.parametrize("name", ["doorward-device.service", "doorward-signaling.service"])
def test_the_pause_between_starts_is_bounded_and_forgotten_after_one_that_succeeds(name: str) -> None:
    """systemd itself never resets NRestarts=: a button would be dead for the longest pause ever after."""
    settings = (SYSTEMD / f"{name}.d" / "20-backoff.conf").read_text(encoding="utf-8")
    (longest_s,) = re.findall(r"^RestartMaxDelaySec=(\d+)$", settings, re.MULTILINE)
    assert int(longest_s) <= LONGEST_PAUSE_S
    assert "\nExecStartPost=-+/usr/bin/systemctl reset-failed %n\n" in settings


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_no_start_takes_for_ever(name: str) -> None:
    """The default of a oneshot (systemd.service(5), TimeoutStartSec=), and the door is ordered after two of them."""
    assert re.search(r"^TimeoutStartSec=\d+$", (SYSTEMD / name).read_text(encoding="utf-8"), re.MULTILINE)


def _known(line: str) -> bool:
    """Whether the systemd of this machine knows the setting."""
    return _version() >= 254 or not line.startswith(("RestartSteps=", "RestartMaxDelaySec="))


def _version() -> int:
    return int(re.findall(r"systemd (\d+)", _analyze("--version").stdout)[0])


def _analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)
