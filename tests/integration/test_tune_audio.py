"""`doorward-device tune-audio` at a door whose microphone hears its loudspeaker: over a private sound server."""

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from device.adapters.audio.card import AlsaCard, AlsaMixer
from device.adapters.control import ControlSocket
from device.errors import HardwareError
from device.media.sweep import TAIL_S, analyse, sweep
from tests.harness import pulse
from tests.harness.processes import SCALE, wait_until

BIN = Path(sys.executable).parent
CONFIG = """identity = "identity"
state = "state"
control_socket = "control.sock"
[gpio]
pins = "mock"
[button.flat-1]
pin_bcm = 17
[sound]
capture = "{capture}"
playback = "door_playback"
[sound.mixer]
card = "door"
[sound.mixer.playback]
controls = ["Speaker", "Master"]
safe_percent = 90
[sound.mixer.capture]
controls = ["Capture"]
safe_percent = 100
"""


@pytest.fixture(scope="module")
def door() -> Iterator[pulse.PulseDoor]:
    """The loudspeaker is heard by the microphone, late by what the loop and the sound server take."""
    if reason := pulse.missing():
        pytest.skip(reason)
    with pulse.pulse_door() as made:
        asound = Path(made.env["ALSA_CONFIG_PATH"])
        asound.write_text(asound.read_text() + 'ctl.door { type pulse sink "speaker" source "street.monitor" }\n')
        pactl(made, "load-module", "module-loopback", "source=speaker.monitor", "sink=street", "latency_msec=60")
        yield made


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "device.toml"
    path.write_text(CONFIG.format(capture="door_capture"))
    return path


def pactl(door: pulse.PulseDoor, *words: str) -> str:
    done = subprocess.run(
        ["pactl", *words],
        env={**os.environ, **door.env},
        capture_output=True,
        text=True,
        check=True,
        timeout=20 * SCALE,
    )
    return done.stdout


def tune(door: pulse.PulseDoor, config: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [str(BIN / "doorward-device"), "tune-audio", "--config", str(config), *options]
    return subprocess.run(
        command, env={**os.environ, **door.env}, capture_output=True, text=True, check=False, timeout=60 * SCALE
    )


def measured(said: str, what: str) -> float:
    found = re.search(rf"^{what}.*?(-?\d+(?:\.\d+)?) (?:dB|ms)", said, re.MULTILINE)
    assert found, said
    return float(found[1])


def set_volume(door: pulse.PulseDoor, gain_db: float) -> None:
    """Of the loudspeaker; PulseAudio's volumes are cubic, 65536 for 0 dB."""
    pactl(door, "set-sink-volume", "speaker", str(round(65536 * 10 ** (gain_db / 60))))


def percent(door: pulse.PulseDoor) -> int:
    found = re.search(r"(\d+)%", pactl(door, "get-sink-volume", "speaker"))
    assert found
    return int(found[1])


def test_a_loudspeaker_that_is_heard_too_well_is_measured_and_turned_down_when_asked(
    door: pulse.PulseDoor, config: Path
) -> None:
    set_volume(door, 0)
    before = tune(door, config)
    assert before.returncode == 3, before.stderr
    assert abs(measured(before.stdout, "isolation")) < 1, "the loop takes nothing away"
    assert 40 < measured(before.stdout, "delay") < 500
    assert "foam" in before.stdout
    assert percent(door) == 100, "only measured"
    after = tune(door, config, "--write")
    assert after.returncode == 3, after.stderr
    assert "Master: 100.0 → 90.0 %" in after.stdout, "first of all no louder than is safe"
    assert percent(door) < 90
    assert measured(tune(door, config).stdout, "isolation") > measured(before.stdout, "isolation") + 3


def test_a_door_with_enough_isolation_is_left_alone(door: pulse.PulseDoor, config: Path) -> None:
    set_volume(door, -20)
    done = tune(door, config, "--write")
    assert measured(done.stdout, "isolation") == pytest.approx(20, abs=1)
    assert "foam" not in done.stdout
    assert "Master" not in done.stdout


def test_a_loudspeaker_that_is_not_heard_is_said(door: pulse.PulseDoor, config: Path) -> None:
    pactl(door, "set-sink-mute", "speaker", "1")
    try:
        done = tune(door, config)
    finally:
        pactl(door, "set-sink-mute", "speaker", "0")
    assert done.returncode == 3
    assert "did not hear the loudspeaker" in done.stdout


def test_a_missing_card_is_one_line(door: pulse.PulseDoor, config: Path) -> None:
    config.write_text(CONFIG.format(capture="plughw:CARD=nobody"))
    done = tune(door, config)
    assert done.returncode == 1
    assert "capture: ALSA 'plughw:CARD=nobody'" in done.stderr.splitlines()[-1]


def test_it_refuses_beside_a_running_daemon(door: pulse.PulseDoor, config: Path) -> None:
    with answering(config.parent / "control.sock", lambda _: {}):
        done = tune(door, config)
    assert done.returncode == 1
    assert "the daemon is running" in done.stderr
    assert done.stdout == ""


def test_what_the_mixer_is_told_is_what_it_says(door: pulse.PulseDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in door.env.items():
        monkeypatch.setenv(name, value)
    mixer = AlsaMixer("door")
    assert mixer.names() == ["Master", "Capture"]
    mixer.write("Master", "playback", 40, "%")
    assert mixer.read("Master", "playback") == (40.0, "%", 0.0, 100.0)
    assert percent(door) == 40
    mixer.switch("Master", False)
    assert "yes" in pactl(door, "get-sink-mute", "speaker")
    mixer.switch("Master", True)
    assert "no" in pactl(door, "get-sink-mute", "speaker")
    with pytest.raises(HardwareError, match="Nothing"):
        mixer.read("Nothing", "playback")
    with pytest.raises(HardwareError, match="nobody"):
        AlsaMixer("hw:CARD=nobody").names()


def test_the_recording_has_the_whole_sweep(door: pulse.PulseDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in door.env.items():
        monkeypatch.setenv(name, value)
    set_volume(door, -12)
    heard = analyse(*AlsaCard("door_capture", "door_playback").record_while_playing(sweep(), TAIL_S))
    assert heard.isolation_db == pytest.approx(12, abs=0.5)
    assert heard.clipped == 0


class answering:  # noqa: N801 - a context manager
    """A control socket that answers, as a daemon's does."""

    def __init__(self, path: Path, answer: Callable[[dict[str, object]], Mapping[str, object]]) -> None:
        self._path = path
        self._socket = ControlSocket(path, answer)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> None:
        self._thread.start()
        wait_until("the control socket", self._path.exists, 10)

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)
        self._loop.close()

    def _serve(self) -> None:
        self._task = self._loop.create_task(self._socket.run())
        with pytest.raises(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
