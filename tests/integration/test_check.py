"""`doorward-device check` on a machine whose daemon does not run: everything is tried, and no door is released."""

import subprocess
from pathlib import Path

import pytest

from device import check as checks
from device.config import load_config
from provisioning.site import make_site
from tests.harness.world import BIN, DeviceOptions, World, house_plan


@pytest.fixture
def config(tmp_path: Path) -> Path:
    options = DeviceOptions(capture="null", playback="null")
    site = make_site(tmp_path / "site", house_plan(("127.0.0.1",)))
    return World(tmp_path, site, None, None, options).write_device_config()


def test_every_part_has_its_row(config: Path) -> None:
    command = [str(BIN / "doorward-device"), "check", "--config", str(config)]
    rows = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for row in ("identity", "clock", "storage", "power", "Wi-Fi", "panel", "button flat-1", "sound", "camera"):
        assert f"  {row} " in rows, rows
    assert "the line is low; it was not released" in rows
    assert "was lit" in rows


def test_a_button_that_is_held_or_shorted_is_found(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from device.adapters.gpio import GpiozeroPanel

    true_levels = GpiozeroPanel.levels
    monkeypatch.setattr(GpiozeroPanel, "levels", lambda panel: {**true_levels(panel), "button.flat-1": False})
    (row,) = [row for row in checks._panel(load_config(config)) if row.what == "button flat-1"]
    assert not row.ok
    assert "short circuit" in row.remedy
