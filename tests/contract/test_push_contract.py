"""The push adapter against a push service that verifies and decrypts what it is sent (RFC 8030, 8291, 8292)."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest
import structlog

from protocol.errors import ConfigError
from signaling.adapters import push as adapter
from signaling.adapters.push import PushServices, is_public
from signaling.config import PushConfig
from signaling.core.effects import KeepKeys, Notify, Subscribe
from tests.fakes.push_service import Browser, PushService, service_certificate

KEY, OTHER_KEY = "K" * 43, "O" * 43
CALL = "c" * 21 + "A"
CONFIG = PushConfig(contact="mailto:operator@example.org", ttl_s=30, private_services=True)
WITHIN_S = 20.0


def kept(folder: Path) -> list[str]:
    """The keys whose subscriptions are on the disk."""
    return sorted(path.stem for path in folder.glob("*.json"))


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return service_certificate(tmp_path_factory.mktemp("push"))


@dataclass
class Stand:
    pushes: PushServices
    service: PushService
    folder: Path
    browser: Browser = field(default_factory=Browser)

    def subscribe(self, key: str = KEY) -> None:
        self.pushes.perform(Subscribe(key, self.browser.subscription(f"{self.service.origin}/push/{key}")))

    def notify(self, *keys: str, call: str = CALL, ringing: bool = True) -> None:
        self.pushes.perform(Notify(keys or (KEY,), "front-door", call, ringing))

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not true():
                assert self.service.wrong == []
                await asyncio.sleep(0.01)

    async def asked(self, number: int) -> None:
        await self.until(lambda: len(self.service.asked) >= number)


@asynccontextmanager
async def standing(folder: Path, certificate: Path, config: PushConfig = CONFIG) -> AsyncIterator[Stand]:
    trusting = ssl.create_default_context(cafile=str(certificate))
    pushes = PushServices(folder, config, trusting)
    service = PushService(pushes.key)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    async with service.running(serving), pushes.running():
        yield Stand(pushes, service, folder)
    assert service.wrong == []


async def test_a_browser_is_woken_with_no_name_and_no_picture(tmp_path: Path, certificate: Path) -> None:
    async with standing(tmp_path, certificate) as stand:
        stand.subscribe()
        stand.notify()
        await stand.asked(1)
        (asked,) = stand.service.asked
        assert (asked.ttl, asked.urgency, asked.topic) == (30, "high", CALL)
        assert asked.subject == CONFIG.contact
        assert b"front-door" not in asked.body, "the service cannot read it"
        assert stand.browser.read(asked.body) == {"v": 1, "device": "front-door", "call": CALL, "ringing": True}


async def test_a_withdrawal_takes_the_place_of_a_ring_that_was_not_delivered(tmp_path: Path, certificate: Path) -> None:
    async with standing(tmp_path, certificate) as stand:
        stand.subscribe()
        stand.notify()
        await stand.asked(1)
        stand.notify(ringing=False)
        await stand.asked(2)
        ((_, left),) = stand.service.waiting.items()
        assert stand.browser.read(left.body)["ringing"] is False


async def test_only_who_subscribed_is_woken_and_nobody_who_is_off_every_roster(
    tmp_path: Path, certificate: Path
) -> None:
    async with standing(tmp_path, certificate) as stand:
        stand.subscribe(KEY)
        stand.subscribe(OTHER_KEY)
        stand.pushes.perform(KeepKeys(frozenset({OTHER_KEY})))
        stand.notify(KEY, OTHER_KEY, "N" * 43)
        await stand.asked(1)
        assert [name for name, _ in stand.service.waiting] == [OTHER_KEY]
        assert kept(tmp_path) == [OTHER_KEY]
        stand.pushes.perform(Subscribe(OTHER_KEY, None))
        assert kept(tmp_path) == []


@pytest.mark.parametrize("status", [404, 410])
async def test_a_subscription_that_is_no_more_is_deleted(tmp_path: Path, certificate: Path, status: int) -> None:
    async with standing(tmp_path, certificate) as stand:
        stand.subscribe()
        stand.service.answers = [status]
        stand.notify()
        await stand.until(lambda: not kept(tmp_path))
        assert stand.service.asked == []


async def test_a_service_that_is_busy_is_asked_again(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "AGAIN_S", 0.0)
    async with standing(tmp_path, certificate) as stand:
        stand.subscribe()
        stand.service.answers = [503]
        stand.notify()
        await stand.asked(1)


async def test_a_ring_that_the_service_did_not_take_is_not_tried_again_once_it_is_withdrawn(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a telephone rings for a call that somebody has answered."""
    monkeypatch.setattr(adapter, "AGAIN_S", 0.5)
    async with standing(tmp_path, certificate) as stand:
        stand.subscribe()
        stand.service.answers = [503]
        stand.notify()
        await stand.until(lambda: stand.service.answers == [])
        stand.notify(ringing=False)
        await stand.asked(1)
        stand.service.answers = [503]
        stand.notify(call="d" * 21 + "A")
        await stand.asked(2)  # at the second try, which is later than that of the ring would have been
        said = [stand.browser.read(asked.body) for asked in stand.service.asked]
        assert [(word["call"][0], word["ringing"]) for word in said] == [("c", False), ("d", True)]


async def test_a_withdrawal_does_not_overtake_a_ring_that_is_under_way_and_holds_up_nobody_else(
    tmp_path: Path, certificate: Path
) -> None:
    async with standing(tmp_path, certificate) as stand:
        stand.subscribe()
        stand.subscribe(OTHER_KEY)
        stand.service.slow = {KEY}
        stand.notify()
        await stand.until(lambda: stand.service.held == 1)
        stand.notify(ringing=False)
        stand.notify(OTHER_KEY)
        await stand.asked(1)
        assert [name for name, _ in stand.service.waiting] == [OTHER_KEY]
        assert stand.service.held == 1
        stand.service.go_on.set()
        await stand.asked(3)
        assert [stand.browser.read(asked.body)["ringing"] for asked in stand.service.asked[1:]] == [True, False]


async def test_a_ring_that_is_still_to_be_sent_is_replaced_by_its_withdrawal(tmp_path: Path, certificate: Path) -> None:
    async with standing(tmp_path, certificate) as stand:
        stand.subscribe()
        stand.notify()
        stand.notify(ringing=False)
        stand.notify(call="d" * 21 + "A")
        await stand.asked(2)
        said = [stand.browser.read(asked.body) for asked in stand.service.asked]
        assert [(word["call"][0], word["ringing"]) for word in said] == [("c", False), ("d", True)]


async def test_more_than_can_wait_is_dropped_and_said(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But a withdrawal takes the place of its ring, however many wait."""
    monkeypatch.setattr(adapter, "WAITING", 1)
    async with standing(tmp_path, certificate) as stand:
        stand.subscribe()
        with structlog.testing.capture_logs() as logs:
            stand.notify()
            stand.notify(call="d" * 21 + "A")
            stand.notify(ringing=False)
        assert [line["event"] for line in logs] == ["push-dropped"]
        await stand.asked(1)
        assert stand.browser.read(stand.service.asked[0].body)["ringing"] is False


async def test_redirects_are_not_followed(tmp_path: Path, certificate: Path) -> None:
    async with standing(tmp_path, certificate) as stand:
        stand.subscribe()
        stand.service.answers = [307]
        stand.notify()
        await stand.until(lambda: stand.service.answers == [])
        stand.notify(call="d" * 21 + "A")
        await stand.asked(1)  # and `standing` looks whether anybody went elsewhere


async def test_no_private_address_is_knocked_at(tmp_path: Path, certificate: Path) -> None:
    """By its number it is not even kept, nor is what is no address; by a name that leads there, nothing is sent."""
    config = PushConfig(contact=CONFIG.contact)
    async with standing(tmp_path, certificate, config) as stand:
        port = stand.service.origin.rpartition(":")[2]
        for host in ("127.0.0.1", "[::1]", "10.0.0.1", "[::ffff:192.168.1.1]", "169.254.169.254", "[a"):
            stand.pushes.perform(Subscribe(KEY, stand.browser.subscription(f"https://{host}:{port}/push/x")))
        assert kept(tmp_path) == []
        with pytest.raises(OSError, match="no public address"):
            await adapter.PublicOnly().resolve("localhost", int(port))


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.0.1", False),
     ("127.0.0.1", False), ("169.254.1.1", False), ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False),
     ("::1", False), ("fe80::1", False), ("fd00::1", False), ("::ffff:10.0.0.1", False), ("ff02::1", False)],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


async def test_subscriptions_and_the_servers_key_outlive_a_restart(tmp_path: Path, certificate: Path) -> None:
    async with standing(tmp_path, certificate) as stand:
        stand.subscribe()
        key = stand.pushes.key
    assert modes(tmp_path) == {"server-key.pem": 0o600, f"{KEY}.json": 0o600}
    assert PushServices(tmp_path, CONFIG).key == key


def test_what_cannot_be_read_is_left_out_and_a_key_that_is_none_is_said(tmp_path: Path) -> None:
    key = PushServices(tmp_path, CONFIG).key
    (tmp_path / f"{OTHER_KEY}.json").write_text("{}")
    assert PushServices(tmp_path, CONFIG).key == key
    (tmp_path / "server-key.pem").write_text("no key")
    with pytest.raises(ConfigError, match="not a private key"):
        PushServices(tmp_path, CONFIG)
