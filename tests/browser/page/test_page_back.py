"""Away and back again: Chromium keeps a page that is left, and the page that comes back connects anew."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright

from tests.browser.page.stand import CHROMIUM_ARGS, House, Server, log_in, phase
from tests.harness.chromium import executable

WATCH = """() => addEventListener("pageshow", ({ persisted }) => {
  sessionStorage.setItem("persisted", String(persisted));
}, { capture: true })"""


@pytest.fixture(scope="module")
def browser(playwright: Playwright, server: Server) -> Iterator[Browser]:
    """A Chromium with the back/forward cache, which Playwright turns off."""
    assert server.port
    kept = ["--disable-back-forward-cache"]
    browser = playwright.chromium.launch(
        executable_path=executable(), args=CHROMIUM_ARGS, ignore_default_args=kept, headless=True
    )
    yield browser
    browser.close()


def test_a_page_that_comes_back_from_the_cache_connects_again(invited: Page, house: House, server: Server) -> None:
    log_in(server, house, [house.signed()])
    phase(invited, "connecting")
    # One that takes over the page while it is kept would have it thrown away.
    invited.wait_for_function("() => navigator.serviceWorker.controller?.state === 'activated'")
    invited.evaluate(WATCH)
    invited.goto(f"{server.origin}/blank.html")
    invited.evaluate("() => setTimeout(() => history.back())")
    log_in(server, house, [house.signed()])
    phase(invited, "connecting")
    why = invited.evaluate("() => JSON.stringify(performance.getEntriesByType('navigation')[0].notRestoredReasons)")
    assert invited.evaluate("() => sessionStorage.getItem('persisted')") == "true", f"loaded anew: {why}"
