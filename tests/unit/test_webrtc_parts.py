"""The parts of the webrtc adapter that need no connection."""

import asyncio

import av
import pytest
from aiortc.rtp import RtpPacket

from device.adapters.webrtc.description import publish_offer, split_answer
from device.adapters.webrtc.tracks import QUEUED_FRAMES, QUEUED_SOUND, PacketTrack, SoundInlet
from tests.fakes.media import FakeSound, tone


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
    packet = RtpPacket(payload_type=111, sequence_number=number, timestamp=number * 960)
    packet.payload = payload
    return packet


def test_packets_are_handed_on_as_they_come_with_their_time_stamps() -> None:
    sound = FakeSound()
    inlet = SoundInlet(sound)
    inlet.listen(on=True)
    packets = _spoken(3)
    for number in (0, 2, 1):
        assert inlet.add(_packet(number, packets[number])) == (False, None)
    inlet.add(_packet(3, b""))
    assert sound.far_ends[0].packets == [(number * 960, packets[number]) for number in (0, 2, 1)]


def test_nothing_is_handed_on_unless_listening() -> None:
    sound = FakeSound()
    inlet = SoundInlet(sound)
    inlet.add(_packet(0, _spoken(1)[0]))
    inlet.listen(on=True)
    inlet.listen(on=False)
    inlet.add(_packet(1, _spoken(1)[0]))
    assert [far_end.packets for far_end in sound.far_ends] == [[]]
    assert sound.played == b""


def test_a_second_talk_is_another_far_end() -> None:
    sound = FakeSound()
    inlet = SoundInlet(sound)
    for _ in range(2):
        inlet.listen(on=True)
        inlet.add(_packet(0, _spoken(1)[0]))
    assert [len(far_end.packets) for far_end in sound.far_ends] == [1, 1]
