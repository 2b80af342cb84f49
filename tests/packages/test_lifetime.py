"""The packages' life in a real Debian 13 and a real Debian 12: install, upgrade, downgrade, rollback, remove, purge."""

import contextlib
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deb.targets import Suite
from tests.packages.conftest import FIRST, SECOND, Debian

pytestmark = pytest.mark.timeout(1200)
"""The first test waits for packages to be built and for a Debian to be made."""

DEVICE = "doorward-device"
HOME = "/opt/doorward/device"
ENABLED = "etc/systemd/system/multi-user.target.wants"
KEY = "var/lib/doorward/identity/key.pem"
REMARK = "\n# mine\n"

Versions = dict[str, dict[str, Path]]


@pytest.fixture(scope="module")
def home(debian: Debian, amd64: Versions) -> Debian:
    """All three installed, and a device that has a key and a configuration of its own."""
    done = debian.dpkg(*amd64[FIRST].values())
    assert done.returncode == 0, done.stdout + done.stderr
    debian.sh("doorward-device keygen --device front-door")
    with (debian.root / "etc/doorward/device.toml").open("a", encoding="utf-8") as file:
        file.write(REMARK)
    return debian


def version(debian: Debian, command: str = DEVICE) -> str:
    return debian.sh(f"{command} --version").split()[-1]


def mode(path: Path) -> tuple[int, int]:
    about = path.stat()
    return stat.S_IMODE(about.st_mode), about.st_uid


def kept(debian: Debian) -> tuple[bytes, bytes]:
    return (debian.root / KEY).read_bytes(), (debian.root / "etc/doorward/device.toml").read_bytes()


def test_the_three_programs_run_with_the_systems_python(home: Debian) -> None:
    for command in (DEVICE, "doorward-signaling", "doorward-provision"):
        assert version(home, command) == FIRST
    imports = "import aiortc, alsaaudio, av, numpy, device.app, device.adapters.webrtc; print(numpy.__file__)"
    assert home.sh(f"{HOME}/current/bin/python3 -I -c '{imports}'").startswith("/usr/lib/python3/dist-packages")
    used = "import alsaaudio; print(alsaaudio.PCM.avail, alsaaudio.__file__)"
    assert f"{HOME}/" in home.sh(f"{HOME}/current/bin/python3 -I -c '{used}'"), "Debian's own cannot say what is queued"
    checked = home.run(DEVICE, "check")
    assert checked.returncode == 1
    assert "provision this device" in checked.stdout


def test_the_identity_is_roots_and_the_configuration_the_daemons_to_read(home: Debian) -> None:
    assert mode(home.root / "var/lib/doorward/identity") == (0o700, 0)
    assert mode(home.root / KEY) == (0o600, 0)
    assert home.sh("stat -c '%a %U %G' /etc/doorward/device.toml").split() == ["640", "root", "doorward"]
    assert "gpio" in home.sh("getent group gpio")


def test_the_services_start_with_the_machine(home: Debian) -> None:
    enabled = {path.name for path in (home.root / ENABLED).iterdir()}
    assert {
        "doorward-device.service",
        "doorward-clock.service",
        "doorward-first-boot.service",
        "doorward-signaling.service",
    } <= enabled
    assert (home.root / "etc/systemd/system/timers.target.wants/doorward-expiry.timer").is_symlink()


def test_systemd_of_this_release_finds_nothing_wrong_with_the_units(home: Debian) -> None:
    units = "doorward-device.service doorward-signaling.service doorward-clock.service doorward-first-boot.service"
    done = home.run("sh", "-c", f"systemd-analyze verify --man=no {units} doorward-expiry.timer doorward-device.path")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    for unit in ("doorward-device.service", "doorward-signaling.service"):
        said = home.sh(f"systemd-analyze security --offline=true --no-pager /usr/lib/systemd/system/{unit}")
        (line,) = [line for line in said.splitlines() if "Overall exposure" in line]
        assert float(line.partition(": ")[2].split()[0]) <= 1.5, said


def test_an_upgrade_keeps_identity_and_configuration_and_the_version_before(home: Debian, amd64: Versions) -> None:
    before = kept(home)
    done = home.dpkg(amd64[SECOND][DEVICE])
    assert done.returncode == 0, done.stdout + done.stderr
    assert (version(home), kept(home)) == (SECOND, before)
    assert home.sh(f"readlink {HOME}/previous").strip() == FIRST
    assert home.sh(f"{HOME}/previous/bin/doorward-device --version").split()[-1] == FIRST


def test_installing_the_same_again_changes_nothing(home: Debian, amd64: Versions) -> None:
    before = kept(home)
    assert home.dpkg(amd64[SECOND][DEVICE]).returncode == 0
    assert home.run("dpkg-reconfigure", DEVICE).returncode == 0
    assert (version(home), kept(home)) == (SECOND, before)
    assert home.sh(f"readlink {HOME}/previous").strip() == FIRST
    assert sorted(home.sh(f"ls {HOME}").split()) == [FIRST, SECOND, "current", "package", "previous"]


def test_a_downgrade_is_refused_and_the_door_stays_as_it_is(home: Debian, amd64: Versions) -> None:
    before = kept(home)
    done = home.dpkg(amd64[FIRST][DEVICE])
    assert done.returncode != 0
    assert "doorward-device rollback" in done.stderr
    assert home.sh(f"dpkg-query -W -f '${{Status}} ${{Version}}' {DEVICE}") == f"install ok installed {SECOND}"
    assert (version(home), kept(home)) == (SECOND, before)


def test_rollback_goes_back_and_forth_though_python_is_broken(home: Debian, suite: Suite) -> None:
    assert FIRST in home.sh("doorward-device rollback")
    assert version(home) == FIRST
    home.sh("doorward-device rollback")
    assert version(home) == SECOND
    broken = home.root / HOME.lstrip("/") / SECOND / f"lib/{suite.python_name}/site-packages/device/cli.py"
    text = broken.read_bytes()
    broken.unlink()  # the file is a hard link
    broken.write_text("this is not Python")
    assert home.run(DEVICE, "--version").returncode != 0
    home.sh("doorward-device rollback")
    assert version(home) == FIRST
    broken.write_bytes(text)
    home.sh("doorward-device rollback")


def test_removal_keeps_the_identity_for_the_day_it_comes_back(home: Debian, amd64: Versions) -> None:
    before = kept(home)
    home.sh(f"dpkg -r {DEVICE}")
    assert not (home.root / HOME.lstrip("/")).exists()
    assert kept(home) == before
    assert home.dpkg(amd64[SECOND][DEVICE]).returncode == 0
    assert (version(home), kept(home)) == (SECOND, before)


def test_purge_without_a_terminal_keeps_the_key(home: Debian, amd64: Versions) -> None:
    key, _ = kept(home)
    done = home.run("dpkg", "-P", DEVICE)
    assert done.returncode == 0, done.stderr
    assert "key stays" in done.stderr
    assert (home.root / KEY).read_bytes() == key
    assert not (home.root / "etc/doorward").exists()
    assert home.dpkg(amd64[SECOND][DEVICE]).returncode == 0


@contextlib.contextmanager
def partition_of_its_own(folder: Path) -> Iterator[Path]:
    """As docs/install.md has it for a card that is never written: something that can be emptied, and not removed."""
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_purge_removes_the_key_where_somebody_said_yes(home: Debian) -> None:
    home.sh("echo 'doorward-device doorward-device/remove-keys boolean true' | debconf-set-selections")
    with partition_of_its_own(home.root / "var/lib/doorward") as state:
        home.sh(f"dpkg -P {DEVICE}")
        assert list(state.iterdir()) == []
    state.rmdir()
    left = home.sh("find / -xdev -path /proc -prune -o -name '*doorward*' -print").split()
    others = ("signaling", "provision", "/var/lib/dpkg/", "/opt/doorward")
    assert not [path for path in left if not any(other in path for other in others)]
    assert not (home.root / HOME.lstrip("/")).exists()


def test_the_other_two_go_without_a_trace(home: Debian) -> None:
    home.sh("dpkg -P doorward-signaling doorward-provision")
    assert not (home.root / "opt/doorward").exists()
    assert not (home.root / "etc/doorward-signaling").exists()
