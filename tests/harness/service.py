"""A service manager for tests: starts a process again when it ends, as systemd would, and restarts it when asked."""

import threading
from collections.abc import Callable
from pathlib import Path

from tests.harness.processes import Process

LOOK_S = 0.05


class Service:
    """Keeps the process of `start` running until closed. `run` is where `systemctl` (a shim) leaves its wishes."""

    def __init__(self, name: str, run: Path, start: Callable[[], Process]) -> None:
        self._wish = run / f"restart-{name}"
        self._start = start
        self._closed = threading.Event()
        self._down = False
        self.starts = 1
        self.process = start()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def down(self) -> None:
        """It is broken, until somebody restarts it."""
        self._down = True
        self.process.stop()

    def close(self) -> None:
        self._closed.set()
        self._thread.join(30)
        self.process.stop()

    def _keep(self) -> None:
        while not self._closed.wait(LOOK_S):
            if self._wish.exists():
                self._down = False
                self.process.stop()
            if not self._down and not self.process.running:
                self.process.stop()
                self.process = self._start()
                self.starts += 1
            self._wish.unlink(missing_ok=True)
