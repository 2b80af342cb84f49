"""A device whose certificate has ended: the visitor is told, the operator is told, and nothing restarts for ever."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioning.authority import DEVICE_DAYS
from provisioning.site import make_site
from tests.harness.processes import wait_until
from tests.harness.world import BIN, World, house_plan


@pytest.fixture
def expired(tmp_path: Path) -> Iterator[World]:
    """A daemon without sound or server, whose certificate ended yesterday."""
    made_at = datetime.now(UTC) - timedelta(days=DEVICE_DAYS + 1)
    home = World(tmp_path, make_site(tmp_path / "site", house_plan(("127.0.0.1",)), made_at), None, None)
    home.start_device(ready=False)
    wait_until("the control socket", home.control_answers, 30)
    yield home
    home.stop()


def test_it_is_a_fault_that_shows_at_the_door_in_the_status_and_in_the_numbers(expired: World) -> None:
    wait_until("the fault", lambda: "certificate" in str(expired.control.ask(do="status")["faults"]))
    assert expired.device is not None
    assert expired.device.wait_for("fault", where=lambda line: line["what"] == "certificate")
    before = expired.control.pins()
    expired.control.press("flat-1")
    expired.device.wait_for("nobody-reached")
    wait_until("the lamp to blink", lambda: expired.control.pins() != before)
    metrics = str(expired.control.ask(do="metrics")["metrics"])
    assert 'doorward_events_total{event="nobody-reached",level="warning"} 1.0' in metrics
    days = next(line for line in metrics.splitlines() if line.startswith("doorward_certificate_days_left "))
    assert -2 < float(days.split()[1]) < 0
    assert expired.device.running


@pytest.mark.parametrize(("command", "code"), [("status", 0), ("needs-renewal", 0), ("check", 1), ("metrics", 0)])
def test_every_command_that_an_operator_would_ask_says_so(expired: World, command: str, code: int) -> None:
    config = expired.folder / "device.toml"
    done = subprocess.run(
        [str(BIN / "doorward-device"), command, "--config", str(config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "certificate" in done.stdout
    if command != "metrics":
        assert "-1" in done.stdout or "expired" in done.stdout


def test_the_time_that_is_kept_is_not_the_system_clocks(expired: World) -> None:
    """For all that the door can know, the system's clock is years ahead: its newest roster says so."""
    saved = expired.state / "clock"
    wait_until("a time to be saved", saved.exists)
    issued = datetime.now(UTC) - timedelta(days=DEVICE_DAYS + 1)
    assert abs(float(saved.read_text()) - issued.timestamp()) < timedelta(hours=1).total_seconds()
