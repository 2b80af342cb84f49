"""A ring that finds nobody at home, through the real server, to a push service that decrypts it."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.ids import new_token
from protocol.messages import AnswererWelcome, PushSubscribe, PushUnsubscribe, Ring, RingEnded
from provisioning.site import make_site
from tests.fakes.push_service import Browser, PushService, service_certificate
from tests.integration.server import HOST, RELAXED, Server, door, person, serving, two_doors
from tests.integration.test_server_refuses_devices import real

WITHIN_S = 20.0
PUSH = '[push]\ncontact = "mailto:operator@example.org"\nprivate_services = true\n'


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the push service; the server's process trusts it."""
    path = service_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


@pytest.fixture
def server(tmp_path: Path, certificate: Path) -> Iterator[Server]:
    assert certificate.is_file()
    site = make_site(tmp_path / "site", two_doors())
    config = site.signaling_config
    lines = [f'hosts = ["{HOST}"]' if line.startswith("hosts") else line for line in config.read_text().splitlines()]
    config.write_text("\n".join([*lines, "[limits]", RELAXED, PUSH]))
    with serving(site) as server:
        yield server


async def until_asked(service: PushService, number: int) -> None:
    async with asyncio.timeout(WITHIN_S):
        while len(service.asked) < number:
            assert service.wrong == []
            await asyncio.sleep(0.02)


async def test_who_is_away_is_woken_and_told_when_it_is_over(server: Server, certificate: Path) -> None:
    browser, call = Browser(), new_token()
    async with person(server, "alice") as alice:
        assert isinstance(alice.welcome, AnswererWelcome)
        assert alice.welcome.push_key is not None
        service = PushService(alice.welcome.push_key)
        serving_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving_tls.load_cert_chain(certificate)
        async with service.running(serving_tls):
            await alice.send(PushSubscribe(subscription=browser.subscription(f"{service.origin}/push/alice")))
            async with door(server, real(server)) as device:
                await asyncio.to_thread(server.process.wait_for, "push-subscribed")
                await device.send(Ring(call=call, button="flat-1", answerers=["alice", "bob"]))
                await until_asked(service, 1)
                await device.send(RingEnded(call=call))
                await until_asked(service, 2)
                said = [browser.read(asked.body) for asked in service.asked]
                payload = {"v": 1, "device": "front-door", "call": call}
                assert said == [payload | {"ringing": True}, payload | {"ringing": False}]
                await alice.send(PushUnsubscribe())
                await asyncio.to_thread(server.process.wait_for, "push-unsubscribed")
        assert service.wrong == []
