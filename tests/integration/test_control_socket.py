"""The control socket and the commands that use it, with the real daemon and server as processes."""

import asyncio
import contextlib
import json
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from device.adapters import control
from device.machine import storage
from protocol.errors import DoorwardError
from protocol.keys import public_jwk
from protocol.roster import sign_roster, verify_roster
from provisioning.site import make_site
from tests.harness.processes import Process, wait_until
from tests.harness.world import BIN, DeviceOptions, World, house_plan, world

NO_SOUND = DeviceOptions(capture="null", playback="null")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    plan = house_plan(("127.0.0.1",), free_port(), free_port())
    options = DeviceOptions(capture="null", playback="null", ring_s=1.0)
    with world(tmp_path_factory.mktemp("home"), None, None, options, plan) as made:
        yield made


def command(home: World, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(BIN / "doorward-device"), *arguments, "--config", str(home.folder / "device.toml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_only_its_own_user_may_open_it(home: World) -> None:
    mode = (home.folder / "control.sock").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


async def test_a_socket_that_cannot_be_made_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "AGAIN_S", 0.02)
    path = tmp_path / "run" / "control.sock"
    serving = asyncio.create_task(control.ControlSocket(path, lambda request: {"heard": request}).run())
    with pytest.raises(DoorwardError, match="no daemon answers"):
        await control.ask(path, {"do": "status"})
    path.parent.mkdir()
    assert await control.ask(path, {"do": "status"}, wait_s=10.0) == {"ok": True, "heard": {"do": "status"}}
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    assert not path.exists()


def test_a_door_whose_socket_cannot_be_made_is_a_door_all_the_same(tmp_path: Path) -> None:
    house = World(tmp_path, make_site(tmp_path / "site", house_plan(("127.0.0.1",))), None, None, NO_SOUND)
    config = house.write_device_config()
    config.write_text(config.read_text().replace('"control.sock"', '"nowhere/control.sock"'))
    with Process([str(BIN / "doorward-device"), "run", "--config", str(config)]) as daemon:
        said = daemon.wait_for("control-socket")
        assert said["level"] == "error"
        assert "nowhere/control.sock" in str(said["why"])
        assert "control_socket" in str(said["remedy"])
        daemon.wait_for("armed")
        daemon.wait_for("signaling-down", 60)


def test_press_presses(home: World) -> None:
    before = len(home.calls())
    done = command(home, "press", "flat-1")
    assert (done.returncode, done.stdout) == (0, "flat-1: pressed\n")
    wait_until("the call is recorded", lambda: len(home.calls()) == before + 1)
    assert json.loads(home.calls()[-1])["button"] == "flat-1"


def test_a_button_that_is_not_there_is_one_line_and_exit_code_1(home: World) -> None:
    done = command(home, "press", "cellar")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "'cellar'" in done.stderr
    assert "flat-1, flat-2" in done.stderr


def test_without_a_daemon_press_says_so(home: World, tmp_path: Path) -> None:
    text = (home.folder / "device.toml").read_text().replace('"control.sock"', '"nowhere.sock"')
    path = tmp_path / "device.toml"
    path.write_text(text)
    done = subprocess.run(
        [str(BIN / "doorward-device"), "press", "flat-1", "--config", str(path)],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert "no daemon answers" in done.stderr


@pytest.mark.parametrize(
    "request_line", [b"", b"garbage\n", b"[]\n", b'{"do":"open-door"}\n', b'{"do":"press"}\n', b"x" * 9000 + b"\n"]
)
def test_garbage_does_no_harm(home: World, request_line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(home.folder / "control.sock"))
        connection.sendall(request_line)
        connection.shutdown(socket.SHUT_WR)
        reply = connection.makefile().readline()
    assert not reply or json.loads(reply)["ok"] is False
    assert home.control.links_up() == 0


def test_check_finds_everything_in_order_while_the_daemon_runs(home: World) -> None:
    done = command(home, "check")
    assert done.returncode == (0 if storage(home.state).ok else 1), "in a container the state is on an overlay"
    assert "reached and verified" in done.stdout
    assert "note  panel" in done.stdout, "it has the lines: nobody looked at a button that is held"
    assert "ok    state" in done.stdout
    aloud = command(home, "check", "--audible")
    assert aloud.returncode == 1
    assert "FAIL  loop" in aloud.stdout
    assert "the daemon is running and has the sound card" in aloud.stdout
    assert home.device is not None
    assert not any(line["event"] == "signaling-down" for line in home.device.lines), "check disturbs no daemon"


def test_a_press_is_acted_on_before_anything_heavy_is_imported(home: World) -> None:
    assert home.device is not None
    events = [line["event"] for line in home.device.lines]
    assert events.index("armed") < events.index("signaling-up") < events.index("ready")


def test_a_button_without_hardware_is_refused_and_the_connection_goes_on(home: World) -> None:
    with pytest.raises(RuntimeError, match="no-such"):
        home.control.ask(do="edge", button="no-such", pressed=True)
    assert home.control.ask(do="status")["device"] == "home/front-door"


def test_of_rosters_that_come_at_once_the_newest_is_kept(home: World) -> None:
    old = home.site.rosters["front-door"]
    serials = range(old.serial + 1, old.serial + 30)
    rosters = [sign_roster(msgspec.structs.replace(old, serial=serial), home.site.roster_key) for serial in serials]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(home.folder / "control.sock"))
        connection.sendall("".join(json.dumps({"do": "roster", "jws": jws}) + "\n" for jws in rosters).encode())
        answers = connection.makefile()
        assert all(json.loads(answers.readline())["ok"] for _ in rosters)
    wait_until("the newest in force", lambda: home.control.ask(do="status")["roster_serial"] == serials[-1])

    def kept() -> int:
        path = home.state / "roster.jws"
        if not path.exists():
            return 0
        text = path.read_text().split()[-1]
        return verify_roster(text, public_jwk(home.site.roster_key), "home", "front-door").roster.serial

    wait_until("the newest on the card", lambda: kept() == serials[-1])
    assert "storage" not in str(home.control.ask(do="status")["faults"])
