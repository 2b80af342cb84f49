"""The parts of the webrtc adapter that need no connection."""

import asyncio

import av
import pytest
from aiortc.rtp import RtpPacket

from device.adapters.webrtc.description import publish_offer, split_answer
from device.adapters.webrtc.tracks import BLOCK, QUEUED_FRAMES, QUEUED_SOUND, REORDERED, PacketTrack, SoundInlet
from tests.fakes.media import tone


def test_the_published_offer_keeps_only_mid_and_asks_for_constant_rate() -> None:
    lines = [
        "m=audio 9 UDP/TLS/RTP/SAVPF 96",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=rtpmap:96 opus/48000/2",
        "a=max-message-size:262144",
        "a=fmtp:101 packetization-mode=1;profile-level-id=42e01f",
        "",
    ]
    published = publish_offer("\r\n".join(lines), "42e028").split("\r\n")
    assert published == [
        lines[0],
        lines[1],
        lines[3],
        "a=fmtp:96 cbr=1;maxaveragebitrate=32000;stereo=0;usedtx=0",
        "a=max-message-size:16384",
        "a=fmtp:101 packetization-mode=1;profile-level-id=42e028",
        "",
    ]


def test_candidates_are_taken_out_of_the_answer_once_each() -> None:
    answer = split_answer("v=0\r\na=candidate:1 x\r\na=end-of-candidates\r\na=mid:0\r\na=candidate:1 x\r\n")
    assert answer.sdp == "v=0\r\na=mid:0\r\n"
    assert answer.candidates == ("candidate:1 x",)


async def test_video_that_is_not_sent_is_flushed_and_goes_on_with_a_key_frame() -> None:
    asked = []
    track = PacketTrack("video", lambda: asked.append(True))
    track.put(b"key", 0, key=True)
    for number in range(1, QUEUED_FRAMES):
        track.put(b"delta", number, key=False)
    assert asked == []
    track.put(b"one too many", 100, key=False)
    track.put(b"needs the ones before", 101, key=False)
    track.put(b"fresh", 102, key=True)
    track.put(b"next", 103, key=False)
    assert asked == [True]
    assert [bytes(await track.recv()) for _ in range(2)] == [b"fresh", b"next"]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(track.recv(), 0.01)


async def test_video_never_begins_with_a_delta_frame() -> None:
    track = PacketTrack("video")
    track.put(b"delta", 0, key=False)
    track.put(b"key", 1, key=True)
    assert bytes(await track.recv()) == b"key"
    track.clear()
    track.put(b"delta", 2, key=False)
    track.put(b"key", 3, key=True)
    packet = await track.recv()
    assert (bytes(packet), packet.pts) == (b"key", 3)


async def test_sound_loses_the_oldest() -> None:
    track = PacketTrack("audio")
    for number in range(QUEUED_SOUND + 2):
        track.put(bytes([number]), number)
    assert bytes(await track.recv()) == bytes([2])


async def test_frames_of_one_time_get_two() -> None:
    track = PacketTrack("video")
    track.put(b"main", 3000, key=True)
    track.clear()
    track.put(b"small", 3000, key=True)
    track.put(b"next", 6000, key=False)
    assert [(await track.recv()).pts for _ in range(2)] == [3001, 6000]


def _spoken(count: int) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate = "s16", "mono", 48_000
    return [bytes(packet) for number in range(count) for packet in encoder.encode(tone(660, number * 960))]


def _packet(number: int, payload: bytes) -> RtpPacket:
    packet = RtpPacket(payload_type=111, sequence_number=number & 0xFFFF)
    packet.payload = payload
    return packet


def _played(order: list[int], start: int = 0) -> list[int]:
    """How many 20 ms blocks had been played after each packet, arriving in `order`."""
    played: list[bytes] = []
    inlet = SoundInlet(played.append)
    inlet.listen(on=True)
    packets = _spoken(max(order) + 1)
    counts = []
    for number in order:
        assert inlet.add(_packet(start + number, packets[number])) == (False, None)
        counts.append(sum(len(pcm) for pcm in played) // BLOCK)
    return counts


def test_sound_is_played_as_it_comes() -> None:
    assert _played([0, 1, 2, 3]) == [1, 2, 3, 4]


def test_swapped_packets_are_put_in_order() -> None:
    assert _played([0, 2, 1, 3]) == [1, 1, 3, 4]


def test_a_packet_twice_or_too_late_is_dropped() -> None:
    assert _played([1, 2, 2, 0]) == [1, 2, 2, 2]


def test_a_lost_packet_is_not_waited_for_long() -> None:
    counts = _played([0, 2, 3, 4, 5, 6])
    assert counts[REORDERED] == 1
    assert counts[-1] == 6


def test_sequence_numbers_wrap() -> None:
    assert _played([0, 1, 2, 3], start=0xFFFE) == [1, 2, 3, 4]


def test_a_sender_that_begins_anew_is_heard() -> None:
    played: list[bytes] = []
    inlet = SoundInlet(played.append)
    inlet.listen(on=True)
    packets = _spoken(2)
    inlet.add(_packet(10, packets[0]))
    inlet.add(_packet(9000, packets[1]))
    assert len(played) == 2


def test_nothing_is_decoded_unless_listening() -> None:
    inlet = SoundInlet(lambda _: pytest.fail("played"))
    inlet.add(_packet(0, _spoken(1)[0]))
    inlet.listen(on=True)
    inlet.listen(on=False)
    inlet.add(_packet(1, _spoken(1)[0]))


def test_what_is_no_opus_is_a_gap() -> None:
    played: list[bytes] = []
    inlet = SoundInlet(played.append)
    inlet.listen(on=True)
    for number, payload in enumerate([b"\xff" * 3, b"", _spoken(1)[0]]):
        inlet.add(_packet(number, payload))
    assert sum(map(len, played)) >= BLOCK
