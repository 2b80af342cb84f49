"""WebDriver BiDi (W3C) from a test: commands one at a time, events as they come."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from tests.harness.processes import SCALE

WITHIN_S = 30.0 * SCALE


class Bidi:
    """A session with one browser, by way of `bidi_pipe`, which `prefix` runs where the browser listens."""

    def __init__(self, url: str, prefix: Sequence[str], heard: Callable[[str, dict[str, Any]], None]) -> None:
        """`heard(method, parameters)` is called for each event, on a thread of its own."""
        self._pipe = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.harness.bidi_pipe", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._event = heard
        self._replies: queue.Queue[dict[str, Any]] = queue.Queue()
        self._last = 0
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        self.command("session.new", {"capabilities": {}})

    def command(self, method: str, parameters: dict[str, Any]) -> Any:
        """One command's result; RuntimeError if the browser refuses it, queue.Empty if it does not answer."""
        self._last += 1
        assert self._pipe.stdin is not None
        self._pipe.stdin.write(json.dumps({"id": self._last, "method": method, "params": parameters}) + "\n")
        self._pipe.stdin.flush()
        while (reply := self._replies.get(timeout=WITHIN_S)).get("id") != self._last:
            pass  # the late answer to a command that was given up
        if reply["type"] == "error":
            raise RuntimeError(f"{method}: {reply['error']}: {reply['message']}")
        return reply["result"]

    def close(self) -> None:
        self._pipe.terminate()
        self._pipe.wait(20)
        self._reader.join(5)
        for stream in (self._pipe.stdin, self._pipe.stdout):
            if stream is not None:
                stream.close()

    def _listen(self) -> None:
        assert self._pipe.stdout is not None
        for line in self._pipe.stdout:
            message = json.loads(line)
            if message["type"] == "event":
                self._event(message["method"], message["params"])
            else:
                self._replies.put(message)
