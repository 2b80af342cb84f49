"""The log: one JSON object a line, and before it what journald files it under, where journald reads."""

import json
import os
import subprocess
import sys
from pathlib import Path

SAYS = """
import structlog
from device import log
log.set_up(lambda _, __, line: line)
structlog.get_logger().critical("strike-stuck", door="main")
"""


def said(folder: Path, **environment: str) -> str:
    out = folder / "out"
    with out.open("wb") as file:
        stream = os.fstat(file.fileno())
        named = {name: value.format(stream=f"{stream.st_dev}:{stream.st_ino}") for name, value in environment.items()}
        subprocess.run([sys.executable, "-c", SAYS], stdout=file, env={**os.environ, **named}, check=True)
    return out.read_text()


def test_the_journal_is_told_what_is_critical(tmp_path: Path) -> None:
    line = said(tmp_path, JOURNAL_STREAM="{stream}")
    assert line.startswith("<2>{")
    assert json.loads(line.removeprefix("<2>"))["event"] == "strike-stuck"


def test_another_reader_gets_json_alone(tmp_path: Path) -> None:
    """A service manager's stream that is not our output any more: somebody has put a pipe in its place."""
    assert json.loads(said(tmp_path, JOURNAL_STREAM="8:1"))["level"] == "critical"
