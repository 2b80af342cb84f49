"""The whole panel on a real daemon that has neither server nor sound: what must work when all else is down, does."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.codes import FileCodes
from provisioning.site import make_site
from tests.harness.processes import Process, wait_until
from tests.harness.world import DeviceOptions, World, house_plan

CODE = "582913"
PANEL = """
[door.main.exit]
[door.main.contact]
left_open_s = 1
[lamp.second]
[tamper]
[keypad]
door = "main"
"""

JAMMED = """
import sys, threading, gpiozero
real = gpiozero.DigitalOutputDevice.off
def off(device):
    if threading.current_thread().name == "strike-main":
        raise OSError("the line is gone")
    real(device)
gpiozero.DigitalOutputDevice.off = off
from device.cli import main
sys.argv[1:] = ["run", "--config", sys.argv[1]]
main()
"""
"""The daemon, on a strike whose one-shot cannot lower it."""


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[World]:
    """A daemon whose server does not exist; the door is shut, the housing closed, and there is one code."""
    options = DeviceOptions(capture="null", playback="null", open_s=0.3, extra=PANEL)
    home = World(tmp_path, make_site(tmp_path / "site", house_plan(("127.0.0.1",))), None, None, options)
    FileCodes(home.state).add("cleaner", CODE)
    home.start_device(ready=False)
    wait_until("the control socket", home.control_answers, 30)
    for line in ("contact.main", "tamper"):
        home.control.ask(do="line", line=line, closed=True)
    wait_until("the door is seen to be shut", lambda: home.control.ask(do="status")["doors"] == ["main closed"])
    yield home
    home.stop()


def faults(home: World) -> list[str]:
    return list(map(str, home.control.ask(do="status")["faults"]))  # type: ignore[call-overload] # a list


def released(home: World) -> bool:
    return home.control.pins()["door.main"] is True


def lowered(home: World) -> bool:
    return not released(home)


def test_the_exit_button_opens_without_server_roster_or_sound(alone: World) -> None:
    assert alone.device is not None
    alone.control.ask(do="line", line="exit.main", closed=True)
    said = alone.device.wait_for("door-opened")
    assert (said["how"], said["by"]) == ("exit button", "inside")
    wait_until("the strike is high", lambda: released(alone), 3)
    wait_until("the strike is low again", lambda: lowered(alone), 3)


def test_a_code_opens_and_a_wrong_one_does_not_and_the_log_shows_neither(alone: World) -> None:
    assert alone.device is not None
    alone.control.ask(do="type", keys="141421#")
    alone.device.wait_for("code-refused")
    assert lowered(alone)
    alone.control.ask(do="type", keys=CODE + "#")
    said = alone.device.wait_for("door-opened")
    assert (said["how"], said["by"]) == ("code", "cleaner")
    wait_until("the strike is high", lambda: released(alone), 3)
    wait_until("the strike is low again", lambda: lowered(alone), 3)
    log = json.dumps(alone.device.lines)
    assert "141421" not in log
    assert CODE not in log


def test_a_code_that_is_removed_while_the_daemon_runs_opens_nothing(alone: World) -> None:
    assert alone.device is not None
    FileCodes(alone.state).remove("cleaner")
    alone.control.ask(do="type", keys=CODE + "#")
    alone.device.wait_for("code-refused")
    assert lowered(alone)


def test_a_forced_door_a_door_left_open_and_an_opened_housing_are_said_and_counted(alone: World) -> None:
    assert alone.device is not None
    alone.control.ask(do="line", line="contact.main", closed=False)
    alone.device.wait_for("door-forced")
    assert "forced" in faults(alone)
    alone.control.ask(do="line", line="contact.main", closed=True)
    wait_until("the door is shut", lambda: "forced" not in faults(alone), 5)
    alone.control.ask(do="line", line="exit.main", closed=True)
    alone.device.wait_for("door-opened")
    alone.control.ask(do="line", line="contact.main", closed=False)
    alone.device.wait_for("door-left-open")
    alone.control.ask(do="line", line="tamper", closed=False)
    alone.device.wait_for("tamper", where=lambda line: line["level"] == "warning")
    wait_until("all are shown", lambda: {"left-open", "tamper"} <= set(faults(alone)), 5)
    metrics = str(alone.control.ask(do="metrics")["metrics"])
    for event in ("door-forced", "door-left-open", "tamper"):
        assert f'doorward_events_total{{event="{event}",level="warning"}}' in metrics


def test_a_daemon_whose_strike_stays_up_says_so_and_ends(tmp_path: Path) -> None:
    """So that the service manager lowers it from another process (systemd/README.md), and starts the daemon anew."""
    options = DeviceOptions(capture="null", playback="null", open_s=0.3, extra=PANEL)
    home = World(tmp_path, make_site(tmp_path / "site", house_plan(("127.0.0.1",))), None, None, options)
    daemon = Process([sys.executable, "-c", JAMMED, str(home.write_device_config())])
    try:
        wait_until("the control socket", home.control_answers, 30)
        home.control.ask(do="line", line="exit.main", closed=True)
        said = daemon.wait_for("strike-stuck")
        assert (said["level"], said["door"]) == ("critical", "main")
        assert faults(home).count("strike") == 1
        assert released(home)
        wait_until("the daemon has ended", lambda: not daemon.running, 30)
        assert daemon.stop() == 1
        assert "door main: its strike could not be lowered for 5 s" in daemon.tail()
    finally:
        daemon.stop()
