"""How long things may last and how many there may be: the configuration, as the core sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class DoorRules:
    """Released for `open_s`; reported as left open after `left_open_s`; `forced_alarm`: opened unasked is an alarm."""

    open_s: float = 3.0
    left_open_s: float = 60.0
    forced_alarm: bool = True


@dataclass(frozen=True, slots=True)
class PanelRules:
    """`long_press_s`: for each button that has one, how long it must be held. `keypad`: the door its codes open."""

    long_press_s: Mapping[str, float] = field(default_factory=dict)
    keypad: str | None = None


@dataclass(frozen=True, slots=True)
class SnapshotRules:
    """Of which calls a picture is kept, taken `after_s` after the press; `unanswered`: of those nobody answered."""

    keep: Literal["none", "unanswered", "all"] = "unanswered"
    after_s: float = 1.5


@dataclass(frozen=True, slots=True)
class CallRules:
    """Durations in seconds; `doors`: each configured door; `long_press`: which button a held one stands for."""

    ring_s: float = 30.0
    talk_s: float = 300.0
    view_s: float = 300.0
    after_s: float = 4.0
    doors: Mapping[str, DoorRules] = field(default_factory=dict)
    long_press: Mapping[str, str] = field(default_factory=dict)
    snapshots: SnapshotRules = field(default_factory=SnapshotRules)


@dataclass(frozen=True, slots=True)
class LinkRules:
    """`limit` standing links in all; with `standing` off, a link is made only for somebody who is rung."""

    limit: int = 16
    standing: bool = True
