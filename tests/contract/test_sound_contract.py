"""The contract of microphone and loudspeaker: on the fake, on ALSA's unpaced PCMs for content, and on a paced card."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import alsaaudio
import av
import numpy as np
import numpy.typing as npt
import pytest

from device.adapters.audio import AlsaSound, direction, line
from device.core.events import Event, HardwareBack, HardwareFault
from device.media.jitter import STALL_S
from device.media.mixer import Mixer
from device.media.opus import BLOCK_BYTES, RATE_HZ, SAMPLES, OpusEncoder
from device.media.rates import from_card
from device.media.tones import Tones
from device.ports import FarEnd, OpusPacket, Sound
from tests.fakes.media import FakeSound
from tests.harness import pulse as card
from tests.harness.ears import read_raw, standing_out, write_tone
from tests.harness.processes import SCALE

STREET_HZ = 440
"""What the microphone hears."""

# What is said goes through `cat`, since a plain file begins anew whenever the PCM is opened.
# `multi` has exactly the channels it binds: a card that can do two, and only two.
_ALSA = """\
</usr/share/alsa/alsa.conf>
pcm.two {{ type multi slaves.a {{ pcm "null" channels 2 }}
  bindings.0 {{ slave a channel 0 }} bindings.1 {{ slave a channel 1 }} }}
pcm.hear {{ type file slave.pcm "null" file "/dev/null" infile "{folder}/street.raw" format "raw" }}
pcm.say {{ type file slave.pcm "null" file "|cat >> {folder}/said.raw" format "raw" }}
pcm.say_two {{ type file slave.pcm "two" file "|cat >> {folder}/said.raw" format "raw" }}
"""

Samples = npt.NDArray[np.int16]


class Posted:
    """What an adapter posted; on the event loop it can be waited for."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    def post(self, event: Event) -> None:
        self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def next(self) -> Event:
        return await asyncio.wait_for(self._events.get(), 10 * SCALE)

    @property
    def rest(self) -> list[Event]:
        return [self._events.get_nowait() for _ in range(self._events.qsize())]


class Listener:
    """A sink that keeps what it got, and from which thread."""

    def __init__(self, sound: Sound) -> None:
        self.packets: list[OpusPacket] = []
        self.threads: set[int] = set()
        self._sound = sound
        self._got = asyncio.Event()
        self.stop: Callable[[], None] = sound.listen(self._take)

    def _take(self, packet: OpusPacket) -> None:
        self.packets.append(packet)
        self.threads.add(threading.get_ident())
        self._got.set()

    async def until(self, count: int) -> list[OpusPacket]:
        """The first `count` packets; into a fake microphone somebody speaks."""
        while len(self.packets) < count:
            self._got.clear()
            if isinstance(self._sound, FakeSound):
                self._sound.speak()
            else:
                await asyncio.wait_for(self._got.wait(), 10 * SCALE)
        return self.packets[:count]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ALSA PCMs that are files, and a street in which a tone sounds for a minute."""
    (tmp_path / "asound.conf").write_text(_ALSA.format(folder=tmp_path))
    (tmp_path / "street.raw").write_bytes(sine(STREET_HZ, 60.0).tobytes())
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "asound.conf"))
    return tmp_path


@pytest.fixture(scope="module")
def paced() -> Iterator[card.PulseDoor]:
    if reason := card.missing():
        pytest.skip(reason)
    with card.pulse_door() as made:
        yield made


@pytest.fixture
async def paced_sound(paced: card.PulseDoor, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AlsaSound]:
    for name, value in paced.env.items():
        monkeypatch.setenv(name, value)
    posted = Posted()
    sound = AlsaSound("door_capture", "door_playback", 10, Mixer(Tones()), posted.post)
    sound.open()
    yield sound
    sound.close()
    assert posted.rest == []


@pytest.fixture(params=["fake", "alsa"])
async def sound(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Sound]:
    assert folder
    made: Sound = (
        FakeSound() if request.param == "fake" else AlsaSound("hear", "say", 10, Mixer(Tones()), lambda _: None)
    )
    made.open()
    yield made
    made.close()


async def test_the_microphone_arrives_as_opus_of_20_ms(sound: Sound) -> None:
    packets = await Listener(sound).until(10)
    heard = decode(packets)
    assert len(heard) == 10 * SAMPLES
    assert standing_out(heard[2 * SAMPLES :], STREET_HZ) > 30


async def test_time_stamps_rise_by_20_ms_or_more(sound: Sound) -> None:
    packets = await Listener(sound).until(10)
    steps = [later.pts - earlier.pts for earlier, later in pairwise(packets)]
    assert all(step >= SAMPLES and step % SAMPLES == 0 for step in steps)


async def test_all_listeners_hear_the_same(sound: Sound) -> None:
    one, other = Listener(sound), Listener(sound)
    await one.until(3)
    await other.until(3)
    assert one.packets[0] in other.packets


async def test_who_stopped_listening_hears_nothing_more(sound: Sound) -> None:
    gone, stays = Listener(sound), Listener(sound)
    await gone.until(2)
    gone.stop()
    heard = len(gone.packets)
    await stays.until(len(stays.packets) + 3)
    assert len(gone.packets) == heard


async def test_sinks_are_called_on_the_event_loop(sound: Sound) -> None:
    listener = Listener(sound)
    await listener.until(3)
    assert listener.threads == {threading.get_ident()}


async def test_tones_and_the_far_end_are_taken_at_any_time(sound: Sound) -> None:
    sound.tone("ringback")
    sound.tone("busy")
    far_end = sound.far_end()
    for timestamp, payload in spoken(1000, 0.1):
        far_end.put(timestamp, payload)
    far_end.put(0, b"junk")
    far_end.put(0, b"")
    far_end.close()
    far_end.close()
    far_end.put(0, spoken(1000, 0.02)[0][1])
    sound.tone(None)
    sound.tone(None)
    sound.close()
    sound.close()


# What ends up in the card, bit by bit


async def test_the_loudspeaker_plays_what_it_is_given(folder: Path) -> None:
    sound = AlsaSound("hear", "say", 10, Mixer(Tones()), lambda _: None)
    sound.open()
    await say(sound, spoken(1000, 1.0))
    await written(folder / "said.raw", RATE_HZ * 3)
    sound.close()
    heard = np.fromfile(folder / "said.raw", np.int16)
    loud = np.flatnonzero(np.abs(heard) > 1000)
    assert 0.9 * RATE_HZ < loud[-1] - loud[0] < (1.1 + STALL_S) * RATE_HZ, "all of it, and its end invented"
    assert standing_out(heard[loud[0] : loud[-1]] / 32768, 1000) > 30
    assert not heard[loud[-1] + RATE_HZ // 4 :].any(), "after the last sound there is silence"


async def test_a_stereo_card_plays_the_same_on_both_sides(folder: Path) -> None:
    sound = AlsaSound("hear", "say_two", 10, Mixer(Tones()), lambda _: None)
    sound.open()
    await say(sound, spoken(1000, 0.5))
    await written(folder / "said.raw", 2 * RATE_HZ)
    sound.close()
    heard = np.fromfile(folder / "said.raw", np.int16)
    heard = heard[: len(heard) // 2 * 2].reshape(-1, 2)
    assert np.array_equal(heard[:, 0], heard[:, 1])
    assert standing_out(heard[:, 0] / 32768, 1000) > 30


def stubborn(monkeypatch: pytest.MonkeyPatch, rate_hz: int, sample_format: int) -> None:
    """Make every card one that has this rate and format, and no other."""
    real = alsaaudio.PCM

    def only(**asked: Any) -> Any:
        return real(**(asked | {"rate": rate_hz, "format": sample_format}))

    monkeypatch.setattr(alsaaudio, "PCM", only)


CARDS = [
    (rate_hz, sample_format)
    for rate_hz in (8_000, 16_000, 44_100, 48_000, 96_000)
    for sample_format in (alsaaudio.PCM_FORMAT_S16_LE, alsaaudio.PCM_FORMAT_S32_LE)
]


@pytest.mark.parametrize(("rate_hz", "sample_format"), CARDS)
async def test_whatever_rate_and_width_a_card_has_it_says_the_same(
    rate_hz: int, sample_format: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn(monkeypatch, rate_hz, sample_format)
    sound = AlsaSound("hear", "say", 10, Mixer(Tones()), lambda _: None)
    sound.open()
    await say(sound, spoken(1000, 0.5))
    width = 2 if sample_format == alsaaudio.PCM_FORMAT_S16_LE else 4
    await written(folder / "said.raw", rate_hz * width // 2)
    sound.close()
    heard = np.fromfile(folder / "said.raw", "<i2" if width == 2 else "<i4").astype(float)
    heard /= 2 ** (8 * width - 1)
    assert np.abs(heard).max() == pytest.approx(12_000 / 32_768, rel=0.2)
    assert standing_out(heard, 1000, rate_hz) > 30


@pytest.mark.parametrize(("rate_hz", "sample_format"), CARDS)
async def test_whatever_rate_and_width_a_card_has_it_hears_the_same(
    rate_hz: int, sample_format: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn(monkeypatch, rate_hz, sample_format)
    street = np.sin(2 * np.pi * STREET_HZ * np.arange(20 * rate_hz) / rate_hz)
    narrow = sample_format == alsaaudio.PCM_FORMAT_S16_LE
    wave = (12_000 * street).astype("<i2") if narrow else (12_000 * 65_536 * street).astype("<i4")
    (folder / "street.raw").write_bytes(wave.tobytes())
    sound = AlsaSound("hear", "say", 10, Mixer(Tones()), lambda _: None)
    sound.open()
    heard = decode(await Listener(sound).until(15))
    sound.close()
    assert np.abs(heard[4 * SAMPLES :]).max() == pytest.approx(12_000 / 32_768, rel=0.2)
    assert standing_out(heard[2 * SAMPLES :], STREET_HZ) > 30


def test_a_stereo_microphone_is_mixed_to_one_channel() -> None:
    left, right = sine(500, 0.02), sine(1500, 0.02)
    mixed = from_card(np.column_stack([left, right]).tobytes(), 16, 2)
    assert np.abs(mixed - (left / 2 + right / 2)).max() <= 1


async def test_a_card_that_keeps_no_time_is_kept_to_ours(sound: Sound) -> None:
    if isinstance(sound, FakeSound):
        pytest.skip("a fake has no clock")
    listener = Listener(sound)
    began = time.monotonic()
    packets = await listener.until(55)
    assert (packets[-1].pts - packets[0].pts) / RATE_HZ < 1.05 * (time.monotonic() - began) + 0.2


class Ears:
    """A filter that keeps what it is given, and hands on silence."""

    def __init__(self) -> None:
        self.near: list[Samples] = []
        self.far: list[Samples] = []
        self.resets = 0
        self.threads: set[str] = set()

    def reset(self) -> None:
        self.resets += 1
        self.threads.add(threading.current_thread().name)

    def process(self, near: Samples, far: Samples) -> Samples:
        self.near.append(near)
        self.far.append(far)
        self.threads.add(threading.current_thread().name)
        return np.zeros(480, np.int16)


async def test_the_filter_gets_what_is_heard_and_said_and_its_word_is_final(folder: Path) -> None:
    ears = Ears()
    sound = AlsaSound("hear", "say", 10, Mixer(Tones()), lambda _: None, ears)
    sound.open()
    listener = Listener(sound)
    await listener.until(10)
    assert not np.concatenate(ears.far).any(), "nobody has said anything yet"
    await say(sound, spoken(1000, 0.6))
    listener.stop()
    sound.close()
    assert folder
    assert (ears.resets, ears.threads) == (1, {"microphone"})
    assert {part.shape for part in (*ears.near, *ears.far)} == {(480,)}
    assert standing_out(np.concatenate(ears.near) / 32768, STREET_HZ) > 30
    assert standing_out(np.concatenate(ears.far) / 32768, 1000) > 30
    assert np.abs(decode(listener.packets)).max() < 0.001


async def test_nothing_is_filtered_while_nobody_listens(folder: Path) -> None:
    ears = Ears()
    sound = AlsaSound("hear", "say", 10, Mixer(Tones()), lambda _: None, ears)
    sound.open()
    await say(sound, spoken(1000, 0.3))
    sound.close()
    assert folder
    assert (ears.near, ears.resets) == ([], 0)


# A card that fails


async def test_a_missing_card_is_a_fault_once_and_comes_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direction, "RETRY_S", 0.05)
    posted = Posted()
    sound = AlsaSound("hear", "not_there", 10, Mixer(Tones()), posted.post)
    sound.open()
    fault = await posted.next()
    assert isinstance(fault, HardwareFault)
    assert fault.what == "loudspeaker"
    assert "'not_there'" in fault.detail
    assert len(await Listener(sound).until(3)) == 3, "the microphone works all the same"
    assert posted.rest == []
    plugged_in = folder / "plugged-in.conf"  # another file: ALSA notices changes of one only by the second
    plugged_in.write_text((folder / "asound.conf").read_text() + "pcm.not_there { type null }\n")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(plugged_in))
    assert await posted.next() == HardwareBack("loudspeaker")
    sound.close()


async def test_a_card_that_dies_while_it_is_heard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direction, "RETRY_S", 0.05)
    posted = Posted()
    sound = AlsaSound("hear", "say", 10, Mixer(Tones()), posted.post)
    sound.open()
    listener = Listener(sound)
    await listener.until(3)

    def broken(*_: object) -> bytes:
        raise alsaaudio.ALSAAudioError("No such device [hear]")

    with monkeypatch.context() as patch:
        patch.setattr(line, "from_card", broken)
        fault = await posted.next()
        assert isinstance(fault, HardwareFault)
        assert fault.what == "microphone"
    assert folder
    seen = len(listener.packets)
    assert await posted.next() == HardwareBack("microphone")
    await listener.until(seen + 3)
    sound.close()


async def test_a_card_with_a_format_that_nobody_knows_says_what_to_name_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Telephone:
        """A card for telephone sound."""

        def __init__(self, **_: object) -> None:
            pass

        def info(self) -> dict[str, object]:
            return {"rate": 8000, "format": alsaaudio.PCM_FORMAT_MU_LAW, "format_name": "MU_LAW", "channels": 1}

        def close(self) -> None:
            pass

    posted = Posted()
    monkeypatch.setattr(alsaaudio, "PCM", Telephone)
    sound = AlsaSound("hw:1", "hw:1", 10, Mixer(Tones()), posted.post)
    sound.open()
    faults = [await posted.next(), await posted.next()]
    sound.close()
    assert [fault.what for fault in faults if isinstance(fault, HardwareFault)] == ["microphone", "loudspeaker"]
    assert all("MU_LAW" in fault.detail and "plug:hw:1" in fault.detail for fault in faults)  # type: ignore[union-attr] # seen above


# In real time


async def test_a_listener_gets_fifty_packets_a_second(paced_sound: AlsaSound) -> None:
    listener = Listener(paced_sound)
    await listener.until(10)
    began = time.monotonic()
    first = len(listener.packets)
    await listener.until(first + 100)
    assert time.monotonic() - began == pytest.approx(2.0, abs=0.3 * SCALE)


async def test_listening_starts_at_once(paced_sound: AlsaSound) -> None:
    waits = []
    for _ in range(3):
        began = time.monotonic()
        listener = Listener(paced_sound)
        await listener.until(1)
        waits.append(time.monotonic() - began)
        listener.stop()
    assert min(waits) < 0.2 * SCALE


async def test_what_the_street_says_is_heard(paced_sound: AlsaSound, paced: card.PulseDoor, tmp_path: Path) -> None:
    player = paced.say(write_tone(tmp_path / "street.wav", 620, 4.0))
    try:
        listener = Listener(paced_sound)
        heard: list[float] = [0.0]
        while heard[-1] < 30 and len(listener.packets) < 200:
            heard.append(standing_out(decode(await listener.until(len(listener.packets) + 10)), 620))
        assert heard[-1] >= 30
    finally:
        player.terminate()
        player.wait(5)


async def test_what_was_said_before_anybody_listened_is_heard_by_nobody(
    paced_sound: AlsaSound, paced: card.PulseDoor, tmp_path: Path
) -> None:
    before = paced.say(write_tone(tmp_path / "before.wav", 620, 1.0))
    assert await asyncio.to_thread(before.wait, 10 * SCALE) == 0
    listener = Listener(paced_sound)
    assert standing_out(decode(await listener.until(50)), 620) < 10


async def test_a_microphone_that_was_not_read_for_long_goes_on_with_what_is_said_now(
    paced: card.PulseDoor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in paced.env.items():
        monkeypatch.setenv(name, value)
    held, filtered = threading.Event(), threading.Event()

    class Holding(Ears):
        def process(self, near: Samples, far: Samples) -> Samples:
            super().process(near, far)
            filtered.set()
            held.wait(20 * SCALE)
            return near

    sound = AlsaSound("door_capture", "door_playback", 10, Mixer(Tones()), lambda _: None, Holding())
    sound.open()
    try:
        listener = Listener(sound)
        assert await asyncio.to_thread(filtered.wait, 10 * SCALE)
        missed = paced.say(write_tone(tmp_path / "missed.wav", 620, 1.0))
        assert await asyncio.to_thread(missed.wait, 10 * SCALE) == 0
        held.set()
        assert standing_out(decode(await listener.until(50)), 620) < 10
    finally:
        held.set()
        sound.close()


async def test_the_loudspeaker_is_heard_in_the_room(
    paced_sound: AlsaSound, paced: card.PulseDoor, tmp_path: Path
) -> None:
    room = tmp_path / "room.raw"
    with paced.record_speaker(room):
        await written(room, BLOCK_BYTES)
        await say(paced_sound, spoken(1000, 1.5))
        paced_sound.tone("busy")
        await written(room, room.stat().st_size + RATE_HZ * 2)
        paced_sound.tone(None)
    heard = read_raw(room)
    assert standing_out(heard, 1000) > 30
    assert standing_out(heard, 425) > 30


async def test_cards_that_are_pulled_and_plugged_in_during_a_call_are_one_fault_each_and_sound_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if reason := card.missing():
        pytest.skip(reason)
    monkeypatch.setattr(direction, "RETRY_S", 0.1)
    posted = Posted()
    with card.pulse_door() as door:
        for name, value in door.env.items():
            monkeypatch.setenv(name, value)
        sound = AlsaSound("door_capture", "door_playback", 10, Mixer(Tones()), posted.post)
        sound.open()
        listener = Listener(sound)
        await listener.until(5)
        talk = asyncio.create_task(say(sound, spoken(1000, 30)))
        await asyncio.to_thread(door.pull)
        faults = [await posted.next(), await posted.next()]
        assert {fault.what for fault in faults if isinstance(fault, HardwareFault)} == {"microphone", "loudspeaker"}
        await asyncio.to_thread(door.plug_in)
        back = [await posted.next(), await posted.next()]
        assert set(back) == {HardwareBack("microphone"), HardwareBack("loudspeaker")}
        await listener.until(len(listener.packets) + 10)
        with door.record_speaker(tmp_path / "room.raw"):
            await written(tmp_path / "room.raw", RATE_HZ * 2)
        talk.cancel()
        sound.close()
    assert standing_out(read_raw(tmp_path / "room.raw"), 1000) > 30
    assert posted.rest == []


async def test_cards_that_were_away_while_nobody_looked_work_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := card.missing():
        pytest.skip(reason)
    monkeypatch.setattr(direction, "RETRY_S", 0.01)
    posted = Posted()
    with card.pulse_door() as door:
        for name, value in door.env.items():
            monkeypatch.setenv(name, value)
        sound = AlsaSound("door_capture", "door_playback", 10, Mixer(Tones()), posted.post)
        sound.open()
        await asyncio.to_thread(door.pull)
        await asyncio.to_thread(door.plug_in)
        sound.tone("busy")
        await Listener(sound).until(20)
        sound.close()
    assert posted.rest == []


async def test_an_idle_door_uses_no_processor(paced_sound: AlsaSound) -> None:
    assert paced_sound
    names = {"microphone", "loudspeaker"}
    threads = [thread for thread in threading.enumerate() if thread.name in names]
    assert {thread.name for thread in threads} == names
    before = [_cpu_s(thread) for thread in threads]
    await asyncio.sleep(1.0)  # nothing is to happen: there is no event to wait for
    assert sum(_cpu_s(thread) for thread in threads) - sum(before) < 0.02


def _cpu_s(thread: threading.Thread) -> float:
    """Processor time of a thread, user and system, in seconds (proc(5), stat, fields 14 and 15 in ticks of 10 ms)."""
    fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def written(path: Path, size: int) -> None:
    """Until the file has this many bytes."""
    deadline = time.monotonic() + 10 * SCALE
    while _size(path) < size:
        assert time.monotonic() < deadline, f"{path.name} stays below {size} bytes"
        await asyncio.sleep(0.01)


def spoken(hz: float, seconds: float) -> list[tuple[int, bytes]]:
    """A tone as a peer sends it: RTP timestamps and packets of Opus."""
    encoder, wave = OpusEncoder(), sine(hz, seconds)
    return [(at, encoder.encode(wave[at : at + SAMPLES].tobytes(), at)) for at in range(0, len(wave), SAMPLES)]


async def say(sound: Sound, packets: list[tuple[int, bytes]]) -> FarEnd:
    """As a peer does: a packet each 20 ms."""
    far_end = sound.far_end()
    loop = asyncio.get_running_loop()
    due = loop.time()
    for timestamp, payload in packets:
        far_end.put(timestamp, payload)
        due += 0.02
        await asyncio.sleep(due - loop.time())
    return far_end


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def sine(hz: float, seconds: float) -> Samples:
    wave: Samples = (12_000 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)).astype(np.int16)
    return wave


def decode(packets: list[OpusPacket]) -> npt.NDArray[np.float64]:
    """Mono samples at 48 kHz, between -1 and 1."""
    decoder: Any = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout, decoder.format = RATE_HZ, "mono", "s16"
    parts = []
    for packet in packets:
        data = av.Packet(packet.data)
        data.pts = packet.pts
        parts += [frame.to_ndarray().reshape(-1) for frame in decoder.decode(data)]
    return np.concatenate(parts).astype(np.float64) / 32768
