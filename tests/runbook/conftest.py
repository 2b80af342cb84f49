"""One house for the whole file: each test leaves it in order, as an operator would."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Playwright

from tests.harness import chromium as browser
from tests.harness.fixtures import net, playwright, pulse
from tests.harness.namespaces import Network
from tests.harness.pulse import PulseDoor
from tests.runbook.estate import Estate, Phone, estate, missing

__all__ = ["net", "playwright", "pulse"]

NewPhone = Callable[[str], Phone]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, net: Network, pulse: PulseDoor) -> Iterator[Estate]:
    if reason := missing():
        pytest.skip(reason)
    with estate(tmp_path_factory.mktemp("estate"), net, pulse) as made:
        yield made


def phones(home: Estate, playwright: Playwright) -> Iterator[NewPhone]:
    """Starts browsers that trust the site's CAs as they are now."""
    with ExitStack() as stack:

        def make(name: str) -> Phone:
            context = stack.enter_context(browser.chromium(playwright, home.ca_path, home.net.at_home()))
            return Phone(context, name)

        yield make


new_phone = pytest.fixture(phones)
module_phone = pytest.fixture(phones, scope="module")
