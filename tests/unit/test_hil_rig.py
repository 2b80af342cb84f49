"""The rig's hands and a bench's description: the real agent, in a process of its own, on lines that are files."""

import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from protocol.errors import ConfigError
from tests.hil.bench import load_description, reached
from tests.hil.hands import Hands
from tests.hil.scenes import light_side, street

LINE = 13
EXAMPLE = Path(__file__).parents[2] / "hw/rig/example.toml"


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    (tmp_path / f"sim_gpio{LINE}").mkdir()
    _set(tmp_path, 0)
    return tmp_path


@pytest.fixture
def hands(lines: Path) -> Iterator[Hands]:
    with reached(["env", f"DOORWARD_RIG_LINES={lines}", "sh", "-c"]) as made:
        yield made


def _set(lines: Path, level: int) -> None:
    file = os.open(lines / f"sim_gpio{LINE}/value", os.O_WRONLY | os.O_CREAT)
    os.pwrite(file, f"{level}\n".encode(), 0)
    os.close(file)


def test_commands_run_there_and_say_how_they_ended(hands: Hands) -> None:
    ran = hands.run("sh", "-c", "cat; echo oh >&2; exit 3", given=b"\0given", may_fail=True)
    assert (ran.code, ran.out, ran.err) == (3, b"\0given", b"oh\n")
    with pytest.raises(RuntimeError, match="exit code 3"):
        hands.run("sh", "-c", "exit 3")
    with pytest.raises(RuntimeError, match="TimeoutExpired"):
        hands.run("sleep", "60", timeout=0.2)


def test_a_script_may_be_begun_and_waited_for_later(hands: Hands, tmp_path: Path) -> None:
    ended = hands.later(f"until [ -e {tmp_path}/go ]; do :; done")
    failed = hands.later("exit 3")
    (tmp_path / "go").touch()
    ended()
    with pytest.raises(RuntimeError, match="exit code 3"):
        failed()


def test_a_street_is_told_again_by_its_light_side() -> None:
    for side in ("left", "right"):
        with av.open(io.BytesIO(street(side)), "r", format="mjpeg") as picture:
            shown = next(picture.decode(video=0)).to_ndarray(format="gray").tolist()
        assert light_side({"rows": shown[-80:]}) == side
    assert light_side({"rows": [[90] * 640] * 80}) is None
    assert light_side({"rows": []}) is None


def test_a_pressed_button_is_pulled_down_and_let_go(hands: Hands, lines: Path) -> None:
    pull = lines / f"sim_gpio{LINE}/pull"
    hands.pull(LINE, up=False)
    assert pull.read_text() == "pull-down"
    hands.play(LINE, [(0, True), (2_000, False), (5_000, True)])
    assert pull.read_text() == "pull-up"


def test_a_pulse_is_seen_from_its_beginning_to_its_end(hands: Hands, lines: Path) -> None:
    pulse = hands.pulse(LINE, 10)
    _set(lines, 1)
    assert hands.levels(LINE) == {LINE: 1}
    hands.run("sleep", "0.5")  # as long as a strike
    _set(lines, 0)
    seen = pulse()
    assert seen.width_s > 0
    assert seen.began_s > 0


def test_a_pulse_that_does_not_end_is_none(hands: Hands, lines: Path) -> None:
    pulse = hands.pulse(LINE, 0.3)
    _set(lines, 1)
    with pytest.raises(AssertionError, match="GPIO 13 was 0, then"):
        pulse()


def test_something_is_done_the_moment_a_line_rises(hands: Hands, lines: Path) -> None:
    ended = hands.cut(LINE, when=1, argv=["touch", str(lines / "done")], within=10)
    assert not (lines / "done").exists()
    _set(lines, 1)
    assert ended() == 0
    assert (lines / "done").exists()


def test_two_things_at_once_do_not_wait_for_each_other(hands: Hands, lines: Path) -> None:
    changes = hands.watch(LINE, within=10, count=1)
    done = threading.Event()

    def run() -> None:
        hands.run("true")
        done.set()

    threading.Thread(target=run, daemon=True).start()
    assert done.wait(10)
    _set(lines, 1)
    assert [change.level for change in changes()] == [0, 1]


def test_the_example_describes_a_bench() -> None:
    described = load_description(EXAMPLE)
    assert described.lines.strike == LINE
    assert "panic" in described.lacks


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (("strike = 13", "strike = 'x'"), "lines.strike"),
        (("open_s = 3.0", ""), "open_s"),
        (('panic = "', 'panick = "'), "lacks"),
        (("[jig]", "[jib]"), "jib"),
    ],
)
def test_a_spoilt_description_is_refused_by_name(tmp_path: Path, spoil: tuple[str, str], says: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(EXAMPLE.read_text().replace(*spoil))
    with pytest.raises(ConfigError, match=says):
        load_description(path)
