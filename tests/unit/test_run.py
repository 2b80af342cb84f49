"""The runner of the lanes: nothing skipped goes unnamed, nothing required goes unrun."""

from tests.run import Outcome, summary

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
