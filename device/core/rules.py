"""How long things may last and how many there may be: the configuration, as the core sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CallRules:
    """Durations in seconds; `doors` maps each configured door to how long its strike is released."""

    ring_s: float = 30.0
    talk_s: float = 300.0
    view_s: float = 300.0
    after_s: float = 4.0
    doors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkRules:
    """`limit` standing links in all; with `standing` off, a link is made only for somebody who is rung."""

    limit: int = 16
    standing: bool = True
