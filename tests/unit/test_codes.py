"""The keypad's codes: kept as hashes, in one file that only the daemon reads, and never shown."""

import asyncio
import contextlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device import codes as module
from device.codes import CODES, FileCodes, judge, new_code
from device.core.events import CodeJudged, Event, HardwareFault, Warned
from protocol.errors import DoorwardError

TOOL = Path(sys.executable).parent / "doorward-device"
GOOD = "582913"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash that costs next to nothing, for new files."""
    monkeypatch.setattr(module, "MEMORY_KIB", 8)
    monkeypatch.setattr(module, "ITERATIONS", 1)


@pytest.fixture
def codes(tmp_path: Path) -> FileCodes:
    return FileCodes(tmp_path / "state")


def test_a_code_that_was_added_is_found_by_its_name(codes: FileCodes) -> None:
    assert codes.match(GOOD) is None, "there is none yet"
    codes.add("cleaner", GOOD)
    codes.add("post", "907134")
    assert codes.match(GOOD) == "cleaner"
    assert codes.match("907134") == "post"
    for wrong in ("582914", "58291", "5829130", "", "0" * 13):
        assert codes.match(wrong) is None


def test_a_code_that_was_removed_opens_nothing(codes: FileCodes) -> None:
    codes.add("cleaner", GOOD)
    codes.remove("cleaner")
    assert codes.match(GOOD) is None
    assert codes.names() == []


def test_the_file_is_the_owners_alone_and_holds_no_code(codes: FileCodes, tmp_path: Path) -> None:
    codes.add("cleaner", GOOD)
    path = tmp_path / "state" / "codes.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert GOOD not in text
    assert GOOD.encode().hex() not in text
    assert [name.name for name in path.parent.iterdir()] == ["codes.json"], "nothing is left lying about"


def test_two_doors_with_the_same_code_have_other_hashes(tmp_path: Path) -> None:
    hashes = set()
    for name in ("one", "two"):
        FileCodes(tmp_path / name).add("cleaner", GOOD)
        hashes.add(json.loads((tmp_path / name / "codes.json").read_text())["codes"][0]["hash"])
    assert len(hashes) == 2


def test_a_try_costs_one_hash_however_many_codes_there_are(codes: FileCodes, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        codes.add(f"c{number}", f"58291{number}")
    made: list[str] = []
    real = module._hash

    def counting(kept: module._File, code: str) -> bytes:
        made.append(code)
        return real(kept, code)

    monkeypatch.setattr(module, "_hash", counting)
    assert codes.match("582910") == "c0"
    assert codes.match("111111") is None
    assert len(made) == 2


@pytest.mark.parametrize(
    "code", ["58291", "5829135829130", "58291a", "", "٥٨٢٩١٣", "123456", "987654", "000000", "890123", "121212",
             "583583", "24680246"],
)  # fmt: skip
def test_a_code_that_is_easily_guessed_is_refused(codes: FileCodes, code: str) -> None:
    with pytest.raises(DoorwardError) as refused:
        codes.add("cleaner", code)
    assert not code or code not in str(refused.value)
    assert codes.names() == []


def test_a_code_and_a_name_are_one_persons(codes: FileCodes) -> None:
    codes.add("cleaner", GOOD)
    with pytest.raises(DoorwardError, match="somebody's already") as taken:
        codes.add("post", GOOD)
    assert "cleaner" not in str(taken.value)
    with pytest.raises(DoorwardError, match="remove it first"):
        codes.add("cleaner", "907134")
    with pytest.raises(DoorwardError, match="no code of that name"):
        codes.remove("post")
    with pytest.raises(DoorwardError, match="a name is"):
        codes.add("The Cleaner", "907134")


def test_there_is_a_limit(codes: FileCodes, tmp_path: Path) -> None:
    codes.add("c0", GOOD)
    path = tmp_path / "state" / "codes.json"
    kept = json.loads(path.read_text())
    kept["codes"] = [kept["codes"][0] | {"name": f"c{n}"} for n in range(CODES)]
    path.write_text(json.dumps(kept))
    with pytest.raises(DoorwardError, match="remove some"):
        codes.add("more", "907134")


@pytest.mark.parametrize(
    "spoilt",
    [b"", b"{", b"[]", b'{"v":2}', b'{"v":1,"salt":"x","iterations":1,"memory_kib":8,"codes":[]}',
     b'{"v":1,"salt":"\xff', b'{"v":1,"\xe9":1}', b"\0" * 4096, b"[" * 100_000, b'{"v":' * 100_000],
    ids=["empty", "torn", "a list", "version", "salt", "no UTF-8", "no UTF-8 in a name", "zeros", "deep", "deep names"],
)  # fmt: skip
async def test_a_file_that_is_no_good_opens_nothing_and_is_a_fault(tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / "codes.json").write_bytes(spoilt)
    posted: list[Event] = []
    await judge(FileCodes(tmp_path), GOOD, posted.append)
    fault, verdict = posted
    assert isinstance(fault, HardwareFault)
    assert fault.what == "codes"
    assert verdict == CodeJudged(None)


async def test_a_file_that_is_good_again_is_no_fault_any_more(codes: FileCodes) -> None:
    posted: list[Event] = []
    await judge(codes, GOOD, posted.append)
    assert posted == [Warned("codes", on=False), CodeJudged(None)]


@pytest.fixture
def good_file(codes: FileCodes, tmp_path: Path) -> bytes:
    codes.add("cleaner", GOOD)
    return (tmp_path / "state" / "codes.json").read_bytes()


@given(at=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.integers(0, 8))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_dying_card_makes_of_the_file_is_judged(
    codes: FileCodes, tmp_path: Path, good_file: bytes, at: float, byte: int, cut: int
) -> None:
    """Somebody's, nobody's, or the error that is shown as a fault: anything else that is raised ends the daemon."""
    place = int(at * len(good_file))
    damaged = good_file[:place] + bytes([byte]) + good_file[place + cut :]
    (tmp_path / "state" / "codes.json").write_bytes(damaged)
    with contextlib.suppress(DoorwardError):
        codes.match(GOOD)


def test_memory_that_a_hash_wants_and_there_is_not_is_said(codes: FileCodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL's own refusal (cryptography raises MemoryError), which no test can have without harm to the others."""
    codes.add("cleaner", GOOD)
    monkeypatch.setattr(Argon2id, "derive", mock.Mock(side_effect=MemoryError("not enough")))
    with pytest.raises(DoorwardError, match="not enough"):
        codes.match(GOOD)


def test_no_file_asks_for_more_memory_than_the_service_has(codes: FileCodes, tmp_path: Path) -> None:
    """systemd/doorward-device.service grants 384 MiB, of which the daemon itself needs half: more ends it."""
    codes.add("cleaner", GOOD)
    path = tmp_path / "state" / "codes.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"memory_kib": 64 * 1024 + 1}))
    with pytest.raises(DoorwardError, match="memory_kib"):
        codes.match(GOOD)


async def test_judging_does_not_hold_the_loop(codes: FileCodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash waits for what only the loop can do: were it done on the loop, it would wait for ever."""
    codes.add("cleaner", GOOD)
    loop, turned = asyncio.get_running_loop(), asyncio.Event()
    real = FileCodes.match

    def slow(self: FileCodes, code: str) -> str | None:
        async def turn() -> None:
            turned.set()

        asyncio.run_coroutine_threadsafe(turn(), loop).result(timeout=5)
        return real(self, code)

    monkeypatch.setattr(FileCodes, "match", slow)
    posted: list[Event] = []
    await judge(codes, GOOD, posted.append)
    assert turned.is_set()
    assert posted == [Warned("codes", on=False), CodeJudged("cleaner")]


def test_a_code_that_the_device_chooses_is_one_it_would_take(codes: FileCodes) -> None:
    for number in range(20):
        codes.add(f"c{number}", new_code())


# The commands


def tool(folder: Path, *words: str, given: str | None = None) -> "subprocess.CompletedProcess[str]":
    config = folder / "device.toml"
    config.write_text(
        'identity = "identity"\nstate = "state"\ncontrol_socket = "c"\n[button.flat-1]\n[door.main]\n[keypad]\n'
        'door = "main"\n'
    )
    return subprocess.run(
        [TOOL, "code", *words, "--config", config], input=given, capture_output=True, text=True, check=False,
        timeout=60,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip


def test_codes_are_added_listed_and_removed(tmp_path: Path) -> None:
    added = tool(tmp_path, "add", "cleaner", "--fd", "0", given=GOOD + "\n")
    assert (added.returncode, added.stdout) == (0, "cleaner: added\n")
    made = tool(tmp_path, "add", "post", "--generate")
    code = made.stdout.split()[1]
    assert made.stdout == f"post: {code}\n"
    codes = FileCodes(tmp_path / "state")
    assert (codes.match(GOOD), codes.match(code)) == ("cleaner", "post")
    listed = tool(tmp_path, "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["cleaner", "post"]
    assert GOOD not in listed.stdout
    assert tool(tmp_path, "remove", "cleaner").returncode == 0
    assert codes.match(GOOD) is None


def test_a_code_is_never_an_argument_and_without_a_terminal_says_how_else(tmp_path: Path) -> None:
    assert tool(tmp_path, "add", "cleaner", GOOD).returncode == 2
    done = tool(tmp_path, "add", "cleaner", given="")
    assert done.returncode == 1
    assert "--fd" in done.stderr
    refused = tool(tmp_path, "add", "cleaner", "--fd", "0", given="123456\n")
    assert refused.returncode == 1
    assert "123456" not in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
