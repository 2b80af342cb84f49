"""The device and whom it takes for its server: real sockets, real TLS, certificates wrong in one thing each."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from websockets import Subprotocol
from websockets.asyncio.server import ServerConnection, serve

from device.adapters.wss import CLOCK_HINT, OUTBOX, SUBPROTOCOL, WebsocketsSignaling, dial, probe, tls_context
from device.core.events import Event, SignalingDown, SignalingUp
from device.errors import SignalingLost, SignalingRefused
from device.identity import load_identity
from protocol.certificates import load_certificates, operator_urn
from protocol.codec import encode
from protocol.keys import load_private_key, new_key
from protocol.messages import DeviceWelcome, RingEnded
from provisioning.authority import Authority, new_authority
from provisioning.site import DevicePlan, Site, SitePlan, make_site
from tests.pki import CLIENT, HOUR, SERVER, YEAR, Made, Wish, device_wish, host, make, server_wish, uri

SITE, DEVICE, HOSTS = "home", "front-door", ("127.0.0.1", "localhost")
DEADLINE_S = 10


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    plan = SitePlan(
        SITE, HOSTS, {DEVICE: DevicePlan({"flat-1": ("Flat 1", ["alice"])})}, {"alice": ("Alice", ["talk"])}
    )
    return make_site(tmp_path_factory.mktemp("site") / "home", plan)


def device_context(site: Site) -> ssl.SSLContext:
    identity = load_identity(site.identity(DEVICE))
    return tls_context(identity.ca_pem, identity.certificate_pem, identity.key_path)


@contextlib.asynccontextmanager
async def server(
    folder: Path, made: Made, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, subprotocol: str = SUBPROTOCOL
) -> AsyncIterator[str]:
    """A server that welcomes everybody; its address."""
    path = folder / "server-and-key.pem"
    path.write_text(made.with_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, newest
    context.load_cert_chain(path)

    async def welcome(connection: ServerConnection) -> None:
        message = DeviceWelcome(ice_servers=[], roster=None, answerers=[], time=int(time.time()))
        await connection.send(encode(message))
        await connection.wait_closed()

    def choose(_: ServerConnection, __: object) -> Subprotocol | None:
        return Subprotocol(subprotocol) if subprotocol else None

    async with serve(welcome, "127.0.0.1", 0, ssl=context, select_subprotocol=choose, compression=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        yield f"wss://127.0.0.1:{port}/device"


def good(site: Site) -> Wish:
    return server_wish(site.authority, HOSTS)


async def first_event(url: str, context: ssl.SSLContext) -> Event:
    """What the running connection tells the core first."""
    events: asyncio.Queue[Event] = asyncio.Queue()
    running = asyncio.create_task(WebsocketsSignaling(url, context, events.put_nowait).run())
    try:
        return await asyncio.wait_for(events.get(), DEADLINE_S)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def dial_and_close(url: str, context: ssl.SSLContext) -> None:
    await (await dial(url, context)).close()


async def refusal(url: str, context: ssl.SSLContext) -> str:
    """Why the device refused the server, which it must, whichever way it asks."""
    with pytest.raises(SignalingRefused) as dialled:
        await dial_and_close(url, context)
    event = await first_event(url, context)
    assert isinstance(event, SignalingDown), "the core must never hear of a server that was refused"
    assert event.why == str(dialled.value)
    return str(dialled.value)


async def test_the_sites_own_server_is_accepted(site: Site, tmp_path: Path) -> None:
    async with server(tmp_path, make(good(site))) as url:
        connection = await dial(url, device_context(site))
        await connection.close()
        await probe(url, device_context(site))
        assert isinstance(await first_event(url, device_context(site)), SignalingUp)


async def test_the_certificate_that_provisioning_issues_is_accepted(site: Site, tmp_path: Path) -> None:
    path = site.folder / "server"
    key = load_private_key((path / "server-key.pem").read_bytes())
    made = Made(key, load_certificates((path / "server.pem").read_bytes(), "server")[0])
    async with server(tmp_path, made) as url:
        assert isinstance(await first_event(url, device_context(site)), SignalingUp)


@dataclass(frozen=True, slots=True)
class Case:
    """How the good certificate is spoilt, and words of the reason given; `dates` if a wrong clock explains it."""

    why: str
    dates: bool = False


CASES = {
    "another-ca": Case("unable to get local issuer certificate"),
    "self-signed": Case("self-signed certificate"),
    "signed-by-a-device": Case("invalid CA certificate"),
    "expired": Case("certificate has expired", dates=True),
    "not-yet-valid": Case("certificate is not yet valid", dates=True),
    "another-host": Case("IP address mismatch"),
    "name-in-common-name-only": Case("IP address mismatch"),
    "for-clients": Case("unsuitable certificate purpose"),
    "without-purpose": Case("lacks basic constraints or extended key usage"),
    "for-clients-and-servers": Case("extended key usage is for something else"),
    "a-ca-as-leaf": Case("a CA's, used as a leaf"),
    "with-a-device-name": Case("a device's or operator's, used by a server"),
    "with-an-operator-name": Case("a device's or operator's, used by a server"),
}


def spoilt(case: str, site: Site) -> Made:
    right = good(site)
    match case:
        case "another-ca":
            return make(replace(right, by=new_authority(SITE, site.authority.certificate.not_valid_before_utc + HOUR)))
        case "self-signed":
            return make(replace(right, by=None))
        case "signed-by-a-device":
            device = make(device_wish(site.authority, SITE, DEVICE))
            return make(replace(right, by=Authority(device.key, device.certificate)), chain=[device.certificate])
        case "expired":
            return make(replace(right, begins=-YEAR, ends=-HOUR))
        case "not-yet-valid":
            return make(replace(right, begins=HOUR))
        case "another-host":
            return make(replace(right, names=[host("127.0.0.2"), host("door.example")]))
        case "name-in-common-name-only":
            return make(replace(right, names=[]))
        case "for-clients":
            return make(replace(right, purposes=[CLIENT]))
        case "without-purpose":
            return make(replace(right, purposes=None))
        case "for-clients-and-servers":
            return make(replace(right, purposes=[SERVER, CLIENT]))
        case "a-ca-as-leaf":
            return make(replace(right, ca=True))
        case "with-a-device-name":
            return make(replace(right, names=[*right.names, uri(f"urn:doorward:{SITE}:device:{DEVICE}")]))
        case "with-an-operator-name":
            return make(replace(right, names=[*right.names, uri(operator_urn(SITE))]))
    raise AssertionError(case)


@pytest.mark.parametrize("case", CASES)
async def test_the_device_refuses_a_server_whose_certificate_is(case: str, site: Site, tmp_path: Path) -> None:
    async with server(tmp_path, spoilt(case, site)) as url:
        why = await refusal(url, device_context(site))
        with pytest.raises(SignalingRefused) as probed:
            await probe(url, device_context(site))
    assert url in why
    for text in (why, str(probed.value)):
        assert CASES[case].why in text
        assert (CLOCK_HINT in text) == CASES[case].dates


async def test_a_server_that_offers_only_tls_1_2_is_refused(site: Site, tmp_path: Path) -> None:
    async with server(tmp_path, make(good(site)), newest=ssl.TLSVersion.TLSv1_2) as url:
        # asyncio's server hangs up without an alert, which looks like a loss.
        with pytest.raises((SignalingRefused, SignalingLost)) as dialled:
            await dial_and_close(url, device_context(site))
        assert not str(dialled.value).endswith(": "), "an error says something"
        assert isinstance(await first_event(url, device_context(site)), SignalingDown)


async def test_an_alert_for_the_tls_version_is_named(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "server-and-key.pem"
    path.write_text(make(good(site)).with_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(path)

    def answer(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        answering = asyncio.create_task(asyncio.to_thread(answer, listening))
        with pytest.raises(SignalingRefused, match=r"TLS: .*PROTOCOL_VERSION"):
            await dial_and_close(f"wss://127.0.0.1:{listening.getsockname()[1]}/device", device_context(site))
        await answering


@pytest.mark.parametrize("subprotocol", ["", "doorward.v2"])
async def test_a_server_that_speaks_no_such_subprotocol_is_refused(
    subprotocol: str, site: Site, tmp_path: Path
) -> None:
    async with server(tmp_path, make(good(site)), subprotocol=subprotocol) as url:
        why = await refusal(url, device_context(site))
        assert "subprotocol" in why or "does not speak" in why


async def test_the_common_name_is_never_matched(site: Site, tmp_path: Path) -> None:
    made = make(replace(good(site), common_name="localhost", names=[]))
    async with server(tmp_path, made) as url:
        assert "mismatch" in await refusal(url.replace("127.0.0.1", "localhost"), device_context(site))


async def test_the_systems_own_authorities_count_for_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_authority(SITE, site.authority.certificate.not_valid_before_utc + HOUR)
    system = tmp_path / "system.pem"
    system.write_text(Made(new_key(), other.certificate).pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    async with server(tmp_path, make(server_wish(other, HOSTS))) as url:
        assert "unable to get local issuer certificate" in await refusal(url, device_context(site))


async def test_a_server_that_takes_nothing_more_is_given_up(site: Site, tmp_path: Path) -> None:
    """Not kept mute: without offers nobody could be rung until somebody restarted something."""
    async with server(tmp_path, make(good(site))) as url:
        events: asyncio.Queue[Event] = asyncio.Queue()
        signaling = WebsocketsSignaling(url, device_context(site), events.put_nowait)
        running = asyncio.create_task(signaling.run())
        try:
            assert isinstance(await asyncio.wait_for(events.get(), DEADLINE_S), SignalingUp)
            for _ in range(OUTBOX + 1):  # in one breath: nothing of it can have been sent yet
                signaling.send(RingEnded(call="A" * 22))
            down = await asyncio.wait_for(events.get(), DEADLINE_S)
            assert isinstance(down, SignalingDown)
            assert isinstance(await asyncio.wait_for(events.get(), DEADLINE_S), SignalingUp), "and comes back"
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_sender_that_dies_is_not_outlived(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected death ends the daemon, and the service manager starts it anew."""

    def broken(_: object) -> str:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("device.adapters.wss.encode", broken)
    async with server(tmp_path, make(good(site))) as url:
        events: asyncio.Queue[Event] = asyncio.Queue()
        signaling = WebsocketsSignaling(url, device_context(site), events.put_nowait)
        running = asyncio.create_task(signaling.run())
        try:
            assert isinstance(await asyncio.wait_for(events.get(), DEADLINE_S), SignalingUp)
            signaling.send(RingEnded(call="A" * 22))
            with pytest.raises(RuntimeError, match="on purpose"):
                await asyncio.wait_for(running, DEADLINE_S)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
