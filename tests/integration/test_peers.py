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

from device.adapters.webrtc import fence, media
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
                door.video.show()
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


async def test_the_slowest_viewer_sets_the_bitrate(door: GuardedDoor, page: Page) -> None:
    assert await connect(door, page)
    door.peers.show_video("link", on=True)
    await _receive(page, door)
    door.link._media._capacity.sent(600_000, asyncio.get_running_loop().time())
    ssrc = door.link._sender._ssrc
    receiver = next(r for r in page.pc.getReceivers() if r.track and r.track.kind == "video")

    async def estimate(bitrate: int) -> None:
        remb = rtp.RtcpPsfbPacket(fmt=rtp.RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=rtp.pack_remb_fci(bitrate, [ssrc]))
        await receiver._send_rtcp(remb)

    await estimate(1_000_000)
    await until(lambda: door.video.bitrates == [("main", 1_000_000)])
    await estimate(90_000)
    await until(lambda: door.video.bitrates[1:] == [("main", media.FLOOR_BPS)])
    door.peers.show_video("link", on=False)
    assert door.video.bitrates[2:] == [("main", 2_000_000)]


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
    door.peers.accept("link", answer.replace("H264/90000", "VP9/90000"), vet_answer(answer).fingerprint)
    assert (await door.lost()).startswith("error: OperationError")
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
