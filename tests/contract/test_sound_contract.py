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

from device.adapters import audio
from device.adapters.audio import AlsaSound
from device.core.events import Event, HardwareBack, HardwareFault
from device.media.mixer import Mixer
from device.media.opus import BLOCK_BYTES, RATE_HZ, SAMPLES
from device.media.tones import Tones
from device.ports import OpusPacket, Sound
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
    def empty(self) -> bool:
        return self._events.empty()


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
    assert posted.empty


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
    sound.play(sine(1000, 0.1).tobytes())
    sound.tone(None)
    sound.tone(None)
    sound.close()
    sound.close()


# What ends up in the card, bit by bit


async def test_the_loudspeaker_plays_what_it_is_given(folder: Path) -> None:
    sound = AlsaSound("hear", "say", 10, Mixer(Tones()), lambda _: None)
    sound.open()
    said = sine(1000, 0.2)
    sound.play(said.tobytes())
    await written(folder / "said.raw", len(said) * 2 + BLOCK_BYTES * (audio.TAIL_BLOCKS - audio.PERIODS))
    sound.close()
    heard = np.fromfile(folder / "said.raw", np.int16)
    assert np.array_equal(heard[: len(said)], said)
    assert not heard[len(said) :].any(), "after the last sound there is silence"


async def test_a_stereo_card_plays_the_same_on_both_sides(folder: Path) -> None:
    sound = AlsaSound("hear", "say_two", 10, Mixer(Tones()), lambda _: None)
    sound.open()
    said = sine(1000, 0.2)
    sound.play(said.tobytes())
    await written(folder / "said.raw", 2 * len(said) * 2)
    sound.close()
    heard = np.fromfile(folder / "said.raw", np.int16).reshape(-1, 2)[: len(said)]
    assert np.array_equal(heard[:, 0], said)
    assert np.array_equal(heard[:, 1], said)


def test_a_stereo_microphone_is_mixed_to_one_channel() -> None:
    left, right = sine(500, 0.02), sine(1500, 0.02)
    mixed = audio._mixed_down(np.column_stack([left, right]).tobytes(), 2)
    assert np.abs(np.frombuffer(mixed, np.int16) - (left / 2 + right / 2)).max() <= 1


# A card that fails


async def test_a_missing_card_is_a_fault_once_and_comes_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "RETRY_S", 0.05)
    posted = Posted()
    sound = AlsaSound("hear", "not_there", 10, Mixer(Tones()), posted.post)
    sound.open()
    fault = await posted.next()
    assert isinstance(fault, HardwareFault)
    assert fault.what == "loudspeaker"
    assert "'not_there'" in fault.detail
    assert len(await Listener(sound).until(3)) == 3, "the microphone works all the same"
    assert posted.empty
    plugged_in = folder / "plugged-in.conf"  # another file: ALSA notices changes of one only by the second
    plugged_in.write_text((folder / "asound.conf").read_text() + "pcm.not_there { type null }\n")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(plugged_in))
    assert await posted.next() == HardwareBack("loudspeaker")
    sound.close()


async def test_a_card_that_dies_while_it_is_heard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "RETRY_S", 0.05)
    posted = Posted()
    sound = AlsaSound("hear", "say", 10, Mixer(Tones()), posted.post)
    sound.open()
    listener = Listener(sound)
    await listener.until(3)

    def broken(_: object, __: str) -> bytes:
        raise alsaaudio.ALSAAudioError("No such device [hear]")

    with monkeypatch.context() as patch:
        patch.setattr(audio, "_mixed_down", broken)
        fault = await posted.next()
        assert isinstance(fault, HardwareFault)
        assert fault.what == "microphone"
    assert folder
    seen = len(listener.packets)
    assert await posted.next() == HardwareBack("microphone")
    await listener.until(seen + 3)
    sound.close()


async def test_a_card_that_cannot_do_48_khz_says_what_to_name_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    class Telephone:
        """A card for telephone sound."""

        def __init__(self, **_: object) -> None:
            pass

        def info(self) -> dict[str, object]:
            return {"rate": 8000, "format": alsaaudio.PCM_FORMAT_S16_LE, "format_name": "S16_LE", "channels": 1}

        def close(self) -> None:
            pass

    posted = Posted()
    monkeypatch.setattr(alsaaudio, "PCM", Telephone)
    sound = AlsaSound("hw:1", "hw:1", 10, Mixer(Tones()), posted.post)
    sound.open()
    faults = [await posted.next(), await posted.next()]
    sound.close()
    assert [fault.what for fault in faults if isinstance(fault, HardwareFault)] == ["microphone", "loudspeaker"]
    assert all("8000 Hz" in fault.detail and "plug:hw:1" in fault.detail for fault in faults)  # type: ignore[union-attr] # seen above


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


async def test_the_loudspeaker_is_heard_in_the_room(
    paced_sound: AlsaSound, paced: card.PulseDoor, tmp_path: Path
) -> None:
    room = tmp_path / "room.raw"
    far = sine(1000, 1.5)
    with paced.record_speaker(room):
        await written(room, BLOCK_BYTES)
        for start in range(0, len(far), SAMPLES):  # as a peer sends it: a packet each 20 ms
            paced_sound.play(far[start : start + SAMPLES].tobytes())
            await asyncio.sleep(0.02)
        paced_sound.tone("busy")
        await written(room, room.stat().st_size + RATE_HZ * 2)
        paced_sound.tone(None)
    heard = read_raw(room)
    assert standing_out(heard, 1000) > 30
    assert standing_out(heard, 425) > 30


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
