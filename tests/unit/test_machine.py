"""What `check` makes of what the kernel says about the machine."""

from pathlib import Path

import pytest

from device.machine import power, storage, wifi

HEAD = (
    "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n"
    " face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n"
)


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="ascii")
    return path


@pytest.mark.parametrize(
    ("flags", "ok", "said"),
    [
        ("0", True, "45 °C"),
        ("1", False, "the voltage is too low"),
        ("50000", False, "the voltage was too low; it was throttled"),
        ("8", False, "it is too hot"),
    ],
)
def test_the_firmwares_flags_become_sentences(tmp_path: Path, flags: str, ok: bool, said: str) -> None:
    row = power(file(tmp_path, "get_throttled", f"{flags}\n"), file(tmp_path, "temp", "45277\n"))
    assert (row.ok, said in row.seen) == (ok, True), row


def test_a_machine_that_does_not_tell_of_its_supply_says_so_and_is_judged_by_its_heat(tmp_path: Path) -> None:
    assert power(tmp_path / "none", file(tmp_path, "temp", "45000\n")).ok
    assert not power(tmp_path / "none", file(tmp_path, "temp", "86000\n")).ok
    assert "does not tell" in power(tmp_path / "none", tmp_path / "none").seen


@pytest.mark.parametrize(("level", "ok"), [("-52.", True), ("-74.", True), ("-75.", False), ("-88", False)])
def test_wifi_is_judged_by_its_level(tmp_path: Path, level: str, ok: bool) -> None:
    text = f"{HEAD} wlan0: 0000   58.  {level}  -256        0      0      0      0      0        0\n"
    row = wifi(file(tmp_path, "wireless", text))
    assert (row.ok, row.seen) == (ok, f"wlan0: {int(float(level))} dBm")


@pytest.mark.parametrize("text", [HEAD, "", "nonsense\n\nnonsense: x\n"])
def test_without_wifi_nothing_is_wrong(tmp_path: Path, text: str) -> None:
    assert wifi(file(tmp_path, "wireless", text)).ok
    assert wifi(tmp_path / "none").ok


def test_a_state_folder_that_is_not_there_yet_is_judged_by_where_it_will_be(tmp_path: Path) -> None:
    assert str(tmp_path) in storage(tmp_path / "state" / "later").seen
