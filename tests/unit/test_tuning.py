"""What is said to the person on the ladder, and that no level ever becomes louder than is safe."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.boards import LevelControl, MixerConfig, board_names, load_board
from device.media.sweep import Heard
from device.tune import prepare, turn
from device.tuning import Level, Unit, Verdict, Which, judge, next_level, shown

GOOD = Heard(noise_dbfs=-65, peak_dbfs=-20, clipped=0, delay_ms=90, echo_dbfs=-36, isolation_db=18)


class FakeMixer:
    """A mixer in memory: name → (value, unit, lowest, highest), and which switches were turned."""

    def __init__(self, levels: dict[str, tuple[float, Unit, float, float]]) -> None:
        self.levels = levels
        self.switched: dict[str, bool] = {}

    def names(self) -> list[str]:
        return [*self.levels, "Left Output Mixer PCM"]

    def read(self, control: str, which: Which) -> tuple[float, Unit, float, float]:
        assert which in {"playback", "capture"}
        return self.levels[control]

    def write(self, control: str, which: Which, value: float, unit: Unit) -> None:
        _, known, low, high = self.levels[control]
        assert which in {"playback", "capture"}
        assert unit == known
        assert low <= value <= high
        self.levels[control] = (value, unit, low, high)

    def switch(self, control: str, on: bool) -> None:
        self.switched[control] = on


def heard(**changed: float | None) -> Heard:
    return Heard(**{**{name: getattr(GOOD, name) for name in Heard.__dataclass_fields__}, **changed})


def test_a_good_door_is_left_alone() -> None:
    assert judge(GOOD) == Verdict([], {})


@pytest.mark.parametrize(
    ("found", "word", "turned"),
    [
        (heard(clipped=9, peak_dbfs=0.0, isolation_db=2), "overdrives", {"capture": -6.0}),
        (heard(isolation_db=12), "foam", {"playback": -3.0}),
        (heard(isolation_db=-4), "foam", {"playback": -12.0}),
        (heard(echo_dbfs=-60, isolation_db=42), "hardly hears", {"capture": 12.0}),
        (heard(noise_dbfs=-30), "loud here", {}),
        (heard(delay_ms=400), "400 ms", {}),
        (heard(delay_ms=None, echo_dbfs=None, isolation_db=None), "is the loudspeaker connected", {}),
        (heard(delay_ms=None, echo_dbfs=None, isolation_db=None, peak_dbfs=-120), "plugged in", {}),
    ],
)
def test_each_fault_is_a_sentence_that_says_what_to_do(found: Heard, word: str, turned: dict[Which, float]) -> None:
    verdict = judge(found)
    assert len(verdict.sentences) == 1
    assert word in verdict.sentences[0]
    assert verdict.turn == turned
    assert not verdict.ok


def test_the_measurement_is_shown_with_its_units() -> None:
    text = "\n".join(shown(GOOD))
    assert "90 ms" in text
    assert "18.0 dB" in text
    assert "cut off" not in text


LEVELS = st.builds(
    lambda unit, low, span, at: Level("X", low + span * at, unit, low, low + span),
    st.sampled_from(["dB", "%"]), st.floats(-120, 0), st.floats(1, 200), st.floats(0, 1),
)  # fmt: skip


@given(LEVELS, st.floats(-60, 40), st.integers(1, 100), st.floats(-100, 100))
def test_no_level_is_ever_louder_than_safe(level: Level, safe_db: float, safe_percent: int, turn_db: float) -> None:
    rule = LevelControl(controls=["X"], safe_db=safe_db, safe_percent=safe_percent)
    value = next_level(level, rule, turn_db)
    safe = safe_db if level.unit == "dB" else safe_percent
    assert value <= max(safe, level.lowest)
    assert level.lowest <= value <= level.highest


def test_before_the_sweep_what_is_too_loud_is_turned_down_and_the_ways_are_switched_on() -> None:
    mixer = FakeMixer({"Speaker": (6.0, "dB", -121.0, 6.0), "Capture": (0.0, "dB", -17.25, 30.0)})
    config = load_board("wm8960").mixer
    assert config is not None
    lines = list(prepare(config, mixer))
    assert mixer.levels["Speaker"][0] == 0.0
    assert mixer.levels["Capture"][0] == 0.0, "what is not too loud stays"
    assert mixer.switched == {"Left Output Mixer PCM": True}
    assert any("Speaker: 6.0 → 0.0 dB" in line for line in lines)


def test_advice_is_carried_out_on_the_first_control_that_the_card_has() -> None:
    mixer = FakeMixer({"Speaker": (70.0, "%", 0.0, 100.0), "Mic": (10.0, "dB", 0.0, 30.0)})
    config = load_board("usb-speakerphone").mixer
    assert config is not None
    list(turn(config, mixer, Verdict(["both"], {"playback": -6.0, "capture": 30.0})))
    assert mixer.levels["Speaker"][0] == pytest.approx(61.0)
    assert mixer.levels["Mic"][0] == 24.0, "the profile's limit"


def test_a_card_without_such_controls_is_left_alone() -> None:
    config = MixerConfig(card="hw:0", playback=LevelControl(controls=["Nothing"]))
    assert list(turn(config, FakeMixer({}), Verdict(["louder"], {"playback": 6.0}))) == []


@pytest.mark.parametrize("name", [name for name in board_names() if load_board(name).mixer is not None])
def test_no_profile_can_be_talked_into_more_than_its_limit(name: str) -> None:
    config = load_board(name).mixer
    assert config is not None
    assert config.playback is not None
    speaker = config.playback.controls[0]
    mixer = FakeMixer({speaker: (-10.0, "dB", -60.0, 40.0)})
    for _ in range(10):
        list(turn(config, mixer, Verdict(["louder"], {"playback": 12.0})))
    assert mixer.levels[speaker][0] == config.playback.safe_db
