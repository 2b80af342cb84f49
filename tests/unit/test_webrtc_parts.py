"""The parts of the webrtc adapter that need no connection."""

from typing import Any

import av
import pytest
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket

from device.adapters.webrtc.description import publish_offer, split_answer
from device.adapters.webrtc.tracks import PacketTrack, SoundInlet
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


class _Line:
    """Where a track is attached; what was sent is kept."""

    def __init__(self) -> None:
        self.packets: list[av.Packet[Any]] = []

    @property
    def sent(self) -> list[bytes]:
        return [bytes(packet) for packet in self.packets]


async def test_what_comes_before_there_is_a_connection_is_lost_and_a_key_frame_is_asked_for_then() -> None:
    asked: list[bool] = []
    line, track = _Line(), PacketTrack("video", lambda: asked.append(True))
    track.put(b"too early", 0, key=True)
    assert asked == []
    track.attach(line.packets.append)
    assert asked == [True]
    track.put(b"needs the one before", 1, key=False)
    track.put(b"fresh", 2, key=True)
    track.put(b"next", 3, key=False)
    track.stop()
    track.put(b"too late", 4, key=True)
    assert line.sent == [b"fresh", b"next"]


async def test_video_that_was_not_sent_goes_on_with_a_key_frame() -> None:
    asked: list[bool] = []
    line, track = _Line(), PacketTrack("video", lambda: asked.append(True))
    track.attach(line.packets.append)
    track.put(b"key", 0, key=True)
    track.flush()
    assert asked == [True, True]
    track.put(b"needs the one that was not sent", 1, key=False)
    track.put(b"fresh", 2, key=True)
    assert line.sent == [b"key", b"fresh"]


async def test_another_picture_begins_with_its_key_frame() -> None:
    line, track = _Line(), PacketTrack("video")
    track.attach(line.packets.append)
    track.put(b"delta", 0, key=False)
    track.put(b"key", 1, key=True)
    track.clear()
    track.put(b"delta", 2, key=False)
    track.put(b"key", 3, key=True)
    assert line.sent == [b"key", b"key"]
    assert [packet.pts for packet in line.packets] == [1, 3]


async def test_sound_needs_no_key_frame() -> None:
    line, track = _Line(), PacketTrack("audio")
    track.attach(line.packets.append)
    track.put(b"one", 0)
    track.clear()
    track.put(b"two", 960)
    assert line.sent == [b"one", b"two"]


async def test_frames_of_one_time_get_two() -> None:
    line, track = _Line(), PacketTrack("video")
    track.attach(line.packets.append)
    track.put(b"main", 3000, key=True)
    track.clear()
    track.put(b"small", 3000, key=True)
    track.put(b"next", 6000, key=False)
    assert [packet.pts for packet in line.packets] == [3000, 3001, 6000]


async def test_nobody_can_pull() -> None:
    with pytest.raises(MediaStreamError):
        await PacketTrack("audio").recv()


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
