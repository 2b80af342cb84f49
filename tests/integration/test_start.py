"""What a visitor lives through while the daemon starts, where that takes its time or something is in the way."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioning.site import make_site
from tests.harness.ears import read_raw, standing_out
from tests.harness.processes import Process, wait_until
from tests.harness.world import DeviceOptions, World, house_plan

NOBODY_HZ = 950
"""The first of the three tones that say that nobody could be reached."""

WITHOUT = """
import pathlib, sys, threading
from dataclasses import replace
from device import app
from device.adapters.gpio import GpiozeroPanel, pins
from device.errors import HardwareError
go = pathlib.Path(sys.argv[2])
def late(build):
    def waits(*arguments):
        while not go.exists():
            threading.Event().wait(0.02)
        return build(*arguments)
    return waits
{slow}
from device.cli import main
sys.argv[1:] = ["run", "--verbose", "--config", sys.argv[1]]
main()
"""
"""The daemon, on a machine where something is slow, or missing, until the file `go` is there."""

VIDEO_IS_LATE = "app.build_video = late(app.build_video)"

SOUND_IS_LATE = """
rules, build, slow = app.call_rules, late(app.build_sound), threading.Event()
app.call_rules = lambda config: replace(rules(config), after_s=1.0)
app.build_sound = lambda *arguments: (build(*arguments), slow.wait(2.0))[0]
"""
"""Later than a tone lasts, which is a second here."""

LINES_ARE_TAKEN = """
app.ARM_AGAIN_S = 0.05
claim = GpiozeroPanel.open
def open_panel(panel):
    if not go.exists():
        raise HardwareError("button.flat-1: GPIO 17: busy")
    claim(panel)
GpiozeroPanel.open = open_panel
"""

BUTTON_IS_HELD = """
class Pin(pins.RecordingPin):
    def _set_pull(self, value):
        super()._set_pull(value)
        if self.info.name in HELD:
            self.drive_low()
pins.RecordingPin = Pin
"""


class Start:
    """A daemon that starts without a server; `go` lets it have what it waits for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.options = DeviceOptions(capture="null", playback="say", extra="[door.main.exit]\n")
        self.home = World(folder, make_site(folder / "site", house_plan(("127.0.0.1",))), None, None, self.options)
        self.daemon: Process | None = None
        (folder / "asound.conf").write_text(
            f'</usr/share/alsa/alsa.conf>\npcm.say {{ type file slave.pcm "null" file "{self.said}" format "raw" }}\n'
        )

    @property
    def said(self) -> Path:
        return self.folder / "said.raw"

    def begin(self, slow: str) -> Process:
        command = [sys.executable, "-c", WITHOUT.format(slow=slow), str(self.home.write_device_config())]
        self.daemon = Process(
            [*command, str(self.folder / "go")], env={"ALSA_CONFIG_PATH": str(self.folder / "asound.conf")}
        )
        return self.daemon

    def go(self) -> None:
        (self.folder / "go").touch()

    def tone_is_heard(self) -> bool:
        return self.said.exists() and standing_out(read_raw(self.said), NOBODY_HZ) > 20

    def faults(self) -> list[str]:
        found = self.home.control.ask(do="status")["faults"]
        return [str(fault) for fault in found] if isinstance(found, list) else []


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made = Start(tmp_path)
    yield made
    made.go()
    if made.daemon is not None:
        made.daemon.stop()


def wait(what: str, check: Callable[[], bool]) -> None:
    wait_until(what, check, 30)


def test_who_presses_while_camera_and_connections_are_still_being_made_hears_that_nobody_was_reached_and_is_pictured(
    start: Start,
) -> None:
    daemon = start.begin(VIDEO_IS_LATE)
    wait("the control socket", start.home.control_answers)
    start.home.control.press("flat-1")
    daemon.wait_for("nobody-reached")
    wait("the tone is heard", start.tone_is_heard)
    start.go()
    daemon.wait_for("signaling-down", 60)
    wait("their picture is kept", lambda: len(list((start.home.state / "snapshots").glob("*.jpg"))) == 1)


def test_who_presses_before_there_is_sound_hears_it_when_there_is(start: Start) -> None:
    daemon = start.begin(SOUND_IS_LATE)
    wait("the control socket", start.home.control_answers)
    start.home.control.press("flat-1")
    daemon.wait_for("nobody-reached")
    wait("the lamp says so at once", lambda: start.home.control.pins()["lamp"] is True)
    assert not start.said.exists()
    start.go()
    wait("the tone is heard", start.tone_is_heard)


def test_a_lamp_that_is_there_late_shows_what_it_was_to_show_and_the_wait_is_said_once(start: Start) -> None:
    daemon = start.begin(LINES_ARE_TAKEN)
    daemon.wait_for("fault", where=lambda line: line["what"] == "buttons")
    for _ in range(3):
        daemon.wait_for("still-failing", since=daemon.mark())
    assert [line["level"] for line in daemon.lines if line["event"] == "fault"].count("warning") == 1
    assert "buttons" in start.faults()
    start.go()
    daemon.wait_for("armed")
    wait("the lamp shows that nobody can be reached", lambda: start.home.control.pins()["lamp"] is True)
    wait("the fault is gone", lambda: "buttons" not in start.faults())


def test_a_button_that_is_held_at_the_start_rings_and_an_exit_button_opens_nothing(start: Start) -> None:
    daemon = start.begin("HELD = ('GPIO17', 'GPIO12')\n" + BUTTON_IS_HELD)
    said = daemon.wait_for("nobody-reached")
    assert said["button"] == "flat-1"
    wait("the control socket", start.home.control_answers)
    start.home.control.ask(do="line", line="exit.main", closed=False)
    wait("the tone is heard", start.tone_is_heard)
    assert not any(line["event"] == "door-opened" for line in daemon.lines)
    start.home.control.ask(do="line", line="exit.main", closed=True)
    daemon.wait_for("door-opened")
