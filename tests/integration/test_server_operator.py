"""The operator's endpoint: who may come, what is published, and what everybody hears of it. The real process."""

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import InvalidStatus

from protocol.certificates import device_urn, operator_urn
from protocol.codec import encode
from protocol.keys import PrivateKey, PublicJwk, new_key, public_jwk
from protocol.messages import Arrived, ErrorMessage, RosterAccepted, RosterKeyMessage, RosterMessage
from protocol.operator import (
    AcceptedMessage,
    AnswererStatus,
    DeviceStatus,
    KeyPublished,
    Publish,
    Published,
    PublishKey,
    Status,
    StatusRequest,
)
from protocol.proof import Accepted, sign_accepted
from protocol.roster import Roster, sign_roster
from protocol.roster_key import RosterKey, sign_roster_key
from tests.integration.server import (
    SITE,
    Server,
    closed,
    door,
    only,
    open_socket,
    operator,
    operator_wish,
    person,
    replace_roster,
    running_server,
    serving,
)
from tests.integration.test_server_refuses_devices import real
from tests.pki import CLIENT, SERVER, Made, make, uri


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path) as running:
        yield running


def state(server: Server) -> Path:
    return server.site.folder / "server/state"


def signed(server: Server, roster: Roster, key: PrivateKey | None = None) -> str:
    return sign_roster(roster, key or server.site.roster_key)


def succession(server: Server, new: PrivateKey, sequence: int = 1, old: PrivateKey | None = None) -> str:
    introduced = RosterKey(site=SITE, sequence=sequence, key=PublicJwk(**public_jwk(new)), issued=1)
    return sign_roster_key(introduced, old or server.site.roster_key)


# Who may come

REFUSED = {
    "a-devices": "a device's, not an operator's",
    "of-another-site": "not of this site's operator",
    "with-two-names": "needs exactly one subject alternative name",
    "without-purpose": "lacks basic constraints or extended key usage",
    "for-clients-and-servers": "extended key usage is for something else",
    "a-ca-as-leaf": "a CA's, used as a leaf",
    "another-curve": "not ECDSA P-256",
}


def spoilt(case: str, server: Server) -> Made:
    right = operator_wish(server)
    wishes = {
        "of-another-site": replace(right, names=[uri(operator_urn("elsewhere"))]),
        "with-two-names": replace(right, names=[*right.names, uri(device_urn(SITE, "front-door"))]),
        "without-purpose": replace(right, purposes=None),
        "for-clients-and-servers": replace(right, purposes=[CLIENT, SERVER]),
        "a-ca-as-leaf": replace(right, ca=True),
        "another-curve": replace(right, curve=ec.SECP384R1()),
    }
    return real(server) if case == "a-devices" else make(wishes[case])


@pytest.mark.parametrize("case", REFUSED)
async def test_no_websocket_is_opened_for_a_certificate_that_is(case: str, server: Server) -> None:
    mark = server.process.mark()
    with pytest.raises(InvalidStatus) as refused:
        await open_socket(server.operator_url, server.context(spoilt(case, server)))
    assert refused.value.response.status_code == 403
    line = server.process.wait_for("operator-refused", 5, since=mark)
    assert REFUSED[case] in str(line["why"])


async def test_the_operator_is_no_device(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await open_socket(server.devices_url, server.context(make(operator_wish(server))))
    assert refused.value.response.status_code == 403


async def test_the_operator_is_held_to_the_same_limits(server: Server) -> None:
    context = server.context(make(operator_wish(server)))
    with pytest.raises(InvalidStatus) as refused:
        await open_socket(server.operator_url, context, subprotocol=None)
    assert refused.value.response.status_code == 400
    async with operator(server) as tool:
        await tool.connection.send("x" * (64 * 1024 + 1))
        assert (await closed(tool.connection))[0] == 1009
    async with operator(server) as tool:
        for _ in range(2):
            await tool.connection.send('{"type":"publish"}')
        assert await closed(tool.connection) == (1008, "malformed messages")


async def test_the_operator_sends_20_messages_a_second_at_most(tmp_path: Path) -> None:
    with running_server(tmp_path, "unauthenticated_per_s = 1000\n") as strict:
        async with operator(strict) as tool:
            for _ in range(60):
                await tool.connection.send(encode(StatusRequest()))
            assert await closed(tool.connection) == (1008, "too many messages")


async def test_the_operator_connects_only_so_often(tmp_path: Path) -> None:
    with running_server(tmp_path, "unauthenticated_per_s = 2\n") as strict:
        context = strict.context(make(operator_wish(strict)))
        tried = await asyncio.gather(
            *(open_socket(strict.operator_url, context) for _ in range(8)), return_exceptions=True
        )
        codes = {one.response.status_code for one in tried if isinstance(one, InvalidStatus)}
        await asyncio.gather(*(one.close() for one in tried if not isinstance(one, BaseException)))
    assert codes == {429}


# Rosters


async def test_a_published_roster_is_kept_and_told_to_whom_it_concerns(fresh: Server) -> None:
    async with door(fresh, real(fresh)) as device, person(fresh, "alice") as alice, operator(fresh) as tool:
        assert isinstance(await device.receive(), Arrived)
        jws = signed(fresh, replace_roster(only(fresh.site.rosters["front-door"], "alice")))
        assert await tool.ask(Publish(jws=jws)) == Published(device="front-door", serial=3)
        assert await device.receive() == RosterMessage(jws=jws)
        assert await alice.receive() == RosterMessage(jws=jws)
        assert (state(fresh) / "rosters/front-door.jws").read_text() == jws
        assert await tool.ask(Publish(jws=jws)) == Published(device="front-door", serial=3)
        again = signed(fresh, replace_roster(only(fresh.site.rosters["front-door"], "alice"), serial=4))
        assert await tool.ask(Publish(jws=again)) == Published(device="front-door", serial=4)
        assert await device.receive() == RosterMessage(jws=again), "the same one again is nobody's news"


async def test_who_is_removed_by_a_published_roster_is_sent_away(fresh: Server) -> None:
    async with person(fresh, "alice") as alice, operator(fresh) as tool:
        for name in ("front-door", "side-door"):
            jws = signed(fresh, replace_roster(only(fresh.site.rosters[name], "bob"), serial=9))
            assert await tool.ask(Publish(jws=jws)) == Published(device=name, serial=9)
        assert await closed(alice.connection) == (1008, "roster")


async def test_a_roster_that_must_be_refused_is_refused_with_its_reason(fresh: Server) -> None:
    site = fresh.site
    path = state(fresh) / "rosters/front-door.jws"
    held = only(site.rosters["front-door"], "alice")
    wrong = {
        signed(fresh, site.rosters["front-door"]): "serial 1 is older than 2",
        signed(fresh, replace_roster(held, serial=2, doors={})): "serial 2 again with other contents",
        signed(fresh, replace_roster(held), new_key()): "another key",
        signed(fresh, replace_roster(held, site="elsewhere")): "for site 'elsewhere'",
        "not a roster": "not a compact JWS",
    }
    kept = path.read_text()
    async with door(fresh, real(fresh)) as device, operator(fresh) as tool:
        for jws, why in wrong.items():
            answer = await tool.ask(Publish(jws=jws))
            assert isinstance(answer, ErrorMessage)
            assert answer.code == "roster"
            assert why in answer.message
        assert path.read_text() == kept
        right = signed(fresh, replace_roster(held))
        assert await tool.ask(Publish(jws=right)) == Published(device="front-door", serial=3)
        assert await device.receive() == RosterMessage(jws=right)


async def test_what_cannot_be_kept_does_not_count(fresh: Server) -> None:
    roster = replace_roster(only(fresh.site.rosters["front-door"], "alice"))
    folder = state(fresh) / "rosters"
    kept = {path.name: path.read_text() for path in folder.iterdir()}
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("a file where a folder should be")
    (state(fresh) / "roster-keys").write_text("here too")
    async with operator(fresh) as tool:
        for message in (Publish(jws=signed(fresh, roster)), PublishKey(jws=succession(fresh, new_key()))):
            answer = await tool.ask(message)
            assert isinstance(answer, ErrorMessage)
            assert answer.code == "storage"
        folder.unlink()
        aside.rename(folder)
        assert {path.name: path.read_text() for path in folder.iterdir()} == kept
        answer = await tool.ask(StatusRequest())
        assert isinstance(answer, Status)
        assert {one.device: one.serial for one in answer.devices}["front-door"] == 2
        answer = await tool.ask(Publish(jws=signed(fresh, roster)))
        assert answer == Published(device="front-door", serial=3)


# Successors of the roster key


async def test_a_successor_is_told_to_all_and_signs_from_then_on(fresh: Server) -> None:
    new = new_key()
    jws = succession(fresh, new)
    roster = replace_roster(only(fresh.site.rosters["front-door"], "alice"))
    old_roster, new_roster = signed(fresh, roster), signed(fresh, roster, new)
    async with door(fresh, real(fresh)) as device, person(fresh, "alice") as alice, operator(fresh) as tool:
        assert isinstance(await device.receive(), Arrived)
        answer = await tool.ask(Publish(jws=new_roster))
        assert isinstance(answer, ErrorMessage), "not before it was introduced"
        for _ in range(2):
            assert await tool.ask(PublishKey(jws=jws)) == KeyPublished(sequence=1)
        assert (state(fresh) / "roster-keys/0001.jws").read_text() == jws
        assert isinstance(await tool.ask(Publish(jws=old_roster)), ErrorMessage), "not by the old key any more"
        assert await tool.ask(Publish(jws=new_roster)) == Published(device="front-door", serial=3)
        for end in (device, alice):
            assert await end.receive() == RosterKeyMessage(jws=jws)
            assert await end.receive() == RosterMessage(jws=new_roster)


async def test_a_wrong_successor_is_refused_with_its_reason(server: Server) -> None:
    async with operator(server) as tool:
        for jws, why in {
            succession(server, new_key(), old=new_key()): "another key",
            signed(server, server.site.rosters["front-door"]): "not a 'doorward-roster-key+jwt'",
        }.items():
            answer = await tool.ask(PublishKey(jws=jws))
            assert isinstance(answer, ErrorMessage)
            assert answer.code == "roster"
            assert why in answer.message
    assert not (state(server) / "roster-keys").exists()


async def test_after_a_start_the_way_to_the_key_is_delivered_before_the_rosters(tmp_path: Path) -> None:
    second, third = new_key(), new_key()
    with running_server(tmp_path) as before:
        chain = [succession(before, second), succession(before, third, 2, second)]
        front = signed(before, replace_roster(only(before.site.rosters["front-door"], "alice")), third)
        async with operator(before) as tool:
            for jws in chain:
                await tool.ask(PublishKey(jws=jws))
            await tool.ask(Publish(jws=front))
    side = (state(before) / "rosters/side-door.jws").read_text()
    with serving(before.site) as after:
        async with door(after, real(after)) as device, person(after, "alice") as alice:
            assert device.welcome.roster is None
            assert [await device.receive() for _ in range(3)] == [
                *(RosterKeyMessage(jws=jws) for jws in chain),
                RosterMessage(jws=front),
            ]
            assert alice.keys == chain
            assert alice.rosters == [front, side], "the side door's is still the old key's"


async def test_files_put_there_by_hand_are_read_at_sighup(fresh: Server) -> None:
    new = new_key()
    jws = succession(fresh, new)
    roster = signed(fresh, replace_roster(only(fresh.site.rosters["front-door"], "alice")), new)
    async with door(fresh, real(fresh)) as device:
        (state(fresh) / "roster-keys").mkdir()
        (state(fresh) / "roster-keys/0001.jws").write_text(jws)
        (state(fresh) / "rosters/front-door.jws").write_text(roster)
        fresh.process.send(signal.SIGHUP)
        assert await device.receive() == RosterKeyMessage(jws=jws)
        assert await device.receive() == RosterMessage(jws=roster)


# What is known of the house


async def test_the_status_tells_who_is_here_and_what_devices_confirmed(fresh: Server) -> None:
    made = real(fresh)
    accepted = Accepted(site=SITE, device="front-door", serial=2, sha256="A" * 43)
    confirmed = sign_accepted(accepted, made.key)
    async with operator(fresh) as tool, operator(fresh) as other, person(fresh, "alice"):
        async with door(fresh, made) as device:
            await device.send(RosterAccepted(jws=confirmed))
            assert await tool.receive() == await other.receive() == AcceptedMessage(jws=confirmed)
            assert await tool.ask(StatusRequest()) == Status(
                devices=[
                    DeviceStatus(device="back-door", online=False, serial=2, accepted=None),
                    DeviceStatus(device="front-door", online=True, serial=2, accepted=confirmed),
                    DeviceStatus(device="side-door", online=False, serial=1, accepted=None),
                ],
                answerers=[AnswererStatus(answerer="alice", sessions=1), AnswererStatus(answerer="bob", sessions=0)],
            )
            await device.send(RosterAccepted(jws="x" * 600))
            assert isinstance(await device.receive(), Arrived | ErrorMessage)
        fresh.process.wait_for("device-down")
        answer = await tool.ask(StatusRequest())
        assert isinstance(answer, Status)
        assert [one.accepted for one in answer.devices if not one.online] == [None, confirmed, None]
