"""`doorward-device code`: the keypad's codes. A code is asked for or read, and never an argument: all can see those."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from device.cli import config_option, one_line_errors
from device.codes import LONGEST, FileCodes, new_code
from device.config import load_config
from device.owner import as_owner
from protocol.errors import DoorwardError


@click.group("code")
def codes() -> None:
    """The keypad's codes: kept on this device as hashes, and nowhere else."""


@codes.command()
@click.argument("name")
@config_option
@click.option("--fd", type=click.IntRange(0), help="Read the code from this file descriptor.")
@click.option("--generate", is_flag=True, help="Let the device choose eight digits, and print them once.")
@one_line_errors
def add(name: str, config_path: Path, fd: int | None, generate: bool) -> None:
    """Add a code for NAME, such as a person or a service; the running daemon takes it from now on."""
    state = Path(load_config(config_path).state)
    code = new_code() if generate else _read(fd)
    with as_owner(state):
        FileCodes(state).add(name, code)
    click.echo(f"{name}: {code}" if generate else f"{name}: added")


@codes.command("list")
@config_option
@one_line_errors
def list_(config_path: Path) -> None:
    """Whose codes there are, and since when."""
    state = Path(load_config(config_path).state)
    with as_owner(state):
        for name, added in FileCodes(state).names():
            click.echo(f"{name:<32} since {datetime.fromtimestamp(added, UTC):%Y-%m-%d}")


@codes.command()
@click.argument("name")
@config_option
@one_line_errors
def remove(name: str, config_path: Path) -> None:
    """Forget NAME's code; from now on it opens nothing."""
    state = Path(load_config(config_path).state)
    with as_owner(state):
        FileCodes(state).remove(name)
    click.echo(f"{name}: removed")


def _read(fd: int | None) -> str:
    """The code: from a descriptor, or asked for twice, unseen."""
    if fd is not None:
        try:
            with os.fdopen(fd, encoding="utf-8", closefd=False) as stream:
                return stream.readline(LONGEST + 2).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DoorwardError(f"--fd {fd}: cannot be read: {error}") from error
    if not sys.stdin.isatty():
        raise DoorwardError("no terminal to ask for the code at; give it with --fd, or use --generate")
    code: str = click.prompt("Code", hide_input=True, confirmation_prompt=True, err=True)
    return code
