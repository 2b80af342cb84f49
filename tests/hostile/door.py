"""A real door that is attacked."""

from dataclasses import dataclass
from pathlib import Path

from tests.harness.control import Control
from tests.harness.processes import Process

BUTTON = "flat-1"


@dataclass
class Door:
    """A real door: its daemon, which runs for all attacks."""

    name: str
    folder: Path
    process: Process

    @property
    def control(self) -> Control:
        return Control(self.folder / "control.sock")

    def keep_ringing(self) -> None:
        """Somebody is at the door: pressing again changes nothing while it rings."""
        self.control.press(BUTTON)
