"""What the device says of its own certificate and clock."""

from datetime import UTC, datetime

import pytest

from device.adapters.store import Clock
from device.core.events import Event, Warned
from device.dates import Dates
from protocol.keys import new_key
from provisioning.authority import issue_device, new_authority

MADE = datetime(2026, 11, 1, tzinfo=UTC)
DAY = 86400.0


def judged(utc: float, known: float = 0.0, monkeypatch: pytest.MonkeyPatch | None = None) -> set[str]:
    """What is wrong at `utc`, on a device that once knew the time `known`."""
    authority = new_authority("home", MADE)
    certificate = issue_device(authority, "home", "front-door", new_key().public_key(), MADE, days=365)
    posted: list[Event] = []
    if monkeypatch is not None:
        monkeypatch.setattr("device.dates.time.time", lambda: utc)
    Dates(certificate, Clock(known, lambda: utc, lambda: 0.0), posted.append).judge()
    return {event.what for event in posted if isinstance(event, Warned) and event.on}


@pytest.mark.parametrize(
    ("days", "wrong"),
    [(10, set()), (300, set()), (366, {"certificate"}), (-10, {"clock"}), (-20_000, {"clock"})],
)
def test_certificate_and_clock(days: float, wrong: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(MADE.timestamp() + days * DAY, monkeypatch=monkeypatch) == wrong


def test_a_clock_behind_a_time_once_known_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    now = MADE.timestamp() + 10 * DAY
    assert judged(now, known=now + DAY, monkeypatch=monkeypatch) == {"clock"}
    assert judged(now, known=now - DAY, monkeypatch=monkeypatch) == set()
