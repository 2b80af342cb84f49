"""What the microphone goes through, as configured; and a door whose filter cannot be had."""

import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from device.adapters.echo import WebrtcVoice
from device.check import _voice
from device.config import Config, load_config
from device.wiring import build_voice

GOOD = """identity = "identity"
state = "state"
control_socket = "control.sock"
[gpio]
pins = "mock"
[button.flat-1]
[sound.voice]
"""


def configured(folder: Path, voice: str = "") -> Config:
    path = folder / "device.toml"
    path.write_text(GOOD + voice)
    return load_config(path)


def test_echo_and_noise_are_taken_out_unless_told_otherwise(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert isinstance(build_voice(config), WebrtcVoice)
    row = _voice(config)
    assert row.ok
    assert row.seen == "takes out echo, moderate noise, rumble"


def test_what_is_configured_is_what_is_done(tmp_path: Path) -> None:
    config = configured(tmp_path, 'gain_db = 6\nnoise = "off"\n')
    assert isinstance(build_voice(config), WebrtcVoice)
    assert _voice(config).seen == "takes out echo, rumble; gain 6 dB at most"


@pytest.mark.parametrize("voice", ["off = true\n", 'echo = false\nnoise = "off"\nhigh_pass = false\n'])
def test_nothing_to_do_is_nothing_in_the_way(tmp_path: Path, voice: str) -> None:
    config = configured(tmp_path, voice)
    assert build_voice(config) is None
    assert _voice(config).ok
    assert "as it is" in _voice(config).seen


def test_a_door_without_the_library_talks_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "device.adapters.echo", None)
    config = configured(tmp_path)
    with capture_logs() as logged:
        assert build_voice(config) is None
    assert [line["event"] for line in logged] == ["voice-not-filtered"]
    row = _voice(config)
    assert not row.ok
    assert "pywebrtc-audio" in row.remedy
