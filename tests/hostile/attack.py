"""What an attack is, and how it must end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.hostile.scene import Scene

Target = Literal["door", "page", "both", "server"]
Lane = Literal["door", "page", "broken", "slow"]
"""Attacks of one lane follow each other; lanes run side by side. `broken` costs the second door its connection each
time; what waits for time-outs is `slow`, and all of it waits at once.
"""


@dataclass(frozen=True, slots=True)
class Ends:
    """The refusal that is expected. Every part that is named must be seen.

    `log`: an event in the log of the end that is attacked, in which `why` stands. `close`: the reason that this end
    gives. `console`: what stands in a line of the page's console. `stays`: the call comes about between the true ends.
    """

    log: str = ""
    why: str = ""
    close: str = ""
    console: str = ""
    stays: bool = False

    def __str__(self) -> str:
        parts = [f"close {self.close}" if self.close else "", f"log {self.log}" if self.log else ""]
        parts += ["console" if self.console else "", "the true ends are connected" if self.stays else ""]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Attack:
    """`tries` is a sentence for the table; `run` does it, and returns when there is nothing left to do."""

    name: str
    tries: str
    target: Target
    ends: Ends
    run: "Callable[[Scene], Awaitable[None]]"
    lane: Lane = "door"
