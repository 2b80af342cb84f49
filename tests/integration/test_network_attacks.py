"""What anyone on the network, or a page gone bad, can do to plain aiortc and cannot do to the device.

Each test tries the same on the library alone, where it must work, and on the adapter, where it must not: a guard that
is removed, and an attack that no longer is one, both show.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aioice import ice
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import RTCDtlsTransport, SRTPProtectionProfile
from OpenSSL import SSL

from device.adapters.webrtc import link
from device.adapters.webrtc.certificate import DeviceCertificate
from device.adapters.webrtc.description import MESSAGE_LIMIT
from tests.integration.calls import (
    LOOPBACK,
    NEVER_S,
    Door,
    GuardedDoor,
    Page,
    PlainDoor,
    connect,
    handshake,
    port_of,
    stranger,
    until,
)

FATAL_ALERT = bytes.fromhex("15 fefd 0000 000000000000 0002 02 28")
"""A DTLS record in clear: alert, fatal, handshake_failure (RFC 6347, 4.1; RFC 5246, 7.2)."""


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "get_host_addresses", lambda **_: [LOOPBACK])


@pytest.fixture
async def plain() -> AsyncIterator[PlainDoor]:
    made = PlainDoor()
    yield made
    await made.close()


@pytest.fixture
async def guarded() -> AsyncIterator[GuardedDoor]:
    made = GuardedDoor()
    yield made
    await made.close()


@pytest.fixture
async def pages() -> AsyncIterator[Callable[..., Page]]:
    """Makes pages that are closed afterwards."""
    made: list[Page] = []

    def new(certificate: RTCCertificate | None = None) -> Page:
        made.append(Page(certificate))
        return made[-1]

    yield new
    for page in made:
        await page.close()


Pages = Callable[..., Page]


def client_hello() -> bytes:
    """The first datagram of somebody else's handshake."""
    context = SSL.Context(SSL.DTLS_METHOD)
    greeting = SSL.Connection(context)
    greeting.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        greeting.do_handshake()
    return greeting.bio_read(1500)


async def _connect_under_fire(door: Door, page: Page, datagram: bytes) -> bool:
    """Whether the link opens although a stranger sends `datagram` as soon as the door listens."""
    offer = await door.offer()
    with stranger() as attacker:
        attacker.sendto(datagram, (LOOPBACK, port_of(offer)))
        await asyncio.sleep(0)  # both ends share this loop: it reads the socket before it goes on
        await door.accept(await page.answer(offer))
        return await door.opened(within_s=NEVER_S if isinstance(door, PlainDoor) else 10.0)


async def test_an_empty_datagram_ends_a_call(plain: PlainDoor, guarded: GuardedDoor, pages: Pages) -> None:
    alive = {}
    for door in (plain, guarded):
        page = pages()
        offer = await door.offer()
        await door.accept(await page.answer(offer))
        assert await door.opened()
        assert await door.alive(page)
        with stranger() as attacker:
            attacker.sendto(b"", (LOOPBACK, port_of(offer)))
        if isinstance(door, PlainDoor):
            await until(lambda: plain.pc.connectionState == "closed")
        else:
            await until(lambda: guarded.link._gate.dropped == 1)
        alive[type(door)] = await door.alive(page)
    assert alive == {PlainDoor: False, GuardedDoor: True}


@pytest.mark.parametrize("datagram", [b"", FATAL_ALERT, client_hello()], ids=["empty", "alert", "client-hello"])
async def test_a_datagram_before_the_handshake_prevents_the_call(
    plain: PlainDoor, guarded: GuardedDoor, pages: Pages, datagram: bytes
) -> None:
    assert not await _connect_under_fire(plain, pages(), datagram)
    page = pages()
    assert await _connect_under_fire(guarded, page, datagram)
    assert await guarded.alive(page)


async def test_a_datagram_from_off_the_path_during_the_handshake_is_not_read(
    guarded: GuardedDoor, pages: Pages
) -> None:
    page = pages()
    offer = await guarded.offer()
    port = port_of(offer)
    with stranger() as attacker:

        async def fire() -> None:
            while True:
                for datagram in (b"", FATAL_ALERT, client_hello(), b"\x80\x60" + bytes(40), b"\x40" + bytes(40)):
                    attacker.sendto(datagram, (LOOPBACK, port))
                await asyncio.sleep(0.001)

        firing = asyncio.create_task(fire())
        try:
            await guarded.accept(await page.answer(offer))
            assert await guarded.opened()
            assert await guarded.alive(page)
        finally:
            firing.cancel()
    assert guarded.link._gate.dropped > 5


async def test_a_flood_before_the_connection_fills_the_memory(
    plain: PlainDoor, guarded: GuardedDoor, pages: Pages
) -> None:
    sent = 2000
    held: dict[type[Door], int] = {}
    for door in (plain, guarded):
        offer = await door.offer()
        with stranger() as attacker:
            for number in range(sent):
                attacker.sendto(bytes([20 + number % 40]) + bytes(1200), (LOOPBACK, port_of(offer)))
                await asyncio.sleep(0)
        if isinstance(door, PlainDoor):
            await until(lambda: plain.ice._queue.qsize() > sent / 2)
            held[PlainDoor] = plain.ice._queue.qsize()
        else:
            await until(lambda: guarded.link._gate.dropped > sent / 2)
            held[GuardedDoor] = guarded.link._ice._queue.qsize() + len(guarded.link._gate._held)
            page = pages()
            await guarded.accept(await page.answer(offer))
            assert await guarded.opened()
    assert held[PlainDoor] > sent / 2
    assert held[GuardedDoor] == 0


async def test_malformed_stun_is_an_exception_in_the_event_loop(plain: PlainDoor, guarded: GuardedDoor) -> None:
    # A binding request whose PRIORITY (0x0024) has two bytes instead of four (RFC 8489, 14).
    malformed = bytes.fromhex("0001 0008 2112a442") + bytes(12) + bytes.fromhex("0024 0002 0000 0000")
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))
    for door in (plain, guarded):
        port = port_of(await door.offer())
        with stranger() as attacker:
            attacker.sendto(malformed, (LOOPBACK, port))
        if isinstance(door, PlainDoor):
            await until(lambda: len(raised) == 1)
        else:
            await until(lambda: guarded.link._gate.dropped == 1)
    assert len(raised) == 1


def _with_other_fingerprint(sdp: str, section: int) -> str:
    """The answer with another certificate's fingerprint in one of its media sections."""
    parts = sdp.split("m=")
    marker = "a=fingerprint:sha-256 "
    before, _, after = parts[section + 1].partition(marker)
    parts[section + 1] = before + marker + ":".join(["AB"] * 32) + after[95:]
    return "m=".join(parts)


@pytest.mark.parametrize("section", [1, 2], ids=["audio", "application"])
async def test_a_second_fingerprint_hides_behind_the_first(
    plain: PlainDoor, guarded: GuardedDoor, pages: Pages, section: int
) -> None:
    answer = _with_other_fingerprint(await pages().answer(await plain.offer()), section)
    await plain.accept(answer)
    assert await plain.opened()
    honest = await pages().answer(await guarded.offer())
    await guarded.accept(_with_other_fingerprint(honest, section), fingerprint=_fingerprint_in(honest))
    assert (await guarded.lost()).startswith("fingerprint")


async def test_an_answer_for_another_certificate_than_the_proof(guarded: GuardedDoor, pages: Pages) -> None:
    answer = await pages().answer(await guarded.offer())
    await guarded.accept(answer, fingerprint=":".join(["AB"] * 32))
    assert (await guarded.lost()).startswith("fingerprint")


def _fingerprint_in(sdp: str) -> str:
    return sdp.partition("a=fingerprint:sha-256 ")[2][:95]


async def test_an_answer_without_fingerprint_is_pending_for_ever(
    plain: PlainDoor, guarded: GuardedDoor, pages: Pages
) -> None:
    async def bare(door: Door) -> tuple[str, str]:
        answer = await pages().answer(await door.offer())
        lines = [line for line in answer.split("\r\n") if not line.startswith("a=fingerprint")]
        return "\r\n".join(lines), _fingerprint_in(answer)

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the plain one's assertion, in no one's task
    await plain.accept((await bare(plain))[0])
    assert not await plain.opened(NEVER_S)
    assert plain.pc.connectionState == "connecting"
    await guarded.accept(*await bare(guarded))
    assert (await guarded.lost()).startswith("fingerprint")


async def test_another_certificate_than_the_proved_one(
    plain: PlainDoor, guarded: GuardedDoor, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library compares as well; here it does not, so that only our own comparison stands."""
    monkeypatch.setattr(RTCDtlsTransport, "_validate_peer_identity", lambda *_: None)
    for door in (plain, guarded):
        answer = await pages().answer(await door.offer())
        for section in range(3):
            answer = _with_other_fingerprint(answer, section)
        await door.accept(answer)
    assert await plain.opened()
    assert await guarded.lost() == "connection failed"


async def test_any_number_of_data_channels(plain: PlainDoor, guarded: GuardedDoor, pages: Pages) -> None:
    page = pages()
    assert await connect(plain, page)
    page.pc.createDataChannel("another")
    await asyncio.wait_for(plain.channels.get(), 10.0)
    page = pages()
    assert await connect(guarded, page)
    page.pc.createDataChannel("another")
    assert "second data channel" in await guarded.lost()


@pytest.mark.parametrize("size", [MESSAGE_LIMIT + 1, 250_000])
async def test_messages_beyond_the_limit(plain: PlainDoor, guarded: GuardedDoor, pages: Pages, size: int) -> None:
    for door in (plain, guarded):
        page = pages()
        assert await connect(door, page)
        setattr(page.pc.sctp, "_remote_max_message_size", 0)  # noqa: B010 - private; the page does not keep to what it was told
        page.control.send("x" * size)
    assert len(await asyncio.wait_for(plain.messages.get(), 10.0)) == size
    assert "too long" in await guarded.lost()


async def test_a_message_of_the_largest_size_is_taken(guarded: GuardedDoor, pages: Pages) -> None:
    page = pages()
    assert await connect(guarded, page)
    page.control.send("x" * MESSAGE_LIMIT)
    page.control.send("x" * MESSAGE_LIMIT)
    event = await asyncio.wait_for(guarded.events.get(), 10.0)
    assert len(getattr(event, "text", "")) == MESSAGE_LIMIT


async def test_binary_messages_end_the_link(guarded: GuardedDoor, pages: Pages) -> None:
    page = pages()
    assert await connect(guarded, page)
    page.control.send(b"{}")
    assert "binary" in await guarded.lost()


class WeakCertificate(RTCCertificate):
    """A page whose TLS library offers nothing but this."""

    ciphers = b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
    newest = 0xFEFD  # DTLS 1.2

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(self.ciphers)
        context.set_max_proto_version(self.newest)
        return context


async def test_cbc_ciphers_are_refused(plain: PlainDoor, guarded: GuardedDoor, pages: Pages) -> None:
    assert await connect(plain, pages(WeakCertificate.generateCertificate()))
    assert not await connect(guarded, pages(WeakCertificate.generateCertificate()))


def test_nothing_older_than_dtls_1_2_is_spoken(guarded: GuardedDoor) -> None:
    """The lowest security level stands for a TLS library or a configuration that would allow it."""

    def context(certificate: RTCCertificate, newest: int) -> SSL.Context:
        made = certificate._create_ssl_context(list(RTCDtlsTransport.__init__.__globals__["SRTP_PROFILES"]))
        made.set_cipher_list(b"ALL:@SECLEVEL=0")
        made.set_max_proto_version(newest)
        return made

    ours = DeviceCertificate(guarded.key, guarded.certificate)
    plain = RTCCertificate(guarded.key, guarded.certificate)
    dtls_1_0, dtls_1_2 = 0xFEFF, 0xFEFD
    assert handshake(context(plain, dtls_1_2), context(plain, dtls_1_0))
    assert not handshake(context(ours, dtls_1_2), context(plain, dtls_1_0))
    assert handshake(context(ours, dtls_1_2), context(plain, dtls_1_2))


async def test_an_attempt_that_never_ends(
    plain: PlainDoor, guarded: GuardedDoor, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that answers and then is silent."""
    monkeypatch.setattr(link, "OPEN_S", 0.3)
    for door in (plain, guarded):
        page = pages()
        answer = await page.answer(await door.offer())
        await page.close()
        await door.accept(answer)
    assert not await plain.opened(NEVER_S)
    assert plain.pc.connectionState == "connecting"
    assert (await guarded.lost()).startswith("timeout")


async def test_an_offer_nobody_answers(guarded: GuardedDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "OPEN_S", 0.1)
    await guarded.offer()
    assert (await guarded.lost()).startswith("timeout")
