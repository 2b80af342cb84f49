"""The page in real Chromium, against a signaling server that a test scripts line by line."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tests.browser.page.stand import CHROMIUM_ARGS, WITHIN_S, DoorPage, House, Server, certificate
from tests.harness.chromium import executable


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(certificate(tmp_path_factory.mktemp("tls")))
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser(playwright: Playwright, server: Server) -> Iterator[Browser]:
    """One Chromium per file; it ends before the server, which then has nobody left to wait for."""
    assert server.port
    browser = playwright.chromium.launch(executable_path=executable(), args=CHROMIUM_ARGS, headless=True)
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    server.forget()
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(WITHIN_S * 1000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page; an uncaught error in it, or a breach of its own policy, fails the test. What it says is shown then."""
    page = context.new_page()
    page.on("console", lambda line: print(f"page: {line.text}"))
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if "Content Security" in line.text else None)
    yield page
    assert wrong == []


@pytest.fixture
def blank(page: Page, server: Server) -> Page:
    """A page of the right origin that runs nothing: tests import the modules one by one."""
    page.goto(f"{server.origin}/blank.html")
    return page


@pytest.fixture
def house(server: Server) -> House:
    return House(server.host, server.origin)


@pytest.fixture
def invited(page: Page, house: House) -> Page:
    """A page that has taken up its invitation."""
    page.goto(house.invitation())
    page.locator("#confirm-invitation").click()
    page.locator("#doors").wait_for()
    return page


@pytest.fixture
def door(context: BrowserContext, server: Server, page: Page) -> DoorPage:
    """A door station played by a second page."""
    door = DoorPage(context, server)
    if "a=candidate:" not in door.offer:
        pytest.skip("no network interface but loopback, for which Chromium offers no candidate")
    page.bring_to_front()
    return door
