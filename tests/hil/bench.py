"""A real Pi on a bench, as a `tests.hil.rig.Rig`: a jig beside it works its buttons. A file describes both: hw/rig/."""

import contextlib
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from protocol.settings import parse_settings
from provisioning.site import Site
from tests.harness.ears import RATE_HZ, Samples
from tests.harness.processes import wait_until
from tests.harness.world import DEVICE
from tests.hil.hands import Hands, Pulse
from tests.hil.journal import parse
from tests.hil.rig import IDENTITY, UNIT, Feature

AGENT = Path(__file__).parents[2] / "hw/rig/agent.py"
CONNECT_S = 30.0
NO_OVERLAY = "nobody switches the overlay of a bench's card on and off"


class Reach(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`reach` runs its last argument as a shell command there, as `ssh root@door` does."""

    reach: list[str]


class Jig(Reach, frozen=True):
    """What the jig hears the loudspeaker with and speaks to the microphone with: ALSA names there."""

    hears: str
    speaks: str


class Lines(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"flat_1": "flat-1", "flat_2": "flat-2"}):
    """GPIOs of the jig: opto-couplers across the buttons, and inputs at the strike's and the lamp's drivers."""

    flat_1: int
    flat_2: int
    strike: int
    lamp: int


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bench. `host` is this machine, as the door station reaches it, and `address` that one, as it is reached from
    here; commands of `does` are run on the jig.
    """

    name: str
    host: str
    address: str
    architecture: str
    open_s: float
    pi: Reach
    jig: Jig
    lines: Lines
    does: dict[Literal["power-off", "power-on", "cable-off", "cable-on", "renumber", "show", "upgrade"], str]
    lacks: dict[Feature, str] = {}


def load_description(path: Path) -> Description:
    """ConfigError names what is wrong in the file, and where."""
    return parse_settings(path.read_bytes(), str(path), Description)


class BenchRig:
    """`pi` and `jig` are reached by the description's commands, and end with it."""

    def __init__(self, described: Description, site: Site) -> None:
        self.name = described.name
        self.lacks: Mapping[Feature, str] = {"overlay": NO_OVERLAY, **described.lacks}
        self.site = site
        self.patience = 1
        self.open_s = described.open_s
        self.address = described.address
        self.architecture = described.architecture
        self._does = described.does
        self._reach = described.pi.reach
        self._sound = described.jig
        self._lines = {
            "flat-1": described.lines.flat_1,
            "flat-2": described.lines.flat_2,
            "strike": described.lines.strike,
            "lamp": described.lines.lamp,
        }
        self._open = contextlib.ExitStack()
        self._jig = self._open.enter_context(reached(described.jig.reach))
        self._on_pi = self._open.enter_context(contextlib.ExitStack())
        self._pi = self._on_pi.enter_context(reached(self._reach))
        self._since: list[str] = []

    @property
    def pi(self) -> Hands:
        return self._pi

    def at_home(self, *command: str) -> list[str]:
        return list(command)

    def fresh(self) -> None:
        for button in ("flat-1", "flat-2"):
            self.release(button)
        self.network(plugged=True)
        self.set_clock(time.time())
        cursor = self.pi.sh("journalctl -n 0 --show-cursor -q").removeprefix("-- cursor: ").strip()
        self._since = [f"--after-cursor={cursor}"]
        for name in ("key.pem", "bundle.json"):
            self.pi.write(f"{IDENTITY}/{name}", (self.site.identity(DEVICE) / name).read_bytes(), "0600")
        self.pi.sh("rm -rf /var/lib/doorward/state/*")
        self.pi.run("systemctl", "restart", UNIT, timeout=90)
        wait_until(
            "it looks for its server", lambda: any(line["event"] == "signaling-down" for line in self.journal()), 60
        )

    def press(self, button: str) -> None:
        self._jig.pull(self._lines[button], up=False)

    def release(self, button: str) -> None:
        self._jig.pull(self._lines[button], up=True)

    def bounce(self, button: str, edges: Sequence[tuple[int, bool]]) -> int:
        return self._jig.play(self._lines[button], [(at, not closed) for at, closed in edges])

    def is_high(self, line: str) -> bool:
        return bool(self._jig.levels(self._lines[line])[self._lines[line]])

    def pulse(self, within: float) -> Callable[[], Pulse]:
        return self._jig.pulse(self._lines["strike"], within)

    def lamp_changes(self, count: int, within: float) -> list[float]:
        _, *changes = self._jig.watch(self._lines["lamp"], within=within, count=count)()
        return [change.at_s for change in changes]

    def during_pulse(self, *command: str) -> Callable[[], int]:
        return self._jig.cut(self._lines["strike"], when=1, argv=[*self._reach, shlex.join(command)], within=60)

    @contextlib.contextmanager
    def speaking(self, wav: Path) -> Iterator[None]:
        self._jig.write("/run/street.wav", wav.read_bytes())
        self._jig.run("systemd-run", "-q", "-u", "street", "aplay", "-q", "-D", self._sound.speaks, "/run/street.wav")
        try:
            yield
        finally:
            self._jig.run("systemctl", "stop", "street", may_fail=True)  # it may have ended by itself

    def listen(self, seconds: float) -> Samples:
        command = f"arecord -q -D {self._sound.hears} -t raw -f S16_LE -r {RATE_HZ} -c 1 -d {seconds:.0f}"
        raw = self._jig.run(*command.split(), timeout=seconds + 10).out
        return np.frombuffer(raw, "<i2").astype(np.float64) / 32768

    def air(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()  # it has some

    def show(self, jpeg: Path) -> None:
        self._jig.write("/run/street.jpg", jpeg.read_bytes())
        self._jig.sh(f"{self._does['show']} /run/street.jpg")

    def upgrade(self) -> None:
        self._jig.run("sh", "-c", self._does["upgrade"], timeout=300)

    def put_under_overlay(self) -> None:
        raise RuntimeError(NO_OVERLAY)

    def plug_stick(self) -> str:
        raise RuntimeError(NO_OVERLAY)

    def cut_power(self) -> None:
        self._jig.sh(self._does["power-off"])
        self._on_pi.close()

    def restore_power(self) -> float:
        self._jig.sh(self._does["power-on"])

        def reached_again() -> bool:
            try:
                self._pi = self._on_pi.enter_context(reached(self._reach))
            except (RuntimeError, TimeoutError):  # it is starting
                return False
            return True

        took = wait_until("the Pi after its power came back", reached_again, 180)
        self._since = ["-b"]
        return took

    def network(self, *, plugged: bool) -> None:
        self._jig.sh(self._does["cable-on" if plugged else "cable-off"])

    def renumber(self) -> None:
        self._jig.sh(self._does["renumber"])

    def set_clock(self, utc: float) -> None:
        self.pi.run("date", "-u", "-s", f"@{utc:.3f}")

    def journal(self) -> list[dict[str, Any]]:
        said = self.pi.run("journalctl", "-q", "-u", UNIT, "-o", "cat", *self._since).text
        return list(parse(said))

    def close(self) -> None:
        self._open.close()


@contextlib.contextmanager
def reached(reach: Sequence[str]) -> Iterator[Hands]:
    """The agent at the other end of `reach`, which is given its text: nothing needs to be installed there."""
    command = [*reach, shlex.join(["python3", "-c", AGENT.read_text(encoding="utf-8"), "-"])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("pipes were asked for")
    into, out = process.stdin, process.stdout

    def send(data: bytes) -> None:
        into.write(data)
        into.flush()

    hands = Hands(send)

    def listen() -> None:
        while data := out.read1():  # type: ignore[attr-defined] # a pipe of Popen is buffered
            hands.heard(data)

    reader = threading.Thread(target=listen, daemon=True)
    reader.start()
    try:
        hands.run("true", timeout=CONNECT_S)
        yield hands
    finally:
        process.kill()
        process.wait()
        reader.join(5)
        with contextlib.suppress(BrokenPipeError):
            into.close()
        out.close()
