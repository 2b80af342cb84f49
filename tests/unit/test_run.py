"""The runner of the lanes: nothing skipped goes unnamed, nothing required goes unrun."""

from pathlib import Path

import pytest

from tests import run
from tests.run import Outcome, begun, summary

SKIPPED = Outcome("browser", skipped={"chromium is not installed": ["test_a_visit"]}, code=0)


def test_a_skipped_test_is_named_with_its_reason() -> None:
    assert "skipped: test_a_visit: chromium is not installed" in summary([SKIPPED], [])


def test_a_lane_that_ran_nothing_fails_only_where_it_is_required() -> None:
    assert SKIPPED.verdict([]) is None
    assert SKIPPED.verdict(["browser"]) == "this lane is required here and ran nothing"


def test_a_failed_test_or_a_crashed_run_fails_the_lane() -> None:
    assert Outcome("unit", passed=3, failed=1, code=1).verdict([])
    assert Outcome("unit", passed=3, code=3).verdict([])
    assert Outcome("unit", passed=3).verdict(["unit"]) is None


def test_the_sum_comes_last() -> None:
    outcomes = [Outcome("unit", passed=3), SKIPPED, Outcome("demo", passed=2, failed=1, code=1)]
    assert summary(outcomes, []).endswith("\n5 passed, 1 failed, 1 skipped")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "REPORTS", tmp_path)
    monkeypatch.setattr(run, "AHEAD", {"slow": ("platform",), "endless": ("timeit", "-n", "9999999999", "pass")})


@pytest.mark.usefixtures("slow")
def test_what_takes_minutes_is_begun_with_the_first_lane_and_can_be_waited_for() -> None:
    with begun(["unit", "slow"]) as under_way:
        assert under_way["slow"].process.wait() == 0
        assert "Linux" in under_way["slow"].log.read_text()


@pytest.mark.usefixtures("slow")
def test_what_nobody_waited_for_is_ended() -> None:
    with begun(["unit", "endless"]) as under_way:
        assert under_way["endless"].process.poll() is None
    assert under_way["endless"].process.returncode


@pytest.mark.usefixtures("slow")
def test_a_lane_alone_makes_for_itself_what_it_needs() -> None:
    with begun(["slow"]) as under_way:
        assert not under_way
