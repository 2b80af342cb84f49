"""The server and people: logins that are refused, limits, who hears of whom, and the page itself. The real process."""

import asyncio
import http.client
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from protocol.candidates import Candidate
from protocol.ids import new_token
from protocol.jws import sign
from protocol.keys import new_key
from protocol.messages import (
    Answer,
    AnswererAnswer,
    AnswererCandidate,
    AnswererClose,
    AnswererOffer,
    AnswererWelcome,
    Arrived,
    Close,
    DeviceCandidate,
    DevicePresence,
    ErrorMessage,
    Left,
    LoginMessage,
    Offer,
    Ring,
    RosterMessage,
)
from protocol.proof import PROOF
from protocol.roster import sign_roster
from signaling.adapters.page import FOLDER, TYPES
from tests.integration.server import (
    HOST,
    ORIGIN,
    SITE,
    Server,
    closed,
    door,
    login,
    only,
    open_socket,
    person,
    replace_roster,
    running_server,
    stranger,
)
from tests.integration.test_server_refuses_devices import real

LINE = Candidate("candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host", "0", 0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The limits of the protocol, but for the address and a login that is late after a third of a second."""
    with running_server(tmp_path_factory.mktemp("strict"), "unauthenticated_per_s = 1000\nlogin_s = 0.3\n") as running:
        yield running


# Login


async def test_the_invited_key_is_welcomed_with_the_rosters_that_name_it(server: Server) -> None:
    async with person(server, "alice") as alice:
        assert alice.welcome is not None
        assert [device.device for device in alice.welcome.devices] == ["front-door", "side-door"]
        assert alice.welcome.ice_servers == []
        folder = server.site.folder / "server/state/rosters"
        assert alice.rosters == [(folder / f"{name}.jws").read_text() for name in ("front-door", "side-door")]


LOGINS = {
    "another-host": ({"host": "evil.example:8443"}, "host: not a name of this server"),
    "host-without-port": ({"host": "door.example"}, "host: not a name of this server"),
    "another-nonce": ({"nonce": new_token()}, "nonce: not the one of this connection, or used"),
    "another-site": ({"site": "elsewhere"}, "site: this is 'home'"),
    "another-answerer": ({"answerer": "bob"}, "key: stands on no roster"),
    "unknown-answerer": ({"answerer": "carol"}, "key: stands on no roster"),
    "unknown-key": ({}, "key: stands on no roster"),
}


@pytest.mark.parametrize("case", LOGINS)
async def test_a_login_is_refused_with(case: str, server: Server) -> None:
    changes, why = LOGINS[case]
    mark = server.process.mark()
    async with stranger(server) as page:
        message = login(server, page, "alice", new_key() if case == "unknown-key" else None, **changes)
        await page.send(message)
        assert await page.receive() == ErrorMessage(code="login", message="this key is not known here")
        assert await closed(page.connection) == (1008, "login refused")
    assert why in str(server.process.wait_for("login-refused", since=mark)["why"])


async def test_another_kind_of_signature_is_no_login(server: Server) -> None:
    mark = server.process.mark()
    async with stranger(server) as page:
        payload = f'{{"nonce":"{page.challenge.nonce}","site":"{SITE}","answerer":"alice","host":"{HOST}"}}'.encode()
        token = sign(payload, server.site.people_keys["alice"], PROOF, embed=True)
        await page.send(LoginMessage(jws=token))
        assert await closed(page.connection) == (1008, "login refused")
    assert PROOF in str(server.process.wait_for("login-refused", since=mark)["why"])


async def test_a_nonce_works_once(server: Server) -> None:
    async with person(server, "alice") as alice:
        await alice.send(login(server, alice, "alice"))
        assert await closed(alice.connection) == (1008, "login refused")


async def test_a_login_recorded_elsewhere_is_refused(server: Server) -> None:
    async with stranger(server) as first, stranger(server) as second:
        await second.send(login(server, first, "alice"))
        assert await closed(second.connection) == (1008, "login refused")


async def test_who_has_not_logged_in_may_say_nothing(server: Server) -> None:
    async with door(server, real(server)) as device:
        async with stranger(server) as page:
            await page.send(AnswererClose(device="front-door", link=new_token(), reason="bye"))
            assert await closed(page.connection) == (1008, "log in first")
        async with person(server, "alice"):
            assert isinstance(await device.receive(), Arrived), "and the device has heard nothing before"


async def test_a_login_that_comes_too_late_is_not_waited_for(strict: Server) -> None:
    began = time.monotonic()
    async with stranger(strict) as page:
        assert await closed(page.connection) == (1008, "login took too long")
    assert time.monotonic() - began >= 0.3


async def test_who_has_logged_in_may_stay(strict: Server) -> None:
    async with stranger(strict) as late, person(strict, "alice") as alice:
        assert (await closed(late.connection))[0] == 1008
        await alice.connection.send("garbage")
        assert isinstance(await alice.receive(), ErrorMessage)


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", f"http://{HOST}", "https://door.example"])
async def test_a_foreign_origin_is_refused(origin: str | None, server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await open_socket(server.people_url, server.context(), origin)
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("subprotocol", [None, "doorward.v2"])
async def test_another_subprotocol_is_refused(subprotocol: str | None, server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await open_socket(server.people_url, server.context(), ORIGIN, subprotocol)
    assert refused.value.response.status_code == 400


# Limits


async def test_a_message_of_more_than_64_kib_ends_the_connection(server: Server) -> None:
    async with person(server, "alice") as alice:
        await alice.connection.send("x" * 65537)
        assert (await closed(alice.connection))[0] == 1009


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "[]", "{}", '{"type":"open-sesame"}', '{"type":"login"}', '{"type":"login","jws":1}',
     '{"type":"login","type":"login","jws":"a"}', '{"type":"login","jws":"a","extra":1}', "[" * 60000],
)  # fmt: skip
async def test_the_second_malformed_message_within_a_minute_ends_the_connection(text: str, server: Server) -> None:
    async with person(server, "alice") as alice:
        await alice.connection.send(text)
        first = await alice.receive()
        assert isinstance(first, ErrorMessage)
        assert first.code == "malformed"
        await alice.connection.send(text)
        assert isinstance(await alice.receive(), ErrorMessage)
        assert await closed(alice.connection) == (1008, "malformed messages")


async def test_a_devices_malformed_messages_end_its_connection_too(server: Server) -> None:
    async with door(server, real(server, "back-door")) as device:
        await device.connection.send("garbage")
        await device.connection.send("garbage")
        assert await closed(device.connection) == (1008, "malformed messages")


async def test_a_binary_message_ends_the_connection(server: Server) -> None:
    async with person(server, "alice") as alice:
        await alice.connection.send(b"\x00\x01")
        await alice.connection.wait_closed()


async def test_more_than_20_messages_a_second_end_the_connection(strict: Server) -> None:
    async with person(strict, "alice") as alice:
        for _ in range(19):
            await alice.send(AnswererClose(device="nowhere", link=new_token(), reason="bye"))
        await asyncio.wait_for(await alice.connection.ping(), 5)  # 20 with the login: still there
        for _ in range(40):
            await alice.send(AnswererClose(device="nowhere", link=new_token(), reason="bye"))
        assert await closed(alice.connection) == (1008, "too many messages")


async def test_more_than_10_connections_a_second_from_one_address_are_told_to_wait(tmp_path: Path) -> None:
    with running_server(tmp_path, "") as fresh:
        context = fresh.context()
        began = time.monotonic()
        tried = await asyncio.gather(
            *(open_socket(fresh.people_url, context, ORIGIN) for _ in range(40)), return_exceptions=True
        )
        refilled = (time.monotonic() - began) * 10
        codes = [one.response.status_code for one in tried if isinstance(one, InvalidStatus)]
        opened = [one for one in tried if not isinstance(one, BaseException)]
        await asyncio.gather(*(one.close() for one in opened))
    assert len(codes) + len(opened) == 40
    assert set(codes) == {429}
    assert 10 <= len(opened) <= 11 + refilled


async def test_a_fifth_session_closes_the_oldest(server: Server) -> None:
    async with (
        person(server, "alice") as first,
        person(server, "alice") as second,
        person(server, "alice"),
        person(server, "alice"),
        person(server, "bob"),
        person(server, "alice"),
    ):
        assert await closed(first.connection) == (1008, "replaced")
        await asyncio.wait_for(await second.connection.ping(), 5)


# Who hears of whom


async def test_nobody_hears_of_a_door_whose_roster_does_not_name_them(server: Server) -> None:
    async with person(server, "alice") as alice, person(server, "bob") as bob:
        assert alice.welcome is not None
        assert bob.welcome is not None
        assert [one.device for one in bob.welcome.devices] == ["back-door", "side-door"]
        async with door(server, real(server, "back-door")) as back:
            assert await bob.receive() == DevicePresence(device="back-door", online=True)
            assert {one.answerer for one in back.welcome.answerers} == {"bob"}
            alices = alice.welcome.session
            link = new_token()
            # The back door knows Alice's session by foul means, and she the back door's name.
            await back.send(Offer(session=alices, link=link, sdp="v=0"))
            await back.send(Close(session=alices, link=link, reason="bye"))
            await back.send(DeviceCandidate(session=alices, link=link, candidate=None))
            await alice.send(AnswererAnswer(device="back-door", link=link, sdp="v=0", proof="a"))
            await alice.send(AnswererCandidate(device="back-door", link=link, candidate=None))
            await alice.send(AnswererClose(device="back-door", link=link, reason="bye"))
            server.site.publish(replace_roster(only(server.site.rosters["back-door"], "bob")))
            server.process.send(signal.SIGHUP)
            assert isinstance(await bob.receive(), RosterMessage)
            assert isinstance(await back.receive(), RosterMessage)
            # Whatever was sent before comes before what follows now.
            await bob.send(AnswererClose(device="back-door", link=link, reason="timeout"))
            assert await back.receive() == Close(session=bob.welcome.session, link=link, reason="timeout")
            async with door(server, real(server, "front-door")) as front:
                assert {one.answerer for one in front.welcome.answerers} == {"alice"}
                assert await alice.receive() == DevicePresence(device="front-door", online=True)
        assert await bob.receive() == DevicePresence(device="back-door", online=False)
        assert await alice.receive() == DevicePresence(device="front-door", online=False)


async def test_what_belongs_to_a_link_is_delivered_both_ways(server: Server) -> None:
    async with door(server, real(server)) as device, person(server, "alice") as alice:
        assert alice.welcome is not None
        assert {one.device: one.online for one in alice.welcome.devices}["front-door"]
        session, link = alice.welcome.session, new_token()
        assert await device.receive() == Arrived(session=session, answerer="alice")
        await device.send(Offer(session=session, link=link, sdp="v=0 of the door"))
        assert await alice.receive() == AnswererOffer(device="front-door", link=link, sdp="v=0 of the door")
        await device.send(DeviceCandidate(session=session, link=link, candidate=LINE))
        assert await alice.receive() == AnswererCandidate(device="front-door", link=link, candidate=LINE)
        await alice.send(AnswererAnswer(device="front-door", link=link, sdp="v=0 of the page", proof="p"))
        assert await device.receive() == Answer(session=session, link=link, sdp="v=0 of the page", proof="p")
        await alice.send(AnswererCandidate(device="front-door", link=link, candidate=None))
        assert await device.receive() == DeviceCandidate(session=session, link=link, candidate=None)
        await device.send(Close(session=session, link=link, reason="full"))
        assert await alice.receive() == AnswererClose(device="front-door", link=link, reason="full")
        await device.send(Ring(call=new_token(), button="flat-1", answerers=["alice"]))
        await alice.send(AnswererClose(device="front-door", link=link, reason="linked"))
        assert await device.receive() == Close(session=session, link=link, reason="linked")
        await alice.connection.close()
        assert await device.receive() == Left(session=session)


async def test_who_is_removed_is_told_and_sent_away(tmp_path: Path) -> None:
    with running_server(tmp_path) as fresh:
        site = fresh.site
        async with door(fresh, real(fresh)) as device, person(fresh, "alice") as alice:
            assert isinstance(await device.receive(), Arrived)
            roster = replace_roster(only(site.rosters["front-door"], "bob"))
            site.publish(replace_roster(only(site.rosters["side-door"], "bob")))
            site.publish(roster)
            fresh.process.send(signal.SIGHUP)
            jws = (site.folder / "server/state/rosters/front-door.jws").read_text()
            assert await alice.receive() == RosterMessage(jws=jws)
            assert await device.receive() == RosterMessage(jws=jws)
            assert isinstance(await device.receive(), Left)
            assert await closed(alice.connection) == (1008, "roster")
        assert sign_roster(roster, site.roster_key) != jws, "signatures differ, contents do not"
        async with stranger(fresh) as again:
            await again.send(login(fresh, again, "alice"))
            assert await closed(again.connection) == (1008, "login refused")


# The page


def get(server: Server, target: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPSConnection("127.0.0.1", server.people_port, context=server.context(), timeout=10)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        connection.endheaders()
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


PAGE_FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())


def test_every_file_of_the_page_is_served_as_what_it_is(server: Server) -> None:
    assert "index.html" in PAGE_FILES
    assert "main.js" in PAGE_FILES
    for name in ["", *PAGE_FILES]:
        answer, body = get(server, f"/{name}")
        path = FOLDER / (name or "index.html")
        assert (answer.status, body) == (200, path.read_bytes()), name
        assert answer.getheader("Content-Type") == TYPES[path.suffix], name
        assert answer.getheader("X-Content-Type-Options") == "nosniff"


def test_the_policy_allows_the_page_nothing_but_itself_and_its_server(server: Server) -> None:
    for target in ("/", "/main.js", "/nothing-here.js"):
        answer, _ = get(server, target)
        policy = answer.getheader("Content-Security-Policy") or ""
        rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
        assert "unsafe" not in policy
        assert "*" not in policy
        assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
        assert rules["frame-ancestors"] == ["'none'"]
        assert rules["script-src"] == rules["style-src"] == ["'self'"]
        assert rules["connect-src"] == ["'self'", f"wss://{HOST}"]
        assert rules["require-trusted-types-for"] == ["'script'"]
        assert answer.getheader("Referrer-Policy") == "no-referrer"
        assert answer.getheader("Cross-Origin-Opener-Policy") == "same-origin"
        assert answer.getheader("Set-Cookie") is None


@pytest.mark.parametrize(
    "target",
    ["/../config.py", "/%2e%2e/config.py", "/..%2fconfig.py", "/%2e%2e%2fconfig.py", "/view/../../config.py",
     "/view/%2e%2e/%2e%2e/config.py", "/view/..%2f..%2fconfig.py", "/..%5cconfig.py", "//etc/passwd",
     "/%2fetc/passwd", "/../../../../../../etc/passwd", "/..;/config.py", "/.", "/view", "/view/", "/main.js%00.html",
     "/__init__.py", "/device", "/operator"],
)  # fmt: skip
def test_nothing_else_is_served(target: str, server: Server) -> None:
    answer, body = get(server, target)
    assert 400 <= answer.status < 500, target
    assert b"import" not in body
    assert b"root:" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
def test_the_page_is_only_read(method: str, server: Server) -> None:
    answer, _ = get(server, "/", method)
    assert answer.status == 405


async def test_a_page_that_vanishes_is_gone_for_the_device(server: Server) -> None:
    async with door(server, real(server)) as device, person(server, "alice") as alice:
        assert isinstance(await device.receive(), Arrived)
        assert isinstance(alice.welcome, AnswererWelcome)
        alice.connection.transport.abort()
        assert await device.receive() == Left(session=alice.welcome.session)
