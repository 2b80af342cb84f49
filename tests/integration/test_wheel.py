"""What is installed is what was tested: the wheel has the files that are not Python, and finds them."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from device.pins import known_lines

ROOT = Path(__file__).parents[2]
PARTS = ("protocol", "device", "provisioning", "signaling", "hw")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel holds, built from a copy: a build leaves things behind."""
    pytest.importorskip("setuptools", "77", reason="setuptools 77 or newer is not installed: make setup")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(source)], check=True, timeout=110)
    with zipfile.ZipFile(next(folder.glob("doorward-*.whl"))) as wheel:
        wheel.extractall(folder / "installed")
    return folder / "installed"


def run(installed: Path, program: str) -> str:
    """What a program prints that sees the installed files before ours."""
    env = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=installed.parent, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_board_profiles_are_installed_and_found(installed: Path) -> None:
    program = "import device.boards as b; print(b.__file__); [print(n, b.load_board(n).title) for n in b.board_names()]"
    where, *boards = run(installed, program).splitlines()
    assert Path(where).is_relative_to(installed)
    assert [line.split()[0] for line in boards] == sorted(file.stem for file in (ROOT / "hw/boards").glob("*.toml"))


def test_the_list_of_pins_is_installed_and_found(installed: Path) -> None:
    program = "import device.pins as p; print(p.__file__); [print(n, l.bcm) for n, l in p.known_lines().items()]"
    where, *lines = run(installed, program).splitlines()
    assert Path(where).is_relative_to(installed)
    assert lines == [f"{name} {line.bcm}" for name, line in known_lines().items()]


def test_the_page_is_installed(installed: Path) -> None:
    ours = {path.relative_to(ROOT) for path in (ROOT / "signaling/web").rglob("*") if path.is_file()}
    assert ours
    assert all((installed / path).is_file() for path in ours)
