"""`make demo` itself, as its user runs it: with nobody at the terminal, and with somebody who presses keys."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import chromium, namespaces, pulse
from tests.harness.processes import SCALE, wait_until

COMMAND = [sys.executable, "-m", "tests.demo", "--folder"]
START_S = 60.0


def running_in(folder: Path) -> list[str]:
    """Command lines of the processes that name the demonstration's folder, and of their sound servers and browsers."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            marked = f"DOORWARD_DEMO_TEST={folder}".encode() in (entry / "environ").read_bytes()
        except OSError:
            continue
        if marked and command:
            found.append(command)
    return found


def environment(folder: Path) -> dict[str, str]:
    """Marks every process that the demonstration starts, whatever becomes of its parent."""
    return {**os.environ, "DOORWARD_DEMO_TEST": str(folder)}


@pytest.mark.timeout(180)
def test_without_a_terminal_a_browser_plays_the_person(tmp_path: Path) -> None:
    for reason in (chromium.missing(), namespaces.missing(), pulse.missing()):
        if reason:
            pytest.skip(reason)
    done = subprocess.run(
        [*COMMAND, str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        timeout=150 * SCALE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout
    assert re.search(r"button to first picture +\d+ ms", done.stdout)
    assert (tmp_path / "screenshot.png").stat().st_size > 10_000
    assert running_in(tmp_path) == []


class Terminal:
    """The demonstration with a terminal of its own, as a person sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.screen = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell at a terminal does so; one without ignores it for us
            os.execve(sys.executable, [*COMMAND, str(folder)], environment(folder))
        os.set_blocking(self._terminal, False)
        self.code: int | None = None

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def wait_for(self, text: str) -> None:
        try:
            wait_until(repr(text), lambda: text in self._read(), START_S)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; on the screen:\n{self.screen}") from error

    def ended(self) -> int:
        """Wait for its end; the exit code."""

        def over() -> bool:
            self._read()
            if self.code is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.code = os.waitstatus_to_exitcode(status) if pid else None
            return self.code is not None

        try:
            wait_until("the end of the demonstration", over, START_S)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; on the screen:\n{self.screen}") from error
        assert self.code is not None
        return self.code

    def close(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGTERM)
            self.ended()
        os.close(self._terminal)

    def _read(self) -> str:
        try:
            while data := os.read(self._terminal, 65536):
                self.screen += data.decode(errors="replace")
        except OSError:
            pass  # nothing to read just now, or the program closed its end
        return self.screen


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    if not any(True for _ in _addresses()):
        pytest.skip("this machine has no network address, and calls need one")
    made = Terminal(tmp_path)
    yield made
    made.close()


def _addresses() -> Iterator[str]:
    listing = subprocess.run(
        ["ip", "-4", "-o", "addr", "show", "scope", "global"], capture_output=True, text=True, check=False
    )
    yield from listing.stdout.splitlines()


def quit_by_key(terminal: Terminal) -> None:
    terminal.type("q")


def quit_by_interrupt(terminal: Terminal) -> None:
    terminal.type("\x03")


def quit_by_signal(terminal: Terminal) -> None:
    os.kill(terminal.pid, signal.SIGTERM)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("leave", "code"), [(quit_by_key, 0), (quit_by_interrupt, 130), (quit_by_signal, 130)])
def test_at_a_terminal_keys_press_the_button_and_nothing_is_left(
    terminal: Terminal, leave: Callable[[Terminal], None], code: int
) -> None:
    terminal.wait_for("#i=")
    assert "█" in terminal.screen or "QR code" in terminal.screen
    terminal.wait_for("Enter presses the button, q quits.")
    terminal.type("\n")
    terminal.wait_for("the bell rings")
    leave(terminal)
    began = time.monotonic()
    assert terminal.ended() == code
    assert time.monotonic() - began < 15 * SCALE
    assert running_in(terminal.folder) == []
