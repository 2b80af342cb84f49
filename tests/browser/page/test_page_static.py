"""The page from a host of its own: plain static files, another origin than the signaling server's."""

import functools
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import BrowserContext, Page

from provisioning.site import Site, make_site
from signaling.cli import main
from tests.browser.page.stand import RINGING, DoorPage, House, Server, certificate, phase
from tests.browser.page.test_page_invitation import refused, stored
from tests.browser.page.test_page_link import linked
from tests.integration.server import serving, two_doors


class Listening(http.server.ThreadingHTTPServer):
    """A browser that tries the certificate and hangs up is no error of the test."""

    def handle_error(self, *_: object) -> None:
        pass


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Python's own static server: it sets none of the page's headers."""

    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Static:
    """A folder with the page in it, and the origin that serves it."""

    folder: Path
    origin: str

    def write(self, *options: str) -> None:
        done = CliRunner().invoke(main, ["page", str(self.folder), *options])
        assert done.exit_code == 0, done.output


@pytest.fixture
def static(tmp_path: Path) -> Iterator[Static]:
    folder = tmp_path / "page"
    handler = functools.partial(Quiet, directory=str(folder))
    with Listening(("127.0.0.1", 0), handler) as httpd:
        # The handshake in the connection's own thread: a browser's idle connection would hold up all others.
        context: ssl.SSLContext = certificate(tmp_path)
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield Static(folder, f"https://127.0.0.1:{httpd.server_port}")
        httpd.shutdown()
        thread.join()


def invite(page: Page, static: Static, link: str) -> None:
    """Open the invitation at the page's own origin, and confirm it."""
    page.goto(f"{static.origin}/#{link.split('#')[1]}")
    page.locator("#confirm-invitation").click()
    page.locator("#doors").wait_for()


def test_a_page_of_another_origin_is_linked(
    page: Page, house: House, server: Server, door: DoorPage, static: Static
) -> None:
    static.write("--connect", f"wss://{server.host}")
    invite(page, static, house.invitation())
    linked(page, house, server, door)
    door.say(RINGING)
    phase(page, "ringing")
    assert server.origins[-1] == static.origin != server.origin


def test_the_policy_holds_without_any_header(
    context: BrowserContext, house: House, server: Server, static: Static
) -> None:
    """An invitation to another server is refused, were it the page's own host; and a script reaches no other."""
    page = context.new_page()
    static.write("--connect", f"wss://{server.host}")
    own = static.origin.removeprefix("https://")
    for host in ("elsewhere.example:8443", own):
        page.goto("about:blank")
        page.goto(f"{static.origin}/#{house.invitation(signaling=f'wss://{host}/answerer').split('#')[1]}")
        refused(page, "other-host")
    assert stored(page)["sites"] == []
    blocked = page.evaluate(
        """() => new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => resolve(effectiveDirective));
          try { new WebSocket("wss://127.0.0.1:9"); } catch { /* some browsers throw, all report */ }
        })"""
    )
    assert blocked == "connect-src"


def real_site(folder: Path) -> Site:
    """A site whose people connect to a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return make_site(folder / "site", replace(two_doors(), people_port=port))


@pytest.mark.parametrize("permitted", [True, False])
def test_the_real_server_takes_logins_from_the_origins_that_it_is_told(
    page: Page, static: Static, tmp_path: Path, permitted: bool
) -> None:
    site = real_site(tmp_path)
    config = site.signaling_config
    if permitted:
        config.write_text(config.read_text().replace("[people]\n", f'[people]\norigins = ["{static.origin}"]\n'))
    static.write("--config", str(config))
    with serving(site):
        invite(page, static, site.invitation("alice"))
        page.locator(f"#connection[data-state={'online' if permitted else 'lost'}]").wait_for()


def test_a_page_in_a_frame_does_not_run(page: Page, house: House, server: Server, static: Static) -> None:
    static.write("--connect", f"wss://{server.host}")
    invite(page, static, house.invitation())
    outer = static.folder / "outer.html"
    outer.write_text(f'<!doctype html><iframe src="{static.origin}/"></iframe>')
    page.goto(f"{static.origin}/outer.html")
    framed = page.frame_locator("iframe")
    framed.locator("p[role=alert]", has_text="inside another page").wait_for()
    assert framed.locator("#doors").count() == 0
    assert framed.locator("html").get_attribute("data-refusals") == "1"
