"""What happened, in numbers (Prometheus text format): every log line is counted by its event."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


class Metrics:
    """`count` is a structlog processor: what is logged is counted, so that neither can be forgotten."""

    def __init__(self) -> None:
        self._events: Counter[tuple[str, str]] = Counter()
        self._gauges: Mapping[str, tuple[str, float]] = {}

    def count(self, _: Any, level: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Count a log line and pass it on. Events are constants of the program: there are not many."""
        self._events[str(line.get("event")), level] += 1
        return line

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Everything in the text format; `gauges` maps names to (help, value now)."""
        # It takes a tenth of a second to import, which must not delay the button.
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

        self._gauges = gauges
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry).decode()

    def collect(self) -> "Iterable[Metric]":
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415 - as above

        events = CounterMetricFamily("doorward_events", "Log lines, by event and level.", labels=["event", "level"])
        for (event, level), number in sorted(self._events.items()):
            events.add_metric([event, level], number)
        yield events
        for name, (help_text, value) in self._gauges.items():
            yield GaugeMetricFamily(f"doorward_{name}", help_text, value)
        yield GaugeMetricFamily("doorward_time_seconds", "The system's clock, seconds UTC.", time.time())
