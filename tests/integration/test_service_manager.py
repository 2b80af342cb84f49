"""What daemon and server say to a service manager, and what they take from one."""

import shutil
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.site import Site, make_site
from tests.harness.processes import Process, wait_until
from tests.harness.world import BIN, DEVICE, DeviceOptions, World, house_plan


class Manager:
    """The end of NOTIFY_SOCKET that systemd holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, text: str, times: int = 1) -> None:
        wait_until(f"{text!r} to be said", lambda: sum(text in line for line in self.said) >= times, 30)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(5)
        self._socket.close()

    def _read(self) -> None:
        while data := self._socket.recv(4096):
            self.said += data.decode().split("\n")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify.sock")
    yield made
    made.close()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path / "site", house_plan(("127.0.0.1",), 0, 0))


def device(folder: Path, site: Site, **env: str) -> Process:
    config = World(folder, site, None, None, DeviceOptions(capture="null", playback="null")).write_device_config()
    return Process([str(BIN / "doorward-device"), "run", "--config", str(config)], env=env)


def test_the_daemon_is_ready_when_armed_and_its_inbox_keeps_the_watchdog_fed(
    tmp_path: Path, site: Site, manager: Manager
) -> None:
    with device(tmp_path, site, NOTIFY_SOCKET=str(manager.path), WATCHDOG_USEC="300000") as daemon:
        manager.wait_for("READY=1")
        assert daemon.wait_for("armed")
        manager.wait_for("WATCHDOG=1", times=5)
        manager.wait_for("STATUS=idle; 0 connections; server not connected; faults: offline")
        daemon.send(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
    assert manager.said.index("READY=1") < manager.said.index("STOPPING=1")


def test_the_server_is_ready_when_it_listens(tmp_path: Path, site: Site, manager: Manager) -> None:
    command = [str(BIN / "doorward-signaling"), "run", "--config", str(site.signaling_config)]
    with Process(command, env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "300000"}) as server:
        manager.wait_for("READY=1")
        manager.wait_for("STATUS=home: devices on port")
        manager.wait_for("WATCHDOG=1", times=3)
        server.send(signal.SIGTERM)
        manager.wait_for("STOPPING=1")


def test_a_manager_that_is_gone_holds_nothing_up(tmp_path: Path, site: Site) -> None:
    with device(tmp_path, site, NOTIFY_SOCKET=str(tmp_path / "nobody.sock")) as daemon:
        assert daemon.wait_for("service-manager-not-told")
        assert daemon.wait_for("armed")


def test_the_identity_that_is_handed_over_counts_and_the_folder_need_not_be_readable(
    tmp_path: Path, site: Site
) -> None:
    handed = tmp_path / "credentials"
    handed.mkdir()
    for path in site.identity(DEVICE).iterdir():
        copy = handed / f"identity_{path.name}"
        shutil.copy(path, copy)
        copy.chmod(0o440)  # as systemd shows them where the file system knows access lists
    shutil.rmtree(site.identity(DEVICE))
    with device(tmp_path, site, CREDENTIALS_DIRECTORY=str(handed)) as daemon:
        assert daemon.wait_for("armed")


def test_without_an_identity_it_ends_with_78_and_is_not_started_again(tmp_path: Path, site: Site) -> None:
    shutil.rmtree(site.identity(DEVICE))
    daemon = device(tmp_path, site, CREDENTIALS_DIRECTORY=str(tmp_path))
    wait_until("it to end", lambda: not daemon.running, 30)
    assert daemon.stop() == 78


PR_SET_MDWE = 65
"""prctl(2), Linux 6.3: no memory is ever both written and executed, as `MemoryDenyWriteExecute=` has it."""

FENCED = f"""
import ctypes, os, sys
if ctypes.CDLL(None).prctl({PR_SET_MDWE}, 1, 0, 0, 0):
    sys.exit(99)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_the_daemon_starts_where_no_memory_is_both_written_and_executed(tmp_path: Path, site: Site) -> None:
    config = World(tmp_path, site, None, None, DeviceOptions(capture="null", playback="null")).write_device_config()
    command = [str(BIN / "doorward-device"), "run", "--config", str(config)]
    with Process([sys.executable, "-c", FENCED, *command]) as daemon:
        try:
            daemon.wait_for("signaling-down", 60)  # after the heavy imports, the first picture and the first connection
        except TimeoutError:
            if daemon.stop() == 99:
                pytest.skip("this kernel cannot deny it (PR_SET_MDWE is Linux 6.3's)")
            raise
