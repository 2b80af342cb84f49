"""Which lines are lowered without the daemon: as few conditions as can be stand between a killed daemon and that."""

import subprocess
import sys
from pathlib import Path

import pytest

from device import strikes_now
from device.config import load_config
from device.panel_config import lines
from device.strikes import HEADER_CHIPS, lower, remember, strike_pins
from protocol.errors import ConfigError


def config(folder: Path, text: str) -> Path:
    path = folder / "device.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_strike_of_the_configuration_counts_though_the_rest_be_nonsense(tmp_path: Path) -> None:
    path = config(tmp_path, "nonsense = 1\n[door.main]\npin_bcm = 27\nopen_s = 99\n[door.yard]\npin_bcm = 5\n")
    assert strike_pins(path) == {"main": 27, "yard": 5}


def test_simulated_pins_are_left_alone(tmp_path: Path) -> None:
    path = config(tmp_path, '[gpio]\npins = "mock"\n[door.main]\npin_bcm = 27\n')
    assert lower(path) == ["there are no strikes to lower"]


HEAD = 'identity = "i"\nstate = "s"\ncontrol_socket = "c"\n[button.flat-1]\n'


@pytest.mark.parametrize(
    "text",
    [
        "[door.main]\n",
        "[door.main]\n[door.yard]\n",
        "[door.main]\n[door.yard]\npin_bcm = 27\n",
        "[door.main]\n[door.main.exit]\npin_bcm = 27\n[door.yard]\npin_bcm = 5\n",
        '[door.main]\n[keypad]\ndoor = "main"\nrows_bcm = [9, 10, 27, 13]\n',
        "[lamp]\npin_bcm = 4\n[lamp.second]\npin_bcm = 27\n[door.main]\n",
    ],
)
def test_a_door_without_a_pin_has_the_one_that_the_daemon_gives_it(tmp_path: Path, text: str) -> None:
    path = config(tmp_path, HEAD + text)
    given = lines(load_config(path))
    assert strike_pins(path) == {door: given[f"door.{door}"] for door in load_config(path).door}


@pytest.mark.parametrize("text", ["[door", "door = 5", "[door.a]\n[door.b]\n[door.c]\n", '[door.main]\npin_bcm = "x"'])
def test_what_cannot_be_read_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"device\.toml"):
        strike_pins(config(tmp_path, text))


def test_the_lines_are_left_where_the_service_manager_says(tmp_path: Path) -> None:
    remember([27, 5], {"RUNTIME_DIRECTORY": str(tmp_path)})
    assert [path.name for path in tmp_path.iterdir()] == ["strikes"]
    assert (tmp_path / "strikes").read_text() == "27\n5\n"


def test_without_a_service_manager_nothing_is_left() -> None:
    remember([27], {})


@pytest.mark.parametrize("left", [None, "nonsense\n", "-1\n"])
def test_what_cannot_be_lowered_at_once_is_lowered_by_the_configuration(tmp_path: Path, left: str | None) -> None:
    if left is not None:
        (tmp_path / "strikes").write_text(left)
    command = [strikes_now.__file__, str(tmp_path / "strikes"), "/bin/echo", "by the", "configuration"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "by the configuration\n")
    assert "lower-strikes: " in done.stderr


def test_both_ways_look_for_the_same_chips() -> None:
    assert {chip.decode() for chip in strikes_now.HEADER_CHIPS} == HEADER_CHIPS


def test_an_interpreter_starts_and_little_more() -> None:
    command = [sys.executable, "-IS", "-X", "importtime", strikes_now.__file__, "/nowhere", "/bin/true"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    imported = {line.rpartition("|")[2].strip() for line in said.splitlines() if "|" in line}
    assert "fcntl" in imported
    assert not {"pathlib", "re", "typing", "device.strikes", "click"} & imported
