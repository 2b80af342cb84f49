"""The server and whom it takes for a device: the real process, real TLS, certificates wrong in one thing each."""

import asyncio
import json
import signal
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from protocol.certificates import device_urn, fingerprint, load_certificates, operator_urn
from protocol.errors import PeerError
from protocol.keys import load_private_key, new_key, public_jwk
from protocol.messages import RosterMessage
from protocol.roster import sign_roster, verify_roster
from provisioning.authority import Authority, new_authority
from tests.integration.server import (
    DEADLINE_S,
    SITE,
    Server,
    closed,
    door,
    open_socket,
    replace_roster,
    running_server,
)
from tests.pki import CLIENT, HOUR, SERVER, YEAR, Made, device_wish, host, make, uri

DEVICE = "front-door"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


def real(server: Server, device: str = DEVICE) -> Made:
    """What provisioning gave the device."""
    folder = server.site.identity(device)
    bundle = json.loads((folder / "bundle.json").read_text())
    certificate = load_certificates(bundle["certificate"].encode(), "bundle")[0]
    return Made(load_private_key((folder / "key.pem").read_bytes()), certificate)


async def test_the_real_device_is_welcomed_with_its_roster(server: Server) -> None:
    async with door(server, real(server)) as device:
        assert device.welcome.roster is not None
        signed = verify_roster(device.welcome.roster, public_jwk(server.site.roster_key), SITE, DEVICE)
        assert signed.roster.fingerprints == [fingerprint(real(server).certificate)]
        assert device.welcome.ice_servers == []


# Refused while TLS is set up: no request of theirs is ever read.
IN_TLS = ["none", "another-ca", "self-signed", "expired", "not-yet-valid", "for-servers", "signed-by-a-device"]

# Refused by what the certificate says, and the words in the server's log.
BY_CONTENT = {
    "an-operators": "an operator's, not a device's",
    "with-another-name": "needs exactly one subject alternative name",
    "with-a-foreign-urn": "not a urn:doorward of a device or operator",
    "without-a-name": "needs exactly one subject alternative name",
    "with-two-names": "needs exactly one subject alternative name",
    "without-purpose": "lacks basic constraints or extended key usage",
    "for-clients-and-servers": "extended key usage is for something else",
    "a-ca-as-leaf": "a CA's, used as a leaf",
    "of-another-site": "not of a device of this site",
    "another-common-name": "common name",
    "another-curve": "not ECDSA P-256",
    "not-on-the-roster": "does not stand on the device's roster",
}


def spoilt(case: str, server: Server) -> Made | None:
    ca = server.site.authority
    right = device_wish(ca, SITE, DEVICE)
    urn = uri(device_urn(SITE, DEVICE))
    wishes = {
        "another-ca": replace(right, by=new_authority(SITE, datetime.now(UTC))),
        "self-signed": replace(right, by=None),
        "expired": replace(right, begins=-YEAR, ends=-HOUR),
        "not-yet-valid": replace(right, begins=HOUR),
        "for-servers": replace(right, purposes=[SERVER]),
        "an-operators": replace(right, names=[uri(operator_urn(SITE))]),
        "with-another-name": replace(right, names=[host("localhost")]),
        "with-a-foreign-urn": replace(right, names=[uri(f"urn:other:{SITE}:device:{DEVICE}")]),
        "without-a-name": replace(right, names=[]),
        "with-two-names": replace(right, names=[urn, uri(device_urn(SITE, "back-door"))]),
        "without-purpose": replace(right, purposes=None),
        "for-clients-and-servers": replace(right, purposes=[CLIENT, SERVER]),
        "a-ca-as-leaf": replace(right, ca=True),
        "of-another-site": device_wish(ca, "elsewhere", DEVICE),
        "another-common-name": replace(right, common_name="back-door"),
        "another-curve": replace(right, curve=ec.SECP384R1()),
    }
    match case:
        case "none":
            return None
        case "not-on-the-roster":
            return make(right)
        case "signed-by-a-device":
            issuer = real(server)
            return make(replace(right, by=Authority(issuer.key, issuer.certificate)), chain=[issuer.certificate])
        case "another-ca" | "self-signed" | "expired" | "not-yet-valid" | "for-servers":
            return make(wishes[case])
    # The device's own key, and its fingerprint on a roster: only what the certificate says is wrong.
    return make(wishes[case], None if case == "another-curve" else real(server).key)


@pytest.mark.parametrize("case", IN_TLS)
async def test_tls_fails_with_a_certificate_that_is(case: str, server: Server) -> None:
    context = server.context(spoilt(case, server))
    mark = server.process.mark()
    # A client learns under TLS 1.3 of its refusal only when it reads; an InvalidStatus would be an answer to a request.
    with pytest.raises((OSError, InvalidMessage, ConnectionClosed)):
        await open_socket(server.devices_url, context)
    assert not any(line["event"] == "device-up" for line in server.process.lines[mark:])


async def test_tls_1_2_is_refused(server: Server) -> None:
    context = server.context(real(server), newest=ssl.TLSVersion.TLSv1_2)
    with pytest.raises(OSError):  # noqa: PT011 - the server hangs up without a word
        await open_socket(server.devices_url, context)
    with pytest.raises(OSError):  # noqa: PT011 - the server hangs up without a word
        await open_socket(server.people_url, server.context(newest=ssl.TLSVersion.TLSv1_2))


@pytest.mark.parametrize("case", BY_CONTENT)
async def test_no_websocket_is_opened_for_a_certificate_that_is(case: str, server: Server) -> None:
    made = spoilt(case, server)
    mark = server.process.mark()
    with pytest.raises(InvalidStatus) as refused:
        await open_socket(server.devices_url, server.context(made))
    assert refused.value.response.status_code == 403
    line = server.process.wait_for("device-refused", 5, since=mark)
    assert BY_CONTENT[case] in str(line["why"])


async def test_a_second_connection_of_a_device_replaces_the_first(server: Server) -> None:
    async with door(server, real(server)) as first, door(server, real(server)):
        assert await closed(first.connection) == (1008, "replaced")
        async with door(server, real(server)) as third:
            assert third.welcome.roster is not None


async def test_who_is_not_on_the_roster_cannot_evict_the_real_device(server: Server) -> None:
    async with door(server, real(server)) as device:
        with pytest.raises(InvalidStatus):
            await open_socket(server.devices_url, server.context(spoilt("not-on-the-roster", server)))
        pong = await device.connection.ping()
        await asyncio.wait_for(pong, DEADLINE_S)


async def test_a_new_roster_drops_the_device_that_no_longer_stands_on_it(server: Server) -> None:
    site, name = server.site, "side-door"
    async with door(server, real(server, name)) as device:
        site.publish(replace_roster(site.rosters[name], fingerprints=[]))
        server.process.send(signal.SIGHUP)
        told = await device.receive()
        assert isinstance(told, RosterMessage)
        assert await closed(device.connection) == (1008, "no longer on the roster")
    with pytest.raises(InvalidStatus):
        await open_socket(server.devices_url, server.context(real(server, name)))
    # An older roster, put back by whoever got at the folder, changes nothing.
    mark = server.process.mark()
    site.publish(site.rosters[name])
    server.process.send(signal.SIGHUP)
    line = server.process.wait_for("roster-refused", since=mark)
    assert "older" in str(line["why"])
    with pytest.raises(InvalidStatus):
        await open_socket(server.devices_url, server.context(real(server, name)))


async def test_a_published_roster_of_another_key_is_refused(server: Server) -> None:
    site = server.site
    path = site.folder / "server/state/rosters/back-door.jws"
    kept = path.read_text()
    forged = sign_roster(replace_roster(site.rosters["back-door"], serial=99), new_key())
    with pytest.raises(PeerError):
        verify_roster(forged, public_jwk(site.roster_key), SITE)
    path.write_text(forged)
    mark = server.process.mark()
    server.process.send(signal.SIGHUP)
    line = server.process.wait_for("roster-refused", since=mark)
    assert "another key" in str(line["why"])
    path.write_text(kept)
    async with door(server, real(server, "back-door")) as device:
        assert device.welcome.roster == kept


async def test_without_the_subprotocol_there_is_no_connection(server: Server) -> None:
    for subprotocol in (None, "doorward.v2"):
        with pytest.raises(InvalidStatus) as refused:
            await open_socket(server.devices_url, server.context(real(server)), subprotocol=subprotocol)
        assert refused.value.response.status_code == 400
