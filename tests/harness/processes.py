"""Real processes that log JSON lines: start them, wait for what they say, stop them by their own id."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SCALE = float(os.environ.get("DOORWARD_TEST_TIMEOUT_SCALE", "1"))
"""The one place that stretches every deadline of the tests, for slow machines."""

Line = dict[str, object]


class Process:
    """A running program. Its log lines are kept; `wait_for` looks back as well as ahead."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
        self.command = list(command)
        self.lines: list[Line] = []
        self.other: list[str] = []
        self._heard = threading.Condition()
        self._popen = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def wait_for(
        self,
        event: str,
        timeout: float = 30.0,
        since: int = 0,
        where: Callable[[Line], bool] = lambda line: True,
    ) -> Line:
        """The first log line with this `event` (and for which `where` holds), from line `since` on."""
        deadline = time.monotonic() + timeout * SCALE
        with self._heard:
            while True:
                for line in self.lines[since:]:
                    if line.get("event") == event and where(line):
                        return line
                since = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or (not self.running and not self._reader.is_alive()):
                    raise TimeoutError(f"{self.command[-3:]}: no {event!r} within {timeout} s\n{self.tail()}")
                self._heard.wait(min(left, 0.5))

    def mark(self) -> int:
        """Where the log stands now, for `wait_for(since=…)`."""
        with self._heard:
            return len(self.lines)

    def tail(self, count: int = 30) -> str:
        return "\n".join([json.dumps(line) for line in self.lines[-count:]] + self.other[-count:])

    def send(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def stop(self, timeout: float = 8.0) -> int:
        """SIGTERM, and after `timeout` SIGKILL; the exit code."""
        if self.running:
            self._popen.terminate()
        try:
            self._popen.wait(timeout * SCALE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._reader.join(5)
        # A stream that its thread still reads cannot be closed: somebody else holds the other end, and both would wait.
        if self._popen.stdout is not None and not self._reader.is_alive():
            self._popen.stdout.close()
        return self._popen.returncode

    def kill(self) -> None:
        self._popen.kill()
        self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is not None:
            sys.stderr.write(f"--- {' '.join(self.command[-4:])}\n{self.tail()}\n")

    def _read(self) -> None:
        stream = self._popen.stdout
        if stream is None:
            return
        for text in stream:
            with self._heard:
                try:
                    line = json.loads(text)
                except ValueError:
                    line = None
                if isinstance(line, dict):
                    self.lines.append(line)
                else:
                    self.other.append(text.rstrip())
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()


def wait_until(what: str, check: Callable[[], bool], timeout: float = 10.0) -> float:
    """Wait until `check()`; how long it took, in seconds. TimeoutError says `what` did not come."""
    began = time.monotonic()
    pause = threading.Event()
    while not check():
        if time.monotonic() - began > timeout * SCALE:
            raise TimeoutError(f"{what}: not within {timeout} s")
        pause.wait(0.02)
    return time.monotonic() - began
