"""The test's end of hw/rig/agent.py: runs commands, moves and watches lines, with a limit on everything."""

import base64
import itertools
import json
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.harness.processes import SCALE

ANSWER_S = 60.0
"""How long the agent may take beyond what it was allowed: an emulated machine is slow."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Change:
    """A line had `level` from `at_s` on, by the monotonic clock of the machine that watched it."""

    line: int
    level: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Pulse:
    """A line was high from `began_s` on, for `width_s`; both by the clock that it was watched with."""

    began_s: float
    width_s: float


class Pending:
    """A request under way."""

    def __init__(self, what: str, within: float) -> None:
        self._what = what
        self._within = within
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()

    def begun(self) -> None:
        """Wait until the agent has begun: from then on it misses nothing."""
        answer = self._next()
        if "begun" not in answer:
            raise RuntimeError(f"{self._what}: {answer.get('error', answer)}")

    def done(self) -> Any:
        """Its outcome; RuntimeError says what went wrong there, TimeoutError that nothing was heard."""
        answer = self._next()
        if "error" in answer:
            raise RuntimeError(f"{self._what}: {answer['error']}")
        return answer["done"]

    def _next(self) -> dict[str, Any]:
        try:
            return self.answers.get(timeout=self._within * SCALE)
        except queue.Empty:
            raise TimeoutError(f"{self._what}: the agent did not answer within {self._within} s") from None


class Hands:
    """One agent. `send` takes bytes for it; what it says is given to `heard`, in pieces of any size."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._pending: dict[int, Pending] = {}
        self._pieces: list[bytes] = []
        self._lock = threading.Lock()

    def heard(self, data: bytes) -> None:
        self._pieces.append(data)
        if b"\n" not in data:
            return  # of a long line: joined once
        *lines, rest = b"".join(self._pieces).split(b"\n")
        self._pieces = [rest]
        for line in lines:
            try:
                answer = json.loads(line)
            except ValueError:
                continue  # the machine was cut off in the middle of it
            pending = self._pending.get(answer["id"])
            if pending is not None:
                pending.answers.put(answer)

    def start(self, do: str, limit: float, **request: object) -> Pending:
        number = next(self._numbers)
        pending = self._pending[number] = Pending(f"{do} {request.get('argv', '')}".strip(), limit + ANSWER_S)
        with self._lock:
            self._send(json.dumps({"id": number, "do": do, **request}).encode() + b"\n")
        return pending

    def run(self, *argv: str, given: bytes = b"", timeout: float = 60.0, may_fail: bool = False) -> Ran:
        """A command's outcome; RuntimeError with what it said if it failed."""
        done = self.start(
            "run", timeout * SCALE, argv=argv, given=base64.b64encode(given).decode(), timeout=timeout * SCALE
        ).done()
        ran = Ran(done["code"], base64.b64decode(done["out"]), base64.b64decode(done["err"]))
        if ran.code and not may_fail:
            said = (ran.out + ran.err).decode(errors="replace")[-4000:]
            raise RuntimeError(f"{' '.join(argv)}: exit code {ran.code}\n{said}")
        return ran

    def later(self, script: str, timeout: float = 60.0) -> Callable[[], None]:
        """Begin a shell script; call what is returned to wait for its end. RuntimeError if any command in it fails."""
        argv = ["bash", "-euo", "pipefail", "-c", script]
        pending = self.start("run", timeout * SCALE, argv=argv, timeout=timeout * SCALE)

        def ended() -> None:
            done = pending.done()
            if done["code"]:
                raise RuntimeError(f"{script}: exit code {done['code']}")

        return ended

    def sh(self, script: str, timeout: float = 60.0) -> str:
        """What a shell script prints; RuntimeError if any command in it fails."""
        return self.run("bash", "-euo", "pipefail", "-c", script, timeout=timeout).text

    def write(self, path: str, data: bytes, mode: str = "0644") -> None:
        """Make a file, its folders too."""
        self.run("install", "-D", "-m", mode, "/dev/stdin", path, given=data)

    def levels(self, *lines: int) -> dict[int, int]:
        done = self.start("levels", 5, lines=lines).done()
        return {int(line): level for line, level in done.items()}

    def pull(self, line: int, *, up: bool) -> None:
        self.start("pull", 5, line=line, up=int(up)).done()

    def play(self, line: int, edges: Sequence[tuple[int, bool]]) -> int:
        """Replay (µs, up) on a line; by how many microseconds an edge was late at most."""
        done = self.start("play", 30, line=line, edges=[(at, int(up)) for at, up in edges]).done()
        return int(done["late_us"])

    def watch(self, *lines: int, within: float, count: int) -> Callable[[], list[Change]]:
        """Watch lines from now on; call what is returned to wait for `count` changes, or for the time to be over.

        The first changes are the levels at the beginning, one a line.
        """
        pending = self.start("watch", within, lines=lines, within=within, count=count)
        pending.begun()
        return lambda: [Change(line, level, at / 1e9) for line, level, at in pending.done()]

    def pulse(self, line: int, within: float) -> Callable[[], Pulse]:
        """Watch a line for one pulse from now on; call what is returned for it. AssertionError if there was none."""
        seen = self.watch(line, within=within, count=2)

        def pulse() -> Pulse:
            before, *changes = seen()
            if before.level or len(changes) != 2:
                raise AssertionError(f"GPIO {line} was {before.level}, then {changes}, in {within} s")
            return Pulse(changes[0].at_s, changes[1].at_s - changes[0].at_s)

        return pulse

    def cut(self, line: int, *, when: int, argv: Sequence[str], within: float) -> Callable[[], int]:
        """Run a command the moment a line has a level; call what is returned for its exit code."""
        pending = self.start("cut", within, line=line, when=when, argv=argv, within=within)
        pending.begun()
        return lambda: int(pending.done()["code"])
