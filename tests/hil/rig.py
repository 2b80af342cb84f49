"""What a door station is put through, whoever it is: a Pi that does not exist, or one on a bench.

The tests know this page only. What a body cannot do is named in `lacks`, with the reason, and skips what needs it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol

from provisioning.site import Site
from tests.harness.ears import Samples
from tests.hil.hands import Hands, Pulse

Feature = Literal[
    "panic", "power-during-pulse", "aloud", "camera", "rollback", "install", "unplugged", "renumbered", "overlay"
]
"""What not every body can do. `panic`: end its kernel. `power-during-pulse`: cut the power while the strike's circuit
goes on. `aloud`: its microphone hears its loudspeaker. `camera`: pictures that the test chose. `rollback`: a later
package can be brought. `install`: it may be emptied, and is reached by ssh. `unplugged`: it is reached while it has no
network. `renumbered`: its network can give it another address. `overlay`: its card may be put under an overlay."""

UNIT = "doorward-device.service"
IDENTITY, STATE = "/var/lib/doorward/identity", "/var/lib/doorward/state"


class Rig(Protocol):
    """One door station under test, its surroundings, and everything that is done to it."""

    name: str
    lacks: Mapping[Feature, str]
    address: str
    """Of the door station, for ssh and for whoever takes it for a server; empty where that must not be."""
    architecture: str
    """Of its packages, as Debian says it."""
    patience: int
    """How often what takes milliseconds is tried: an emulated processor may have no turn between two edges."""
    site: Site
    """To which the door belongs; its server is where the door reaches this machine."""

    @property
    def pi(self) -> Hands:
        """Runs commands on the door station; gone while its power or network may be."""

    def at_home(self, *command: str) -> list[str]:
        """A command, where the server and the people's browsers live."""

    def fresh(self) -> None:
        """The door station as it was delivered: installed, provisioned for the test's site, running, and offline."""

    open_s: float
    """How long a pulse of its strike is, as configured."""

    # The panel

    def press(self, button: str) -> None: ...

    def release(self, button: str) -> None: ...

    def bounce(self, button: str, edges: Sequence[tuple[int, bool]]) -> int:
        """Replay (microseconds, contact closed) on a button, edge by edge; by how many of them an edge was late."""

    def is_high(self, line: str) -> bool:
        """`strike` or `lamp`, at the line itself."""

    def pulse(self, within: float) -> Callable[[], Pulse]:
        """Watch the strike's line from now on; call what is returned for the pulse."""

    def lamp_changes(self, count: int, within: float) -> list[float]:
        """When the lamp changed, in seconds; fewer than `count` if the time was over."""

    def during_pulse(self, *command: str) -> Callable[[], int]:
        """Run a command on the door station the moment the strike is energised; call for its exit code."""

    # Sound and picture

    def speaking(self, wav: Path) -> AbstractContextManager[None]:
        """Play into the microphone, for as long as the block lasts or the file has sound."""

    def listen(self, seconds: float) -> Samples:
        """What the loudspeaker plays, 48 kHz."""

    def air(self) -> AbstractContextManager[None]:
        """For as long as the block lasts, the microphone hears the loudspeaker, 20 dB more quietly than it plays."""

    def show(self, jpeg: Path) -> None:
        """Hold a picture in front of the camera."""

    def upgrade(self) -> None:
        """Install a later package than the one that is installed, as its people do."""

    def put_under_overlay(self) -> None:
        """From its next start on, all that is written on its card goes to memory, as `raspi-config` switches it."""

    # Surroundings

    def plug_stick(self) -> str:
        """Plug in a memory stick, all of which may be erased; its device."""

    def cut_power(self) -> None: ...

    def restore_power(self) -> float:
        """Switch on; how long it took until commands can be run, in seconds."""

    def network(self, *, plugged: bool) -> None: ...

    def renumber(self) -> None:
        """Take its address away and give it another one, as a router may."""

    def set_clock(self, utc: float) -> None: ...

    def journal(self) -> list[dict[str, Any]]:
        """What the daemon logged since `fresh`, or since its power came back; oldest first."""
