"""The honest ends that are attacked."""

from dataclasses import dataclass

from tests.harness.control import Control
from tests.harness.processes import Process

BUTTON = "flat-1"


@dataclass
class Daemon:
    """Something honest that runs for all attacks. A server has no control socket."""

    name: str
    process: Process
    control: Control | None


@dataclass
class Door(Daemon):
    """A real door station on simulated pins."""

    control: Control

    def keep_ringing(self) -> None:
        """Somebody is at the door: pressing again changes nothing while it rings."""
        self.control.press(BUTTON)
