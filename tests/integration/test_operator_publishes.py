"""`publish` believes the devices' signatures and nobody else, and no server but the site's."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import msgspec
import pytest
from click.testing import Result

from protocol.certificates import device_urn, operator_identity, operator_urn
from protocol.codec import encode
from protocol.ids import b64url
from protocol.jws import sign
from protocol.keys import PrivateKey, new_key
from protocol.messages import ErrorMessage
from protocol.operator import AcceptedMessage, FromOperator, Publish, PublishKey, StatusRequest
from protocol.proof import ACCEPTED, Accepted, sign_accepted
from provisioning import publish
from provisioning.authority import Authority, new_authority
from provisioning.devices import revise, sign_device
from provisioning.folder import SiteFolder
from provisioning.house import init_site
from provisioning.rosters import with_fingerprints
from tests.harness.processes import SCALE
from tests.harness.world import BIN
from tests.integration.operator_server import OperatorServer, serving
from tests.pki import CLIENT, SERVER, Made, Wish, host, make, server_wish, uri
from tests.unit.site_folders import DEVICE, PASSPHRASE, Home, cheap, now, request, said

WAIT = ("--wait", "0.3")
DAY = timedelta(days=1)


@cache
def original(path: Path) -> Home:
    folder, key = SiteFolder(path / "published"), new_key()
    init_site(folder, "home", ["127.0.0.1"], [], PASSPHRASE, now())
    with folder.change():
        sign_device(folder, folder.keys(PASSPHRASE), DEVICE, request(key), now())
    return Home(folder, key)


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A site with one device, whose server is on this machine."""
    cheap(monkeypatch)
    monkeypatch.setattr(publish, "PACE_S", 0)
    return original(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


def authority(home: Home) -> Authority:
    return home.folder.authority(PASSPHRASE)


@pytest.fixture
def server(home: Home, tmp_path: Path) -> Iterator[OperatorServer]:
    with serving(home, make(server_wish(authority(home), ["127.0.0.1"])), tmp_path) as running:
        yield running


def right(home: Home) -> Accepted:
    """What the device confirms."""
    signed = home.folder.roster(DEVICE)
    return Accepted(site="home", device=DEVICE, serial=signed.roster.serial, sha256=signed.digest)


def says(home: Home, key: PrivateKey | None = None, **changes: object) -> str:
    return sign_accepted(msgspec.structs.replace(right(home), **changes), key or home.key)


LIES: dict[str, Callable[[Home], str]] = {
    "by another key": lambda home: says(home, new_key()),
    "by the roster key": lambda home: says(home, home.folder.roster_key(PASSPHRASE)),
    "by the CA": lambda home: says(home, authority(home).key),
    "an older serial": lambda home: says(home, serial=right(home).serial - 1),
    "a newer serial": lambda home: says(home, serial=right(home).serial + 1),
    "another digest": lambda home: says(home, sha256=b64url(bytes(32))),
    "another device": lambda home: says(home, device="side-door"),
    "another site": lambda home: says(home, site="other"),
    "another document": lambda home: sign(encode(right(home)).encode(), home.key, "doorward-login+jwt"),
    "with its key inside": lambda home: sign(encode(right(home)).encode(), home.key, ACCEPTED, embed=True),
    "not signed": lambda home: ".".join([*says(home).split(".")[:2], ""]),
    "spoilt": lambda home: says(home)[:-4] + "AAAA",
    "noise": lambda _: "yes, it has",
}


def published(home: Home) -> Result:
    return home.run("publish", *WAIT)


@pytest.fixture
def twice(home: Home) -> None:
    """The roster has a history, so that there is an older serial."""
    home.run("button", "set", DEVICE, "flat-1")


@pytest.mark.usefixtures("twice")
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_confirmation_is_not_believed(home: Home, server: OperatorServer, lie: Callable[[Home], str]) -> None:
    server.accepted = lie(home)
    done = published(home)
    assert done.exit_code == 4, done.output
    assert "not confirmed" in done.stdout
    assert "confirmed by the device" not in done.stdout


def test_what_the_device_signed_is_believed(home: Home, server: OperatorServer) -> None:
    server.accepted = says(home)
    done = published(home)
    assert (done.exit_code, done.stdout) == (0, f"{DEVICE}: roster 1 published; confirmed by the device\n")
    assert [type(message) for message in server.heard] == [Publish, StatusRequest]


def test_a_confirmation_that_comes_later_is_waited_for(home: Home, server: OperatorServer) -> None:
    word = says(home)

    def late(message: FromOperator) -> list[object]:
        return [*server.right(message), *([AcceptedMessage(jws=word)] if isinstance(message, StatusRequest) else [])]

    server.answer = late
    done = home.run("publish", "--wait", "60")
    assert (done.exit_code, "confirmed by the device" in done.stdout) == (0, True)


def test_the_key_before_the_renewal_confirms_nothing_once_it_is_settled(home: Home, server: OperatorServer) -> None:
    new = new_key()
    assert home.run("device", "renew", DEVICE, "--new-key", data=request(new)).exit_code == 0
    server.accepted = says(home)
    assert published(home).exit_code == 0, "meanwhile either certificate is good"
    home.run("device", "settle", DEVICE)
    server.accepted = says(home)
    assert published(home).exit_code == 4
    server.accepted = says(home, new)
    assert published(home).exit_code == 0


def test_a_certificate_that_does_not_stand_on_the_roster_confirms_nothing(home: Home, server: OperatorServer) -> None:
    with home.folder.change():
        revise(home.folder, home.folder.keys(PASSPHRASE).roster_key, DEVICE,
               lambda roster: with_fingerprints(roster, [":".join(["AB"] * 32)]), now())  # fmt: skip
    server.accepted = says(home)
    assert published(home).exit_code == 4


def test_a_removed_device_is_not_waited_for(home: Home, server: OperatorServer) -> None:
    home.run("device", "remove", DEVICE)
    server.accepted = says(home)
    done = home.run("publish", "--wait", "600")
    assert (done.exit_code, done.stdout) == (0, f"{DEVICE}: roster 2 published; the device was removed\n")


def test_the_way_to_a_new_roster_key_is_published_before_the_rosters(home: Home, server: OperatorServer) -> None:
    home.run("roster-key", "introduce")
    server.accepted = says(home)
    assert published(home).exit_code == 0
    assert [type(message) for message in server.heard] == [PublishKey, Publish, StatusRequest]


def test_a_restored_backup_goes_above_what_is_held_but_not_wherever_a_server_wants(
    home: Home, server: OperatorServer
) -> None:
    before = right(home).serial
    server.heard.append(Publish(jws=home.folder.roster(DEVICE).jws))
    for claimed, number in ((40, 41), (2**53 - 1, 41 + 1_000_001)):
        server.accepted = says(home, serial=claimed)
        home.run("publish", "--restored", *WAIT)
        assert right(home).serial == number > before


def test_each_conversation_has_a_certificate_of_its_own(home: Home, server: OperatorServer) -> None:
    server.accepted = says(home)
    published(home)
    published(home)
    first, second = server.clients
    assert operator_identity(first).site == "home"
    assert first.public_key() != second.public_key()
    assert first.not_valid_after_utc - now() < DAY


# A server that is none of ours is told nothing

OTHER_CA = new_authority("home", now(), ["127.0.0.1"])


def wish(change: Callable[[Wish], Wish]) -> Callable[[Home], Made]:
    return lambda home: make(change(server_wish(authority(home), ["127.0.0.1"])))


ADDRESS = [host("127.0.0.1")]

SERVERS: dict[str, tuple[Callable[[Home], Made], str]] = {
    "with another CA": (lambda _: make(server_wish(OTHER_CA, ["127.0.0.1"])), "server's certificate"),
    "with its own CA": (lambda _: make(server_wish(None, ["127.0.0.1"])), "server's certificate"),
    "expired": (wish(lambda one: replace(one, begins=-9 * DAY, ends=-DAY)), "server renew"),
    "not yet good": (wish(lambda one: replace(one, begins=DAY)), "server's certificate"),
    "for another host": (wish(lambda one: replace(one, names=[host("127.0.0.2")])), "server's certificate"),
    "with a host in the common name alone": (wish(lambda one: replace(one, names=[])), "server's certificate"),
    "a client's": (wish(lambda one: replace(one, purposes=[CLIENT])), "server's certificate"),
    "without a purpose": (wish(lambda one: replace(one, purposes=None)), "extended key usage"),
    "for both": (wish(lambda one: replace(one, purposes=[SERVER, CLIENT])), "extended key usage"),
    "a CA's": (wish(lambda one: replace(one, ca=True)), "certificate"),
    "a device's": (wish(lambda one: replace(one, names=[*ADDRESS, uri(device_urn("home", DEVICE))])), "device's"),
    "an operator's": (wish(lambda one: replace(one, names=[*ADDRESS, uri(operator_urn("home"))])), "operator's"),
}


@pytest.mark.parametrize(("bad", "words"), SERVERS.values(), ids=SERVERS)
def test_a_server_is_refused_and_told_nothing(
    home: Home, tmp_path: Path, bad: Callable[[Home], Made], words: str
) -> None:
    with serving(home, bad(home), tmp_path) as server:
        said(published(home), 1, words, "wss://127.0.0.1")
        assert server.heard == []


# A server that is hostile

HOSTILE: dict[str, tuple[Callable[[FromOperator], list[object]], str]] = {
    "refuses, with a terminal's codes": (
        lambda _: [ErrorMessage(code="\x1b]0;owned\x07", message="no\n\x1b[2J" + "x" * 100)], "the server refused"
    ),
    "says what is no message": (lambda _: ["\x1b[2J"], "wss://"),
    "never comes to the point": (lambda _: [AcceptedMessage(jws="x")] * 3, "wss://"),
    "says nothing": (lambda _: [], "not reached"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "words"), HOSTILE.values(), ids=HOSTILE)
def test_what_a_hostile_server_says_is_one_line_in_time(
    home: Home,
    server: OperatorServer,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[FromOperator], list[object]],
    words: str,
) -> None:
    monkeypatch.setattr(publish, "ANSWER_S", 0.5 * SCALE)
    server.answer = answer
    done = published(home)
    said(done, 1, words)
    assert done.stderr.rstrip("\n").isprintable()


def test_without_a_server_it_is_not_reached(home: Home) -> None:
    said(published(home), 1, "not reached")


def test_a_running_command_does_not_show_the_passphrase(home: Home) -> None:
    """It has opened the keys and waits for a server that never answers."""
    ours, theirs = os.pipe()
    os.write(theirs, f"{PASSPHRASE}\n".encode())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with home.folder.change():
            record = home.folder.record()
            home.folder.write_record(msgspec.structs.replace(record, devices_port=listening.getsockname()[1]))
        words = [str(BIN / "doorward-provision"), "publish", "--site", str(home.path), "--passphrase-fd", str(ours)]
        with subprocess.Popen(words, pass_fds=[ours], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            listening.settimeout(30 * SCALE)
            connection, _ = listening.accept()
            shown = b"".join(Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
            process.kill()
        connection.close()
    os.close(ours)
    os.close(theirs)
    assert b"publish" in shown
    assert b"horse" in PASSPHRASE.encode()
    assert b"horse" not in shown
