"""`hw/pins.toml` is the only list of pins: it is sound, and the configuration takes its defaults from it."""

import os
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from device.config import load_config
from device.panel_config import wired
from device.pins import DRIVEN, GPIOS, HEADER, boot_lines, known_lines, lines_of, pin_table
from hw.drawings.circuits import drawings
from protocol.errors import ConfigError

ROOT = Path(__file__).parents[2]
RESERVED = {0, 1, 2, 3, 14, 15, 18, 19, 20, 21}

HEAD = 'identity = "i"\nstate = "s"\ncontrol_socket = "c"\n'
EVERYTHING = (
    HEAD
    + """
[button.flat-1]
[button.flat-2]
[button.flat-3]
[door.main]
[door.main.exit]
[door.main.contact]
[door.gate]
[door.gate.contact]
[lamp]
[lamp.second]
[tamper]
[keypad]
door = "main"
"""
)


def load(folder: Path, text: str) -> dict[str, int]:
    path = folder / "device.toml"
    path.write_text(text)
    return {line.name: line.bcm for line in wired(load_config(path))}


def test_each_line_is_a_gpio_of_its_own_at_its_place_on_the_header() -> None:
    lines = known_lines()
    assert len({line.bcm for line in lines.values()}) == len(lines)
    for name, line in lines.items():
        assert line.bcm in GPIOS, name
        assert line.pin == HEADER[line.bcm], name
        assert line.drive == ("out" if line.kind in DRIVEN else "in"), name


def test_the_buses_of_sound_hats_and_the_console_are_left_alone() -> None:
    assert not RESERVED & {line.bcm for line in known_lines().values()}


def test_what_opens_or_shines_is_pulled_down_from_power_on() -> None:
    """BCM2835 ARM Peripherals, table 6-31: GPIO 0 to 8 are pulled up at reset, 9 to 27 down."""
    for kind in DRIVEN:
        assert all(bcm >= 9 for bcm in lines_of(kind)), kind


def test_the_header_has_forty_pins_and_each_gpio_one() -> None:
    assert sorted(HEADER) == list(GPIOS)
    assert len(set(HEADER.values())) == len(HEADER)
    power_and_ground = {1, 2, 4, 6, 9, 14, 17, 20, 25, 30, 34, 39}
    assert set(HEADER.values()) | power_and_ground == set(range(1, 41))


def test_a_configuration_without_pins_takes_every_line_of_the_file_in_its_order(tmp_path: Path) -> None:
    taken = load(tmp_path, EVERYTHING)
    assert sorted(taken.values()) == sorted(line.bcm for line in known_lines().values())
    assert [taken[f"button.flat-{number}"] for number in (1, 2, 3)] == lines_of("button")
    assert [taken["door.main"], taken["door.gate"]] == lines_of("strike")


def test_a_pin_that_is_named_is_taken_and_left_out_of_the_defaults(tmp_path: Path) -> None:
    first, second, *_ = lines_of("button")
    taken = load(tmp_path, HEAD + f"[button.a]\n[button.b]\npin_bcm = {first}\n")
    assert taken == {"button.a": second, "button.b": first}


def test_what_boots_low_is_what_is_driven(tmp_path: Path) -> None:
    path = tmp_path / "device.toml"
    path.write_text(EVERYTHING)
    lines = wired(load_config(path))
    said = dict(re.findall(r"^gpio=(\d+)=(\S+)$", boot_lines(lines), re.MULTILINE))
    assert len(said) == len(lines)
    for line in lines:
        assert said[str(line.bcm)] == ("op,dl" if line.drive == "out" else "ip,pu")
        assert f"GPIO {line.bcm} " in pin_table(lines)
    assert said[str(lines_of("strike")[0])] == "op,dl"


DRAWINGS = drawings()


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_drawing_in_the_folder_is_the_one_that_pins_toml_makes(name: str) -> None:
    """After a change that is meant: `make drawings`."""
    assert DRAWINGS[name] == (ROOT / "hw" / "drawings" / name).read_text(encoding="utf-8")
    ET.fromstring(DRAWINGS[name])


def test_every_line_is_drawn_and_every_drawing_is_in_the_text() -> None:
    shown = "".join(DRAWINGS.values())
    for line in known_lines().values():
        assert f"GPIO {line.bcm} · pin {line.pin}" in shown
    assert {path.name for path in (ROOT / "hw" / "drawings").glob("*.svg")} == set(DRAWINGS)
    texts = {path.parent: path.read_text(encoding="utf-8") for path in (ROOT / "hw").rglob("README.md")}
    for name in DRAWINGS:
        drawing = ROOT / "hw" / "drawings" / name
        links = {folder: f"({os.path.relpath(drawing, folder)})" for folder in texts}
        assert any(links[folder] in text for folder, text in texts.items()), name


DOCUMENTS = [*(ROOT / "hw").rglob("*.md"), *(ROOT / "docs").rglob("*.md")]


def misnamed(text: str) -> list[str]:
    """Numbers that stand beside the name of a line, or of the button that takes it, and are not that line's."""
    names = {name: line.bcm for name, line in known_lines().items()}
    names |= {f"flat-{number}": bcm for number, bcm in enumerate(lines_of("button"), 1)}
    return [
        f"{name}: GPIO {number}"
        for name, bcm in names.items()
        for found in re.findall(
            rf"\b{name}\b(?!-)[^.\n]{{0,60}}?\bGPIO +(\d+)|\bGPIO +(\d+)[^.\n]{{0,20}}?\b{name}\b(?!-)", text
        )
        for number in found
        if number and int(number) != bcm
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_has_a_list_of_pins_of_its_own(path: Path) -> None:
    assert misnamed(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "   GPIO  6 ──1 kΩ──▶ as above ─────────────────── button flat-2 (GPIO 18)",
        "the second button, `button-2`, is at GPIO 18",
        "| GPIO 18 | button-2 |",
    ],
)
def test_a_document_that_names_another_pin_is_found(text: str) -> None:
    assert misnamed(text)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("".join(f"[button.b{n}]\n" for n in range(4)), "button.b3.pin_bcm: hw/pins.toml"),
        ("[button.a]\npin_bcm = 17\n[tamper]\npin_bcm = 17\n", "tamper.pin_bcm: GPIO 17 is button.a's"),
        ("[button.a]\n[tamper]\npin_bcm = 40\n", "tamper.pin_bcm: 40 is not"),
        ("[button.a]\n[keypad]\ndoor = 'main'\n", "keypad.door"),
        ("[button.a]\n[door.main]\n[keypad]\ndoor = 'main'\nrows_bcm = [1, 2, 3]\n", "rows_bcm"),
        ("[button.a]\nlong_press = 'Every body'\n", "button.a.long_press"),
        ("[button.a]\nlong_press = 'all'\nlong_press_s = 0.1\n", "long_press_s"),
        ("[button.a]\n[door.main.contact]\nleft_open_s = 0\n", "left_open_s"),
    ],
)
def test_a_panel_is_refused_with(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, HEAD + text)
    assert where in str(refused.value)
    assert "\n" not in str(refused.value)
