"""build/reports/hil.json: what is counted, measured, and named."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.hil import figures
from tests.hil.__main__ import report_of

CASES = """<testsuite>
<testcase name="test_a" time="12.34"/>
<testcase name="test_b" time="1"><failure message="no"/></testcase>
<testcase name="test_c" time="0"><skipped message="bench only"/></testcase>
</testsuite>"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def report() -> Any:
    return report_of("virtual", list(ET.fromstring(CASES).iter("testcase")))


def test_scenarios_are_counted_and_named() -> None:
    made = report()
    counts = {name: made["figures"][name]["value"] for name in ("scenarios", "passed", "failed", "skipped")}
    assert counts == {"scenarios": 3, "passed": 1, "failed": 1, "skipped": 1}
    assert (made["target"], made["machine"]["rig"]) == ("hil", "virtual")
    assert (made["failed"], made["skipped"]) == (["test_b"], {"test_c": "bench only"})
    assert made["took_s"]["test_a"] == 12.3


def test_a_median_is_given_of_thirty_pulses_and_not_of_fewer() -> None:
    for number in range(figures.PULSES):
        assert "strike_pulse_error_ms" not in report()["figures"]
        figures.note("strike_pulse_error_ms", number)
    assert report()["figures"]["strike_pulse_error_ms"] == {
        "value": 14.5, "unit": "ms", "spread": [7.25, 21.75], "n": 30,
    }  # fmt: skip


def test_measurements_have_their_unit_and_words_stay_words() -> None:
    figures.note("cold_boot_to_armed_s", 41.5)
    figures.note("exposure_doorward-device.service", 1.3)
    figures.tell("critical_chain", "a, then b")
    made = report()
    assert made["figures"]["cold_boot_to_armed_s"]["unit"] == "s"
    assert made["figures"]["exposure_doorward-device.service"]["unit"] == "1"
    assert made["critical_chain"] == "a, then b"
