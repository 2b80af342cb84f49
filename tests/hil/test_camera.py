"""The camera adapter meets the real libraries: its contract suite, run on the door station against its camera."""

import io
import tarfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.hil import figures
from tests.hil.rig import UNIT, Rig

ROOT = Path(__file__).parents[2]
OURS = ("tests/__init__.py", "tests/contract", "tests/fakes", "tests/harness")
PYTEST = ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest-asyncio", "typing-extensions")
SUITE = "tests/contract/test_video_contract.py"
THERE = "/root/suite"
PYTHON = "/opt/doorward/device/current/bin/python3"

RUN = f"""
cd {THERE}
LG_WD=/run DOORWARD_TEST_TIMEOUT_SCALE=12 PYTHONPATH={THERE} {PYTHON} -m pytest -c /dev/null --rootdir=. --noconftest \\
    -p no:cacheprovider -o asyncio_mode=auto -q -ra -k 'picamera2 and not double' {SUITE} 2>&1
"""


@pytest.mark.long
def test_the_contract_of_a_camera_holds_on_the_real_library(rig: Rig) -> None:
    rig.pi.run("systemctl", "stop", UNIT, "doorward-device.path", timeout=120)
    rig.pi.run("sh", "-c", f"mkdir -p {THERE}; tar -xzC {THERE}", given=_suite(), timeout=200)
    said = rig.pi.run("sh", "-c", RUN, may_fail=True, timeout=1500)
    verdict = said.text.splitlines()[-1]
    figures.tell("camera_contract", verdict)
    assert said.code == 0, said.text[-6000:]
    assert "skipped" not in verdict


def _suite() -> bytes:
    """The tests, and what runs them; the firmware is the one that is installed there."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in OURS:
            tar.add(ROOT / name, name, filter=_sources)
        for name in PYTEST:
            for file in distribution(name).files or ():
                if file.suffix != ".pyc" and ".." not in file.parts:
                    tar.add(str(file.locate()), str(file))
    return packed.getvalue()


def _sources(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry
