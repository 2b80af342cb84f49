#!/usr/bin/env python3
"""The rig's hands: moves and watches lines, and runs commands, for the tests.

It runs where the lines are: inside the virtual Pi (`agent.py /dev/virtio-ports/rig`, lines of the kernel's gpio-sim),
or on the jig of a bench (`ssh jig python3 agent.py -`, the jig's own GPIOs through lgpio). Requests are JSON objects,
one a line; each is worked on a thread of its own and answered by objects with the same `id`: perhaps {"begun": true},
then {"done": …} or {"error": "…"}. It needs nothing but Python, and lgpio on a jig.

{"do": "run", "argv", "given"?, "timeout"}      → {"code", "out", "err"}; given, out and err in base64
{"do": "levels", "lines"}                       → {"17": 1, …}
{"do": "pull", "line", "up"}                    → {}: let the line go, or pull it down as a closed contact does
{"do": "play", "line", "edges": [[µs, up], …]}  → {"late_us"}: the same, at times after the first
{"do": "watch", "lines", "within", "count"}     → begun; [[line, level, ns], …]: levels at first, then `count` changes
{"do": "cut", "line", "when", "argv", "within"} → begun; runs argv the moment the line has the level `when`
"""

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIMULATED = Path(os.environ.get("DOORWARD_RIG_LINES", "/run/virtual-pi/gpio"))
LOOK_S = 0.0003


Done = dict[str, Any]


class SimulatedLines:
    """Lines of gpio-sim: an input follows `pull`, an output is read from `value`."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}

    def level(self, line: int) -> int:
        if line not in self._files:
            self._files[line] = os.open(SIMULATED / f"sim_gpio{line}/value", os.O_RDONLY)
        return int(os.pread(self._files[line], 2, 0))

    def pull(self, line: int, up: int) -> None:
        (SIMULATED / f"sim_gpio{line}/pull").write_text("pull-up" if up else "pull-down")


class JigLines:
    """The jig's own lines: a pulled one is driven low, one let go is an input, as an open collector has it."""

    def __init__(self) -> None:
        import lgpio  # there on the jig only

        self._lgpio = lgpio
        self._chip = lgpio.gpiochip_open(0)
        self._inputs: set[int] = set()

    def level(self, line: int) -> int:
        if line not in self._inputs:
            self._lgpio.gpio_claim_input(self._chip, line)
            self._inputs.add(line)
        return int(self._lgpio.gpio_read(self._chip, line))

    def pull(self, line: int, up: int) -> None:
        self._inputs.discard(line)
        if up:
            self._lgpio.gpio_claim_input(self._chip, line)
        else:
            self._lgpio.gpio_claim_output(self._chip, line, 0)


class Agent:
    """Works on requests; `send` takes the answers, from any thread."""

    def __init__(self, send: Callable[[Done], None]) -> None:
        self._send = send
        self._lines: SimulatedLines | JigLines | None = None

    @property
    def lines(self) -> SimulatedLines | JigLines:
        if self._lines is None:
            self._lines = SimulatedLines() if SIMULATED.exists() else JigLines()
        return self._lines

    def work(self, request: Done) -> None:
        number, what = request.pop("id"), request.pop("do")
        deeds: dict[str, Callable[..., Any]] = {
            "run": self._run,
            "levels": self._levels,
            "pull": self._pull,
            "play": self._play,
            "watch": self._watch,
            "cut": self._cut,
        }
        try:
            answer: Done = {"done": deeds[what](number, **request)}
        except Exception as error:  # whatever it is, the test that asked shall read it
            answer = {"error": f"{type(error).__name__}: {error}"}
        self._send({"id": number, **answer})

    def _run(self, number: int, argv: list[str], timeout: float, given: str = "") -> Done:
        done = subprocess.run(argv, input=base64.b64decode(given), capture_output=True, timeout=timeout, check=False)
        out, err = (base64.b64encode(stream).decode() for stream in (done.stdout, done.stderr))
        return {"code": done.returncode, "out": out, "err": err}

    def _levels(self, number: int, lines: list[int]) -> Done:
        return {str(line): self.lines.level(line) for line in lines}

    def _pull(self, number: int, line: int, up: int) -> Done:
        self.lines.pull(line, up)
        return {}

    def _play(self, number: int, line: int, edges: list[tuple[int, int]]) -> Done:
        began, late = time.monotonic_ns(), 0
        for at_us, up in edges:
            due = began + at_us * 1000
            while time.monotonic_ns() < due:  # too short for a sleep
                pass
            self.lines.pull(line, up)
            late = max(late, time.monotonic_ns() - due)
        return {"late_us": late // 1000}

    def _watch(self, number: int, lines: list[int], within: float, count: int) -> list[tuple[int, int, int]]:
        until = time.monotonic() + within
        seen = {line: self.lines.level(line) for line in lines}
        found = [(line, level, time.monotonic_ns()) for line, level in seen.items()]
        self._send({"id": number, "begun": True})
        while count > 0 and time.monotonic() < until:
            for line, before in seen.items():
                level = self.lines.level(line)
                if level != before:
                    found.append((line, level, time.monotonic_ns()))
                    seen[line] = level
                    count -= 1
            time.sleep(LOOK_S)
        return found

    def _cut(self, number: int, line: int, when: int, argv: list[str], within: float) -> Done:
        until = time.monotonic() + within
        self._send({"id": number, "begun": True})
        while self.lines.level(line) != when:
            if time.monotonic() > until:
                raise TimeoutError(f"GPIO {line} was not {when} within {within} s")
            time.sleep(LOOK_S)
        done = subprocess.run(argv, capture_output=True, timeout=30, check=False)
        return {"code": done.returncode}


def main(where: str) -> None:
    reader, writer = (0, 1) if where == "-" else (os.open(where, os.O_RDWR),) * 2
    lock = threading.Lock()

    def send(answer: Done) -> None:
        data = json.dumps(answer).encode() + b"\n"
        with lock:
            while data:
                data = data[os.write(writer, data) :]

    agent = Agent(send)
    pieces: list[bytes] = []
    while True:
        data = os.read(reader, 65536)
        if not data:
            if where == "-":
                return
            time.sleep(0.1)  # nobody holds the other end
            continue
        pieces.append(data)
        if b"\n" not in data:
            continue  # of a long line: joined once
        *whole, rest = b"".join(pieces).split(b"\n")
        pieces = [rest]
        for line in whole:
            try:
                request = json.loads(line)
            except ValueError:
                continue  # what was cut off when the other end went away
            threading.Thread(target=agent.work, args=(request,), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
