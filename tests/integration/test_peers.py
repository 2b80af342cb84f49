"""The webrtc adapter against a page: real ICE, DTLS, SRTP and SCTP on 127.0.0.1."""

import asyncio
import pathlib
import threading
from collections.abc import AsyncIterator
from typing import Any

import av
import pytest
from aioice import ice
from aiortc import rtp

from device.adapters.webrtc import fence
from device.adapters.webrtc.capacity import SETTLE_S
from device.core.events import LinkLost, LinkMessage, LinkOffered
from protocol.candidates import Candidate
from protocol.certificates import fingerprint
from protocol.sdp import vet_answer, vet_offer
from tests.fakes.media import loudest_hertz
from tests.integration.calls import LOOPBACK, SOON_S, GuardedDoor, Page, ToneTrack, connect, hidden, until


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "get_host_addresses", lambda **_: [LOOPBACK])


@pytest.fixture
async def door() -> AsyncIterator[GuardedDoor]:
    made = GuardedDoor()
    yield made
    await made.close()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    made = Page()
    yield made
    await made.close()


async def _receive(page: Page, door: GuardedDoor, within_s: float = SOON_S) -> Any:
    """The first frame the page decodes while the door's camera runs."""
    received = asyncio.ensure_future(page.tracks["video"].recv())
    try:
        async with asyncio.timeout(within_s):
            while not received.done():
                for stream in dict.fromkeys(door.video.watched):
                    door.video.show(stream)
                await asyncio.wait([received], timeout=1 / 30)
        return received.result()
    finally:
        received.cancel()


async def test_offer_says_what_the_protocol_asks(door: GuardedDoor) -> None:
    sdp = await door.offer()
    assert vet_offer(sdp).fingerprint == fingerprint(door.certificate)
    lines = sdp.split("\r\n")
    assert [line.split(" ")[0] for line in lines if line.startswith("m=")] == ["m=video", "m=audio", "m=application"]
    assert {line.split(" ")[1] for line in lines if line.startswith("a=extmap:")} == {
        "urn:ietf:params:rtp-hdrext:sdes:mid",
        "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    }
    assert sum("profile-level-id=42e01f" in line and "packetization-mode=1" in line for line in lines) == 1
    assert [line.split(" ")[1] for line in lines if line.startswith("a=rtpmap:")] == [
        "H264/90000",
        "rtx/90000",
        "VP8/90000",
        "rtx/90000",
        "opus/48000/2",
    ]
    assert any("cbr=1" in line and "usedtx=0" in line for line in lines)
    assert "a=max-message-size:16384" in lines
    assert {line.split(" ")[4] for line in lines if line.startswith("a=candidate:")} == {LOOPBACK}


async def test_no_server_is_asked_that_was_not_named(door: GuardedDoor) -> None:
    await door.offer()
    assert (door.link._ice.stun_server, door.link._ice.turn_server) == (None, None)


async def test_opened_means_control_is_open_to_the_named_certificate(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    assert fence.peer_fingerprint(page.dtls) == fingerprint(door.certificate)
    assert (page.control.label, page.control.protocol, page.control.ordered) == ("control", "doorward.v1", True)
    assert page.control.maxRetransmits is None
    assert await door.alive(page)


async def test_nothing_is_sent_or_played_on_a_standing_link(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page, ToneTrack())
    counted = hidden(page.dtls, "rx_packets")
    ears = door.link._connection.getReceivers()[1]
    await until(lambda: bool(hidden(ears, "remote_streams")))
    for _ in range(30):
        door.video.show()
        door.sound.speak()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(page.tracks["video"].recv(), 1.5)
    assert door.sound.played == b""
    # What is left are the receiver reports on what the page sends, and the association's acknowledgements.
    assert hidden(page.dtls, "rx_packets") - counted < 10
    senders = [hidden(sender, "packet_count") for sender in door.link._connection.getSenders()]
    assert senders == [0, 0]


async def test_video_flows_only_while_shown_and_begins_with_a_key_frame(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    for _ in range(2):
        door.peers.show_video("link", on=True)
        frame = await _receive(page, door)
        assert (frame.width, frame.height) == (320, 240)
        door.peers.show_video("link", on=False)
        assert door.video.watched == []
        sent = hidden(door.link._sender, "packet_count")
        door.video.show()
        assert await door.alive(page)
        assert hidden(door.link._sender, "packet_count") == sent


async def test_a_frame_under_way_when_the_view_ends_is_not_sent(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    door.peers.show_video("link", on=True)
    late = door.video.sinks()[0]
    door.peers.show_video("link", on=False)
    late(door.video.show())
    assert await door.alive(page)
    assert hidden(door.link._sender, "packet_count") == 0


async def test_picture_loss_reaches_the_camera(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    door.peers.show_video("link", on=True)
    await _receive(page, door)
    receiver = next(r for r in page.pc.getReceivers() if r.track and r.track.kind == "video")
    await receiver._send_rtcp_pli(door.link._sender._ssrc)
    await until(lambda: door.video.key_frames_asked == ["main"])


async def _estimate(page: Page, door: GuardedDoor, bitrate: int) -> None:
    """The page says what it believes to be its path's capacity (REMB)."""
    ssrc = door.link._sender._ssrc
    receiver = next(r for r in page.pc.getReceivers() if r.track and r.track.kind == "video")
    remb = rtp.RtcpPsfbPacket(fmt=rtp.RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=rtp.pack_remb_fci(bitrate, [ssrc]))
    await receiver._send_rtcp(remb)


def _busy(door: GuardedDoor) -> None:
    """As if the picture had moved a lot for the last two seconds."""
    capacity = door.link._media._capacity
    capacity._began -= SETTLE_S
    capacity.sent(600_000, asyncio.get_running_loop().time())


async def test_the_slowest_viewer_of_a_stream_sets_its_bitrate(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    door.peers.show_video("link", on=True)
    await _receive(page, door)
    _busy(door)
    await _estimate(page, door, 1_000_000)
    await until(lambda: door.video.bitrates == [("main", 1_000_000)])
    assert door.video.watched == ["main"]
    door.peers.show_video("link", on=False)
    assert door.video.bitrates[1:] == [("main", 2_000_000)]


async def test_a_slow_link_gets_the_small_stream_and_takes_nothing_from_the_others(
    door: GuardedDoor, page: Page
) -> None:
    assert await connect(door, page)
    other = Page()
    door.name = "other"
    assert await connect(door, other)
    for name in ("link", "other"):
        door.peers.show_video(name, on=True)
    for viewer in (page, other):
        assert (await _receive(viewer, door)).width == 320
    ssrc, packets = door.link._sender._ssrc, hidden(door.link._sender, "packet_count")
    _busy(door)
    await _estimate(other, door, 250_000)
    await until(lambda: door.video.watched == ["main", "small"])
    assert door.video.bitrates == [("small", 250_000)], "the full size stays as it was"
    await _width(other, door, 160)
    assert (await _receive(page, door)).width == 320
    assert door.link._sender._ssrc == ssrc, "no renegotiation"
    assert hidden(door.link._sender, "packet_count") > packets

    # Whoever loses packets gets a key frame of its own stream.
    asked = len(door.video.key_frames_asked)
    receiver = next(r for r in other.pc.getReceivers() if r.track and r.track.kind == "video")
    await receiver._send_rtcp_pli(ssrc)
    await until(lambda: "small" in door.video.key_frames_asked[asked:])

    # And up again, when there is room.
    door.link._media._choice._wait = 0.0
    door.link._media._capacity.congested_at = 0.0
    await _estimate(other, door, 1_000_000)
    await until(lambda: door.video.watched == ["main", "main"])
    await _width(other, door, 320)
    await other.close()
    await door.lost()


async def _width(page: Page, door: GuardedDoor, width: int) -> None:
    """Until the page decodes frames so wide; those of the stream before may still be on their way."""
    async with asyncio.timeout(SOON_S):
        while (await _receive(page, door)).width != width:
            pass


async def test_a_page_without_h264_gets_vp8_which_nobody_else_pays_for(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page, video="VP8")
    door.name = "other"
    other = Page()
    assert await connect(door, other)
    door.peers.show_video("other", on=True)
    assert (await _receive(other, door)).width == 320
    assert door.video.watched == ["main"]
    door.peers.show_video("link", on=True)
    for _ in range(10):
        frame = await _receive(page, door)
        assert (frame.width, frame.height) == (160, 120)
    receiver = next(r for r in page.pc.getReceivers() if r.track and r.track.kind == "video")
    await receiver._send_rtcp_pli(door.peers._links["link"]._sender._ssrc)
    await until(lambda: "vp8" in door.video.key_frames_asked)
    door.peers.show_video("link", on=False)
    assert door.video.watched == ["main"]
    await other.close()
    await door.lost()


async def test_a_hopeless_link_loses_its_picture_and_keeps_its_word(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page, video="VP8")
    door.peers.show_video("link", on=True)
    await _receive(page, door)
    _busy(door)
    await _estimate(page, door, 50_000)
    await until(lambda: door.video.watched == [])
    assert await door.alive(page)
    media = door.link._media
    media._choice._wait = 0.0
    media._try_again()  # what the timer does when the wait is over
    assert door.video.watched == ["vp8"]
    await _receive(page, door)
    door.peers.show_video("link", on=False)
    assert door.video.watched == []


async def test_sound_goes_both_ways_while_talking_and_not_after(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page, ToneTrack())
    door.peers.talk("link", on=True)

    async def speak() -> None:
        while True:
            door.sound.speak()
            await asyncio.sleep(0.02)

    speaking = asyncio.create_task(speak())
    heard = bytearray()
    try:
        async with asyncio.timeout(SOON_S):
            while len(heard) < 2 * 2 * 48_000:
                frame = await page.tracks["audio"].recv()
                assert isinstance(frame, av.AudioFrame)
                heard += frame.to_ndarray()[0, ::2].tobytes()
        await until(lambda: len(door.sound.played) > 48_000)
    finally:
        speaking.cancel()
    assert abs(loudest_hertz(bytes(heard[48_000:])) - 440) < 5
    assert abs(loudest_hertz(bytes(door.sound.played)) - 660) < 5
    assert len(door.sound.played) % 1920 == 0
    door.peers.talk("link", on=False)
    assert door.sound.sinks == []
    played = len(door.sound.played)
    assert await door.alive(page)
    assert len(door.sound.played) == played


async def test_a_packet_that_the_page_misses_is_sent_again(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    receiver: Any = next(each for each in page.pc.getReceivers() if each.track.kind == "video")
    handle = receiver._handle_rtp_packet
    heard: list[rtp.RtpPacket] = []

    async def listen(packet: rtp.RtpPacket, arrival_time_ms: int) -> None:
        heard.append(packet)
        await handle(packet, arrival_time_ms=arrival_time_ms)

    fence.replace(receiver, "_handle_rtp_packet", listen)
    door.peers.show_video("link", on=True)
    await _receive(page, door)
    missed = heard[0]
    await receiver._send_rtcp_nack(missed.ssrc, [missed.sequence_number])
    again = missed.sequence_number.to_bytes(2) + missed.payload
    await until(lambda: any(packet.ssrc != missed.ssrc and packet.payload == again for packet in heard))


async def test_what_is_said_before_closing_arrives(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    door.peers.send("link", "last words")
    door.peers.close_link("link")
    assert await page.heard() == "last words"


async def test_what_is_said_before_closing_arrives_over_a_bad_network(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    socket = door.link._ice._nominated[1].protocol
    send = socket.send_data
    lost: list[bytes] = []

    async def lose_one(data: bytes, addr: tuple[str, int]) -> None:
        if lost:
            await send(data, addr)
        lost.append(data)

    fence.replace(socket, "send_data", lose_one)
    door.peers.send("link", "last words")
    door.peers.close_link("link")
    assert await page.heard() == "last words"


async def test_the_end_of_the_page_is_noticed(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    door.peers.show_video("link", on=True)
    door.peers.talk("link", on=True)
    await page.close()
    assert await door.lost()
    assert (door.video.watched, door.sound.sinks) == ([], [])


async def test_the_loss_of_a_link_is_told_once(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    await page.close()
    await door.lost()
    door.peers.close_link("link")
    door.peers.close_link("link")
    await door.peers.close()
    assert door.events.empty()


def _open_files() -> int:
    return len(list(pathlib.Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("stage", ["offered", "accepted", "opened"])
async def test_closing_leaves_nothing_behind(door: GuardedDoor, stage: str) -> None:
    threads, files, tasks = threading.active_count(), _open_files(), len(asyncio.all_tasks())
    offer = await door.offer()
    if stage == "accepted":
        other = Page()
        answer = await other.answer(offer)
        await other.close()
        await door.accept(answer)
    elif stage == "opened":
        other = Page()
        await door.accept(await other.answer(offer))
        assert await door.opened()
        door.peers.show_video("link", on=True)
        door.peers.talk("link", on=True)
    await door.close()
    if stage == "opened":
        await other.close()
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    assert threading.active_count() <= threads
    assert _open_files() <= files


async def test_a_second_answer_ends_the_link(door: GuardedDoor, page: Page) -> None:
    answer = await page.answer(await door.offer())
    await door.accept(answer)
    await door.accept(answer)
    assert "second answer" in await door.lost()


async def test_an_answer_the_library_cannot_take_ends_only_that_link(door: GuardedDoor, page: Page) -> None:
    answer = await page.answer(await door.offer())
    door.peers.accept("link", answer.replace("a=ssrc:", "a=ssrc:x", 1), vet_answer(answer).fingerprint)
    assert (await door.lost()).startswith("error: ValueError")
    door.peers.open_link("another", ())
    assert (await door.next(LinkOffered)).link == "another"


async def test_candidates_may_come_after_the_answer(door: GuardedDoor, page: Page) -> None:
    answer = await page.answer(await door.offer())
    lines = answer.split("\r\n")
    candidate = next(line for line in lines if line.startswith("a=candidate:")).removeprefix("a=")
    bare = "\r\n".join(line for line in lines if "candidate" not in line)
    door.peers.accept("link", bare, vet_answer(bare).fingerprint)
    door.peers.add_candidate("link", Candidate(candidate, "0", 0))
    door.peers.add_candidate("link", None)
    assert await door.opened()
    assert [c.type for c in door.link._ice.remote_candidates] == ["host"]


async def test_no_more_than_32_candidates_are_tried(door: GuardedDoor, page: Page) -> None:
    answer = await page.answer(await door.offer())
    bare = "\r\n".join(line for line in answer.split("\r\n") if "candidate" not in line)
    door.peers.accept("link", bare, vet_answer(bare).fingerprint)
    lines = [Candidate(f"candidate:1 1 udp 1 192.0.2.1 {port} typ host", "0", 0) for port in range(2000, 2100)]
    for line in lines[:20]:
        door.peers.add_candidate("link", line)
    assert await door.opened()
    for line in lines[20:]:
        door.peers.add_candidate("link", line)
    assert await door.alive(page)
    told = [candidate for candidate in door.link._ice.remote_candidates if candidate.type == "host"]
    assert len(told) == 32


async def test_names_of_candidates_are_never_resolved(
    door: GuardedDoor, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = []

    async def resolve(_: object) -> None:
        looked_up.append(True)

    monkeypatch.setattr(ice, "get_or_create_mdns_protocol", resolve)
    answer = await page.answer(await door.offer())
    hidden = answer.replace(f" {LOOPBACK} ", " 0b7b2e6c-5c3f-4f0e-9d3a-6a1d3c2b1a00.local ")
    assert ".local" in hidden
    door.peers.accept("link", hidden, vet_answer(hidden).fingerprint)
    assert await door.opened()
    assert looked_up == []


async def test_messages_keep_their_order(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    for number in range(100):
        page.control.send(str(number))
        door.peers.send("link", str(number))
    assert [(await door.next(LinkMessage)).text for _ in range(100)] == [str(n) for n in range(100)]
    assert [await page.heard() for _ in range(100)] == [str(n) for n in range(100)]


async def test_several_links_share_one_camera(door: GuardedDoor) -> None:
    pages = [Page() for _ in range(3)]
    for number, page in enumerate(pages):
        door.name = f"link{number}"
        assert await connect(door, page)
        door.peers.show_video(door.name, on=True)
    for page in pages:
        assert (await _receive(page, door)).width == 320
    door.peers.close_link("link1")
    assert door.video.watched == ["main", "main"]
    for page in pages:
        await page.close()
    assert isinstance(await door.next(LinkLost), LinkLost)


async def test_a_picture_comes_in_pieces_between_what_is_said_before_and_after(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    data = bytes(range(256)) * 1000
    door.peers.send("link", "a picture follows")
    await door.peers.send_bytes("link", data)
    door.peers.send("link", "that was it")
    assert await page.heard() == "a picture follows"
    pieces: list[bytes] = []
    while isinstance(piece := await page.heard(), bytes):
        pieces.append(piece)
    assert piece == "that was it"
    assert b"".join(pieces) == data
    assert {len(piece) for piece in pieces[:-1]} == {16 * 1024}


async def test_a_page_that_is_slow_to_read_has_no_more_than_a_window_under_way(
    door: GuardedDoor, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said meanwhile does not stand behind the whole picture; who reads nothing at all loses the link."""
    monkeypatch.setattr("device.adapters.webrtc.link.UNREAD_S", 1.0)
    assert await connect(door, page)
    control = door.link._control
    largest = 0
    send = control.send

    def watched(data: str | bytes) -> None:
        nonlocal largest
        send(data)
        largest = max(largest, control.bufferedAmount)

    monkeypatch.setattr(control, "send", watched)
    await door.peers.send_bytes("link", bytes(500_000))
    assert largest <= 2 * 16 * 1024
    monkeypatch.setattr(page.pc.sctp, "_send_sack", _nothing)
    await asyncio.wait_for(door.peers.send_bytes("link", bytes(500_000)), SOON_S)
    assert "does not read" in await door.lost()
    await door.peers.send_bytes("link", b"to nobody")


async def _nothing() -> None:
    return None
