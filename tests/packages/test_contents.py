"""What is in the packages, also in those for a machine that this one cannot run."""

import email.parser
import re
import struct
import subprocess
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deb.build import build
from deb.environment import OURS
from deb.targets import PACKAGES, ROOT, Package, Target
from tests.packages.conftest import FIRST, WHEN

pytestmark = pytest.mark.timeout(1200)
"""The first test waits for packages to be built and for a Debian to be made."""

AARCH64 = 183
"""EM_AARCH64 of the ELF header (elf.h)."""

BY_NAME = {package.name: package for package in PACKAGES}
NAMES = sorted(BY_NAME)


@pytest.fixture(scope="module")
def unpacked(arm64: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each arm64 package's files."""
    found = {}
    for name, deb in arm64.items():
        found[name] = tmp_path_factory.mktemp(name)
        subprocess.run(["dpkg-deb", "-R", str(deb), str(found[name])], check=True)
    return found


@pytest.fixture(scope="module")
def tag(pi: Target) -> str:
    """In the names of the libraries that are made for one Python on one machine."""
    return f".cpython-{pi.suite.abi.removeprefix('cp')}-{pi.machine}-linux-gnu."


def site(root: Path, package: Package) -> Path:
    (found,) = (root / package.home.lstrip("/") / "package/lib").glob("python3.*/site-packages")
    return found


def control(root: Path) -> Message:
    return email.parser.Parser().parsestr((root / "DEBIAN" / "control").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_every_library_in_it_is_for_the_machine_and_its_python(
    name: str, unpacked: dict[str, Path], tag: str, pi: Target
) -> None:
    assert site(unpacked[name], BY_NAME[name]).parent.name == pi.suite.python_name
    libraries = [path for path in unpacked[name].rglob("*.so*") if path.is_file()]
    assert libraries
    for path in libraries:
        head = path.read_bytes()[:20]
        assert head[:4] == b"\x7fELF"
        assert struct.unpack_from("<H", head, 18) == (AARCH64,), path
        assert not path.name.count(".cpython-") or tag in path.name, path


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_a_library_asks_for_is_there_or_comes_from_apt(
    name: str, unpacked: dict[str, Path], pi: Target
) -> None:
    package = BY_NAME[name]
    there, asked = set(package.from_apt), []
    python = ".".join(map(str, pi.suite.python))
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.2",
        "platform_machine": "aarch64",
        "extra": "",
    }
    for metadata in site(unpacked[name], package).glob("*.dist-info/METADATA"):
        about = email.parser.HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
        there.add(canonicalize_name(about["Name"]))
        asked += [Requirement(text) for text in about.get_all("Requires-Dist") or []]
    missing = [one.name for one in asked if one.marker is None or one.marker.evaluate(environment)]
    assert {canonicalize_name(one) for one in missing} <= there


def test_what_apt_brings_is_not_brought_twice(unpacked: dict[str, Path], pi: Target) -> None:
    names = {path.name for path in site(unpacked["doorward-device"], BY_NAME["doorward-device"]).iterdir()}
    assert names.isdisjoint({"numpy", "picamera2", "lgpio.py"})
    depends = control(unpacked["doorward-device"])["Depends"]
    for wanted in ("python3-numpy", pi.suite.alsa, "python3-lgpio", "python3-picamera2"):
        assert wanted in depends


def test_it_brings_the_alsaaudio_that_debian_does_not_have_yet(unpacked: dict[str, Path], tag: str) -> None:
    (module,) = site(unpacked["doorward-device"], BY_NAME["doorward-device"]).glob("alsaaudio*")
    assert module.name == f"alsaaudio{tag}so"
    assert "python3-alsaaudio" not in control(unpacked["doorward-device"])["Depends"]


@pytest.mark.parametrize("name", NAMES)
def test_it_ships_its_own_part_of_the_program_and_nothing_of_the_machine_that_built_it(
    name: str, unpacked: dict[str, Path]
) -> None:
    root, package = unpacked[name], BY_NAME[name]
    assert {path.name for path in site(root, package).iterdir()} & OURS == set(package.imports)
    for path in root.rglob("*"):
        assert path.suffix != ".pyc", path
        if path.is_file() and not path.is_symlink():
            assert str(ROOT).encode() not in path.read_bytes(), path


def test_the_units_are_those_of_the_repository_that_its_systemd_knows(unpacked: dict[str, Path], pi: Target) -> None:
    installed = [
        path for root in unpacked.values() for path in root.glob("usr/lib/systemd/system/**/*") if path.is_file()
    ]
    units = {path.name for path in (ROOT / "systemd").iterdir() if path.suffix in {".service", ".timer", ".path"}}
    assert {path.name for path in installed if path.parent.name == "system"} == units
    for path in installed:
        inside = path.parts[path.parts.index("system") + 1 :]
        assert path.read_bytes() == (ROOT / "systemd").joinpath(*inside).read_bytes()
    settings = [path for path in installed if path.parent.name != "system"]
    assert len(settings) == (2 if pi.suite.growing_backoff else 0)


def test_what_the_units_run_is_in_the_packages(unpacked: dict[str, Path]) -> None:
    for name in ("doorward-device", "doorward-signaling"):
        root = unpacked[name]
        units = "".join(unit.read_text(encoding="utf-8") for unit in root.glob("usr/lib/systemd/system/*.service"))
        programs = re.findall(r"^Exec\w+=.*?(/usr/(?:bin|lib)/doorward\S*)", units, re.MULTILINE)
        assert f"/usr/bin/{name}" in programs
        for program in programs:
            there = root / program.lstrip("/")
            assert there.is_symlink() or there.stat().st_mode & 0o777 == 0o755, program


def test_the_program_knows_when_it_was_built(unpacked: dict[str, Path]) -> None:
    built = site(unpacked["doorward-device"], BY_NAME["doorward-device"]) / "device" / "built"
    assert float(built.read_text(encoding="ascii")) == WHEN


@pytest.mark.parametrize("pi", ["trixie"], indirect=True)
def test_the_same_source_gives_the_same_bytes(pi: Target, arm64: dict[str, Path], tmp_path: Path) -> None:
    for file in build(pi, FIRST, WHEN, tmp_path, compression="none"):
        assert file.read_bytes() == arm64[file.name.partition("_")[0]].read_bytes(), file.name
