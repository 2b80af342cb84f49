"""A card that is full or cannot be written: the door goes on, says so, and is well again when the card is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.site import make_site
from tests.harness.control import Control
from tests.harness.processes import Process, wait_until
from tests.harness.world import BIN, DeviceOptions, World, house_plan

FULL = "mount -t tmpfs -o size=64k tmpfs {state}; dd if=/dev/zero of={state}/filler bs=1k status=none || true"
READ_ONLY = "mount -t tmpfs tmpfs {state}; mount -o remount,ro {state}"


@pytest.fixture(params=[FULL, READ_ONLY], ids=["full", "read-only"])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Process, Path]]:
    """A daemon in a mount namespace of its own, and its folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    options = DeviceOptions(capture="null", playback="null")
    home = World(tmp_path, make_site(tmp_path / "site", house_plan(("127.0.0.1",))), None, None, options)
    home.state.mkdir()
    run = f'exec {BIN}/doorward-device run --config "{home.write_device_config()}"'
    script = f"{request.param.format(state=home.state)}\n{run}"
    with Process(["unshare", "--mount", "sh", "-c", script]) as daemon:
        daemon.wait_for("armed")
        wait_until("the control socket", home.control_answers, 30)
        yield daemon, tmp_path


def faults(control: Control) -> list[str]:
    found = control.ask(do="status")["faults"]
    return [str(fault) for fault in found] if isinstance(found, list) else []


def at_door(daemon: Process, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command among the daemon's mounts."""
    enter = ["nsenter", f"--target={daemon.pid}", "--mount"]
    return subprocess.run([*enter, *words], capture_output=True, text=True, check=False)


def test_the_button_answers_and_the_fault_shows_until_there_is_room_again(door: tuple[Process, Path]) -> None:
    daemon, folder = door
    control = Control(folder / "control.sock")
    daemon.wait_for("storage")  # the journal of systemd has it: the daemon's own cannot
    wait_until("the fault to show", lambda: "storage" in faults(control), 30)
    control.press("flat-1")
    daemon.wait_for("nobody-reached")
    assert daemon.running
    look = "import sys; from pathlib import Path; from device.machine import storage; print(storage(Path(sys.argv[1])))"
    checked = at_door(daemon, sys.executable, "-c", look, str(folder / "device-state"))
    assert checked.returncode == 0, checked.stderr
    assert "is read-only" in checked.stdout or " 0 MiB free" in checked.stdout
    state = folder / "device-state"
    assert at_door(daemon, "sh", "-c", f"mount -o remount,rw {state}; rm -f {state}/filler").returncode == 0
    control.press("flat-1")
    wait_until("the fault to go", lambda: "storage" not in faults(control), 60)
