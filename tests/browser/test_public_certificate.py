"""The page under a public certificate: nobody installs the site's CA on a phone, and devices trust nothing but it."""

import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from protocol.keys import new_key, private_key_pem
from provisioning.authority import Authority, issue_server, new_authority, pem
from provisioning.site import make_site
from tests.harness import chromium as browser
from tests.harness.namespaces import DOOR_ADDRESS, Network
from tests.harness.person import Person
from tests.harness.pulse import PulseDoor
from tests.harness.world import World, house_plan


def issue(public: Authority, folder: Path) -> None:
    """What an ACME client leaves on the server."""
    key = new_key()
    certificate = issue_server(public, [DOOR_ADDRESS], key.public_key(), datetime.now(UTC))
    (folder / "public.pem").write_text(pem(certificate))
    (folder / "public-key.pem").write_bytes(private_key_pem(key))


@pytest.fixture
def public() -> Authority:
    """A CA that the browser trusts; the devices do not."""
    return new_authority("public", datetime.now(UTC), [DOOR_ADDRESS])


def test_people_see_the_public_certificate_and_devices_the_sites_own(
    tmp_path: Path, net: Network, pulse: PulseDoor, playwright: Playwright, public: Authority
) -> None:
    site = make_site(tmp_path / "site", house_plan())
    server = site.signaling_config.parent
    issue(public, server)
    text = site.signaling_config.read_text().replace(
        "[people]\n", '[people]\ncertificate = "public.pem"\nkey = "public-key.pem"\n'
    )
    site.signaling_config.write_text(text)
    (tmp_path / "public-ca.pem").write_text(pem(public.certificate))
    home = World(tmp_path, site, net, pulse)
    try:
        home.start_server()
        home.start_device()
        with browser.chromium(playwright, tmp_path / "public-ca.pem", net.at_home()) as context:
            alice = Person(context, home, "alice")
            alice.accept_invitation()
            home.control.press("flat-1")
            alice.wait_for_phase("ringing")
            alice.wait_for_picture()
            alice.click("answer")
            alice.wait_for_phase("talking")
            alice.click("hang-up")
            renewed_while_it_runs(home, public, alice)
    finally:
        home.stop()


def renewed_while_it_runs(home: World, public: Authority, alice: Person) -> None:
    server = home.server
    assert server is not None
    folder = home.site.signaling_config.parent
    old_key = (folder / "public-key.pem").read_bytes()
    issue(public, folder)
    renewed = (folder / "public-key.pem").read_bytes()
    for half_written in (old_key, b"", b"spoilt"):
        (folder / "public-key.pem").write_bytes(half_written)
        since = server.mark()
        server.send(signal.SIGHUP)
        assert server.wait_for("certificate-not-taken", since=since), "the pair that works stays"
        alice.page.reload()
        alice.wait_for_phase("idle")
    (folder / "public-key.pem").write_bytes(renewed)
    server.send(signal.SIGHUP)
    alice.page.reload()
    alice.wait_for_phase("idle")
