"""The system clock at boot: raised to the newest time that can be known, never set back."""

import json
from pathlib import Path

import pytest

from device.build import built
from device.clock import raise_system_clock
from protocol.errors import ConfigError, DoorwardError
from provisioning.site import make_site
from tests.harness.world import DEVICE, house_plan

EPOCH = 0.0
FUTURE = 4_000_000_000.0


class SystemClock:
    def __init__(self, now: float) -> None:
        self.now = now
        self.sets: list[float] = []

    def raise_by(self, config: Path) -> str:
        return raise_system_clock(config, lambda: self.now, self.sets.append)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    path = tmp_path / "device.toml"
    path.write_text('identity = "identity"\nstate = "state"\ncontrol_socket = "c"\n[button.flat-1]\npin_bcm = 17\n')
    return path


def test_a_clock_at_1970_is_raised_to_the_build_where_nothing_else_is_known(config: Path) -> None:
    clock = SystemClock(EPOCH)
    assert "from 1970-01-01 00:00:00 UTC" in clock.raise_by(config)
    assert clock.sets == [built()]


def test_the_saved_time_counts_if_it_is_newer(config: Path) -> None:
    (config.parent / "state" / "clock").write_text(f"{FUTURE}\n")
    clock = SystemClock(built() + 60)
    assert "last saved" in clock.raise_by(config)
    assert clock.sets == [FUTURE]


def test_a_clock_that_is_ahead_is_never_set_back(config: Path) -> None:
    (config.parent / "state" / "clock").write_text("1900000000\n")
    clock = SystemClock(FUTURE)
    assert "is right" in clock.raise_by(config)
    assert clock.sets == []


@pytest.mark.parametrize("spoilt", ["", "soon", "inf", "nan", "\x00"])
def test_a_spoilt_saved_time_is_passed_over(config: Path, spoilt: str) -> None:
    (config.parent / "state" / "clock").write_text(spoilt)
    clock = SystemClock(EPOCH)
    clock.raise_by(config)
    assert clock.sets == [built()]


def test_the_roster_in_a_first_bundle_counts(config: Path) -> None:
    site = make_site(config.parent / "site", house_plan(("127.0.0.1",)))
    config.write_text(config.read_text().replace('"identity"', f'"{site.identity(DEVICE)}"'))
    clock = SystemClock(EPOCH)
    assert "the roster was issued" in clock.raise_by(config)
    assert clock.sets == [site.rosters[DEVICE].issued]


def test_a_roster_that_nobody_signed_moves_no_clock(config: Path) -> None:
    site = make_site(config.parent / "site", house_plan(("127.0.0.1",)))
    config.write_text(config.read_text().replace('"identity"', f'"{site.identity(DEVICE)}"'))
    state = config.parent / "state"
    (state / "clock").write_text(f"{built() + 5:.0f}\n")
    claim = json.dumps({"issued": int(FUTURE)}).encode()
    from protocol.ids import b64url

    (state / "roster.jws").write_text(f"e30.{b64url(claim)}.AAAA\n")
    clock = SystemClock(EPOCH)
    clock.raise_by(config)
    assert clock.sets == [max(built() + 5, float(site.rosters[DEVICE].issued))]


def test_a_clock_that_may_not_be_set_is_an_error(config: Path) -> None:
    def refuse(_: float) -> None:
        raise PermissionError(1, "Operation not permitted")

    with pytest.raises(DoorwardError, match="cannot be set"):
        raise_system_clock(config, lambda: EPOCH, refuse)


def test_a_configuration_without_a_state_folder_is_named(config: Path) -> None:
    config.write_text("identity = 'identity'\n")
    with pytest.raises(ConfigError, match=r"device\.toml"):
        SystemClock(EPOCH).raise_by(config)
