"""Board profiles: each one whole, known by name, and overruled by what the configuration says itself."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from device.boards import board_names, load_board
from device.check import _sound_remedy
from device.commands import pins
from device.config import load_config
from protocol.errors import ConfigError

GOOD = """identity = "identity"
state = "state"
control_socket = "control.sock"
[gpio]
pins = "mock"
[button.flat-1]
pin_bcm = {pin}
[sound]
{sound}
"""

BUS = {"i2c": {2, 3}, "i2s": {18, 19, 20, 21}}


def configured(folder: Path, sound: str, pin: int = 27) -> Path:
    path = folder / "device.toml"
    path.write_text(GOOD.format(pin=pin, sound=sound))
    return path


def test_the_known_boards() -> None:
    assert board_names() == ["i2s-max98357a", "respeaker-2mic", "usb-speakerphone", "wm8960"]


@pytest.mark.parametrize("name", board_names())
def test_every_profile_names_its_devices_what_it_needs_and_the_pins_of_its_buses(name: str) -> None:
    board = load_board(name)
    assert board.title
    assert "CARD=" in board.capture
    assert "CARD=" in board.playback
    assert board.config_txt or board.modprobe
    if any("i2s" in line or "soundcard" in line or "voicecard" in line for line in board.config_txt):
        assert set(board.pins_bcm) >= BUS["i2s"]
    if any("i2c" in line for line in board.config_txt):
        assert set(board.pins_bcm) >= BUS["i2c"]


@pytest.mark.parametrize("name", board_names())
def test_no_profile_lets_a_loudspeaker_be_louder_than_its_amplifier_is_clean(name: str) -> None:
    mixer = load_board(name).mixer
    if mixer is not None:
        assert mixer.card.startswith("hw:CARD=")
        assert mixer.playback is not None
        assert mixer.playback.safe_db <= 0
        assert mixer.capture is not None


def test_a_board_fills_in_its_devices_and_its_mixer(tmp_path: Path) -> None:
    sound = load_config(configured(tmp_path, 'board = "wm8960"')).sound
    assert sound.capture == sound.playback == "plughw:CARD=wm8960soundcard,DEV=0"
    assert sound.mixer is not None
    assert sound.mixer.playback is not None
    assert sound.mixer.playback.controls == ["Speaker"]


def test_what_the_configuration_says_itself_wins(tmp_path: Path) -> None:
    own = '\ncapture = "default"\n[sound.mixer]\ncard = "hw:1"\n[sound.mixer.capture]\ncontrols = ["Mic"]\n'
    sound = load_config(configured(tmp_path, 'board = "wm8960"' + own)).sound
    assert sound.capture == "default"
    assert sound.playback == "plughw:CARD=wm8960soundcard,DEV=0"
    assert sound.mixer is not None
    assert sound.mixer.card == "hw:1"
    assert sound.mixer.playback is None


def test_without_a_board_it_is_the_default_card_and_no_mixer(tmp_path: Path) -> None:
    sound = load_config(configured(tmp_path, "")).sound
    assert (sound.capture, sound.playback, sound.mixer) == ("default", "default", None)


@pytest.mark.parametrize("name", ["wm8961", "", "../boards/wm8960", "__init__"])
def test_an_unknown_board_is_one_line_that_names_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(configured(tmp_path, f'board = "{name}"'))
    said = str(refused.value)
    assert "device.toml: sound.board:" in said
    assert all(known in said for known in board_names())
    assert "\n" not in said


@pytest.mark.parametrize(("board", "pin"), [("wm8960", 18), ("i2s-max98357a", 16), ("respeaker-2mic", 2)])
def test_a_button_on_a_pin_of_the_board_is_refused(tmp_path: Path, board: str, pin: int) -> None:
    with pytest.raises(ConfigError, match=rf"button\.flat-1\.pin_bcm: GPIO {pin} belongs to the board {board}"):
        load_config(configured(tmp_path, f'board = "{board}"', pin))
    load_config(configured(tmp_path, 'board = "usb-speakerphone"', pin))


def test_an_option_without_effect_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sound\.voice\.high_pass"):
        load_config(configured(tmp_path, "[sound.voice]\nhigh_pass = false"))
    load_config(configured(tmp_path, "[sound.voice]\nhigh_pass = false\necho = false"))


@pytest.mark.parametrize("line", ["gain_db = 13.0", 'noise = "all"', "off = 1", "volume = 3"])
def test_voice_settings_out_of_bounds_are_one_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"device\.toml: .*voice"):
        load_config(configured(tmp_path, f"[sound.voice]\n{line}"))


def test_the_lines_for_the_boot_loader_are_the_boards_and_the_pins(tmp_path: Path) -> None:
    def said(board: str) -> list[str]:
        config = configured(tmp_path, f'board = "{board}"')
        done = CliRunner().invoke(pins, ["--config", str(config), "--config-txt"])
        assert done.exit_code == 0, done.output
        return done.output.splitlines()

    lines = said("wm8960")
    assert "dtoverlay=wm8960-soundcard" in lines
    assert "gpio=27=ip,pu" in lines
    assert not any(line.startswith("dt") for line in said("usb-speakerphone"))


def test_a_card_that_is_missing_is_answered_with_what_its_board_needs(tmp_path: Path) -> None:
    remedy = _sound_remedy(load_config(configured(tmp_path, 'board = "wm8960"')))
    assert "config.txt: dtoverlay=wm8960-soundcard" in remedy
