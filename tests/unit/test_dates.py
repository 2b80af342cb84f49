"""What the device says of its own certificate and clock."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from device.adapters.store import Clock, FileStore
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


def test_a_time_from_the_future_is_forgotten_once_the_clock_is_right_again(tmp_path: Path) -> None:
    """The time server lies for an hour, the door starts anew, and the time server tells the truth."""
    roster_issued, store = MADE.timestamp(), FileStore(tmp_path)
    lied_to = Clock(0.0, lambda: roster_issued + 900 * DAY, lambda: 3600.0)
    lied_to.raise_to(roster_issued)
    assert lied_to.now().utc == roster_issued + 900 * DAY
    store.save_time(lied_to.certain())
    told_the_truth = Clock(store.load_time(), lambda: roster_issued + DAY, lambda: 0.0)
    assert told_the_truth.now().utc == roster_issued + DAY


def test_time_that_passes_is_kept_whatever_the_system_clock_says(tmp_path: Path) -> None:
    """Set back by whoever wants an expired roster to hold: what has passed since the last start stays passed."""
    uptime, store = [0.0], FileStore(tmp_path)
    clock = Clock(MADE.timestamp(), lambda: 0.0, lambda: uptime[0])
    uptime[0] = 20 * DAY
    store.save_time(clock.certain())
    assert Clock(store.load_time(), lambda: 0.0, lambda: 0.0).now().utc == MADE.timestamp() + 20 * DAY
