"""One rig for the whole lane, `DOORWARD_RIG` says which: `virtual`, or the description file of a bench."""

import contextlib
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.harness.fixtures import playwright
from tests.hil.bench import BenchRig, load_description
from tests.hil.house import House, house, new_site
from tests.hil.journal import Journal
from tests.hil.rig import Rig
from tests.hil.virtual import machine, wire
from tests.hil.virtual.delivery import virtual_rig

__all__ = ["playwright"]

TIMEOUT_S = 5400
"""Of one scenario; the first waits for the image to be built, too."""

WHICH = os.environ.get("DOORWARD_RIG", "virtual")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.hil)
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
            if item.get_closest_marker("long") and os.environ.get("DOORWARD_HIL") == "short":
                item.add_marker(pytest.mark.skip("takes minutes: `make hil` runs it"))


@pytest.fixture(scope="session")
def _rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("rig")
    if WHICH != "virtual":
        described = load_description(Path(WHICH))
        with contextlib.closing(BenchRig(described, new_site(folder / "site", described.host))) as bench:
            yield bench
        return
    if reason := machine.missing():
        pytest.skip(reason)
    site = new_site(folder / "site", wire.HERE)
    with virtual_rig(site, folder) as rig:
        yield rig


@pytest.fixture
def rig(_rig: Rig, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The door station, fresh; what it cannot do skips the test by name."""
    for marker in request.node.iter_markers("needs"):
        for feature in marker.args:
            if feature in _rig.lacks:
                pytest.skip(f"{_rig.name}: {_rig.lacks[feature]}")
    _rig.fresh()
    yield _rig
    if request.node.stash.get(FAILED, False):
        sys.stderr.write("\n".join(str(line) for line in _rig.journal()[-40:]))


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def journal(rig: Rig) -> Journal:
    return Journal(rig)


@pytest.fixture
def home(rig: Rig, playwright: Playwright, tmp_path: Path) -> Iterator[House]:
    """The house behind the door: nobody there, no server yet."""
    with house(rig.site, rig.at_home, playwright, tmp_path) as made:
        yield made
