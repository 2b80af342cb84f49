"""The server and clients that break no rule of the messages: silent, slow, too many, or in the way when it stops."""

import asyncio
import contextlib
import json
import select
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from protocol.ids import new_token
from protocol.messages import Arrived, DevicePresence, ErrorMessage, Left, Offer, RosterMessage
from tests.harness.processes import SCALE, wait_until
from tests.integration.server import (
    DEADLINE_S,
    Door,
    Server,
    closed,
    door,
    login,
    only,
    person,
    replace_roster,
    running_server,
    stranger,
)
from tests.integration.test_server_refuses_devices import real

IMPATIENT = "unauthenticated_per_s = 1000\nmessages_per_s = 100000\nlogin_s = 0.5\nping_s = 0.9\n"
LONG = "v" * 30_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("impatient"), IMPATIENT) as running:
        yield running


def stop_reading(connection: ClientConnection) -> None:
    """From now on it takes nothing from its socket, and so answers no ping."""
    connection.transport.pause_reading()


async def leaves(device: Door, session: str) -> None:
    """Wait until the device is told that the session has left."""
    while await device.receive() != Left(session=session):
        pass


def secure(server: Server) -> ssl.SSLSocket:
    """A connection to the people's port that has been through TLS."""
    plain = socket.create_connection(("127.0.0.1", server.people_port), DEADLINE_S)
    return server.context().wrap_socket(plain, server_hostname="127.0.0.1")


def open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


# Silence


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: door"])
def test_who_asks_for_nothing_after_tls_is_closed(said: bytes, impatient: Server) -> None:
    with secure(impatient) as silent:
        silent.sendall(said)
        assert silent.recv(1) == b""


@pytest.mark.parametrize("port", ["people", "devices"])
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"])
def test_who_never_comes_to_an_end_with_tls_is_closed(said: bytes, port: str, impatient: Server) -> None:
    number = impatient.people_port if port == "people" else int(impatient.devices_url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", number), DEADLINE_S) as silent:
        silent.sendall(said)
        assert silent.recv(1) == b""


def test_who_asks_for_pages_and_takes_none_is_cut_off(impatient: Server) -> None:
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(DEADLINE_S)
    plain.connect(("127.0.0.1", impatient.people_port))
    with impatient.context().wrap_socket(plain, server_hostname="127.0.0.1") as greedy:
        greedy.settimeout(0)
        events = select.poll()
        events.register(greedy, select.POLLERR | select.POLLRDHUP)
        request = b"GET /style.css HTTP/1.1\r\nHost: door\r\n\r\n"
        began = time.monotonic()
        while not events.poll(10):
            with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError, ConnectionError):
                greedy.send(request)
            assert time.monotonic() - began < DEADLINE_S, "still there"


async def test_a_page_that_answers_no_ping_is_dropped(impatient: Server) -> None:
    async with door(impatient, real(impatient)) as device, person(impatient, "alice") as alice:
        assert alice.welcome is not None
        stop_reading(alice.connection)
        await asyncio.wait_for(leaves(device, alice.welcome.session), 3 * SCALE)


async def test_a_device_that_answers_no_ping_is_dropped(impatient: Server) -> None:
    async with person(impatient, "alice") as alice, door(impatient, real(impatient)) as device:
        assert await alice.receive() == DevicePresence(device="front-door", online=True)
        stop_reading(device.connection)
        assert await alice.receive() == DevicePresence(device="front-door", online=False)


async def test_who_answers_pings_need_say_nothing_else(impatient: Server) -> None:
    async with (
        door(impatient, real(impatient)) as device,
        person(impatient, "alice") as quiet,
        person(impatient, "alice") as dead,
    ):
        assert dead.welcome is not None
        stop_reading(dead.connection)
        await leaves(device, dead.welcome.session)
        await asyncio.wait_for(await quiet.connection.ping(), DEADLINE_S)


# Slowness


async def test_a_page_that_does_not_read_is_dropped_and_holds_nobody_up(server: Server) -> None:
    mark = server.process.mark()
    async with door(server, real(server)) as device, person(server, "alice") as slow, person(server, "alice") as quick:
        assert slow.welcome is not None
        assert quick.welcome is not None
        stop_reading(slow.connection)
        gone = asyncio.create_task(leaves(device, slow.welcome.session))
        for _ in range(1200):  # 36 MB: more than the sockets' buffers and the queue together
            await device.send(Offer(session=slow.welcome.session, link=new_token(), sdp=LONG))
            if gone.done():
                break
        await asyncio.wait_for(gone, 5 * SCALE)
        link = new_token()
        await device.send(Offer(session=quick.welcome.session, link=link, sdp="v=0"))
        assert getattr(await quick.receive(), "link", None) == link
    assert server.process.wait_for("slow-connection-dropped", since=mark)


async def test_who_is_dropped_and_does_not_read_is_cut_off(tmp_path: Path) -> None:
    with running_server(tmp_path) as fresh:
        site = fresh.site
        async with contextlib.AsyncExitStack() as stack:
            device = await stack.enter_async_context(door(fresh, real(fresh)))
            before = open_files(fresh)
            slow = await stack.enter_async_context(person(fresh, "alice"))
            assert open_files(fresh) == before + 1
            assert slow.welcome is not None
            stop_reading(slow.connection)
            end: socket.socket = slow.connection.transport.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for _ in range(250):  # more than the server's socket takes, and fewer than its queue
                await device.send(Offer(session=slow.welcome.session, link=new_token(), sdp=LONG))
            for name in ("front-door", "side-door"):
                site.publish(replace_roster(only(site.rosters[name], "bob")))
            fresh.process.send(signal.SIGHUP)
            await leaves(device, slow.welcome.session)
            await asyncio.to_thread(wait_until, "its socket is closed", lambda: open_files(fresh) <= before, 5)
        assert not any(line["event"] == "slow-connection-dropped" for line in fresh.process.lines)


# Numbers


async def test_connections_are_counted_before_tls_is_begun(tmp_path: Path) -> None:
    with running_server(tmp_path, "") as fresh:
        context = fresh.context()
        began = time.monotonic()
        tried = await asyncio.gather(*(_greets(fresh, context) for _ in range(150)))
        refilled = (time.monotonic() - began) * 10
        assert 80 <= sum(tried) <= 81 + refilled
        assert sum(tried) < 150, "too slow a machine for this test to mean anything"
        async with asyncio.timeout(DEADLINE_S):
            while not await _greets(fresh, context):
                pass


async def _greets(server: Server, context: ssl.SSLContext) -> bool:
    """Whether the server goes through TLS with somebody new."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", server.people_port, ssl=context)
    except OSError:
        return False
    writer.transport.abort()
    return True


# Who is added


async def test_who_is_added_gets_the_roster_and_hears_whether_the_door_is_there(tmp_path: Path) -> None:
    with running_server(tmp_path) as fresh:
        site = fresh.site
        async with door(fresh, real(fresh)) as front, person(fresh, "bob") as bob:
            assert bob.welcome is not None
            both = site.rosters["side-door"]
            added = replace_roster(site.rosters["front-door"], buttons=both.buttons, answerers=both.answerers, serial=9)
            site.publish(added)
            fresh.process.send(signal.SIGHUP)
            assert isinstance(await bob.receive(), RosterMessage)
            assert await bob.receive() == DevicePresence(device="front-door", online=True)
            assert isinstance(await front.receive(), RosterMessage)
            assert await front.receive() == Arrived(session=bob.welcome.session, answerer="bob")


# The log, and the end


async def test_the_log_holds_no_more_of_a_strangers_words_than_a_line(server: Server) -> None:
    mark = server.process.mark()
    async with stranger(server) as page:
        await page.connection.send(json.dumps({"type": "x" * 60_000}))
        assert isinstance(await page.receive(), ErrorMessage)
        await page.connection.send(json.dumps({"type": "login", "y" * 60_000: 1}))
        assert isinstance(await page.receive(), ErrorMessage)
    async with stranger(server) as page:
        message = login(server, page, "alice", host="h" * 200)
        await page.send(message)
        assert (await closed(page.connection))[0] == 1008
    server.process.wait_for("login-refused", since=mark)
    for line in server.process.lines[mark:]:
        assert len(json.dumps(line)) < 500
        assert message.jws[:40] not in json.dumps(line)


async def test_a_binary_message_is_no_text(server: Server) -> None:
    async with person(server, "alice") as alice:
        await alice.connection.send(b"\x00")
        assert await closed(alice.connection) == (1003, "text only")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_within_two_seconds_whoever_is_connected(number: signal.Signals, tmp_path: Path) -> None:
    with running_server(tmp_path) as fresh:
        with secure(fresh), socket.create_connection(("127.0.0.1", fresh.people_port)) as garbage:
            garbage.sendall(b"GET / HTTP/1.1\r\n\r\n")
            async with door(fresh, real(fresh)) as device, person(fresh, "alice") as slow:
                assert slow.welcome is not None
                stop_reading(slow.connection)
                for _ in range(200):
                    await device.send(Offer(session=slow.welcome.session, link=new_token(), sdp=LONG))
                await asyncio.wait_for(await device.connection.ping(), DEADLINE_S)
                fresh.process.send(number)
                assert await closed(device.connection) == (1001, "going away")
                await asyncio.to_thread(wait_until, "the server stops", lambda: not fresh.process.running, 2)
        assert fresh.process.stop() == 0
        assert fresh.process.lines[-1]["event"] == "stopped"
        assert not fresh.process.other, "it says nothing but JSON lines"


def test_nothing_tells_which_software_answers(server: Server) -> None:
    with secure(server) as connection:
        connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"aiohttp" not in answer.lower()
