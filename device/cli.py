"""`doorward-device`: run, check, press. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration."""

import asyncio
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from device import check as checks
from device import log
from device.adapters.control import ask
from device.config import load_config
from protocol.errors import DoorwardError

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT = "/etc/doorward/device.toml"

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT,
    show_default=True,
    help="The device's configuration.",
)


def one_line_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Our own errors end the command as one line on standard error and their exit code."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except DoorwardError as error:
            click.echo(f"doorward-device: {error}", err=True)
            sys.exit(error.exit_code)

    return wrapped


@click.group()
@click.version_option(package_name="doorward")
def main() -> None:
    """The door station's daemon and its tools."""


@main.command()
@config_option
@click.option("--verbose", is_flag=True, help="Log what would only interest a developer, too.")
@one_line_errors
def run(config_path: Path, verbose: bool) -> None:
    """Run the daemon: button, camera, sound, door."""
    config = load_config(config_path)
    log.set_up(verbose)
    from device import app  # noqa: PLC0415 - the other commands must not pay for the adapters' imports

    try:
        asyncio.run(app.run(config))
    except asyncio.CancelledError:
        return


@main.command()
@config_option
@one_line_errors
def check(config_path: Path) -> None:
    """Try everything the daemon needs, print what is wrong and what to do. Exit code 0 or 1."""
    results = asyncio.run(checks.check(config_path))
    click.echo(checks.table(results))
    sys.exit(0 if all(result.ok for result in results) else 1)


@main.command()
@click.argument("button")
@config_option
@one_line_errors
def press(button: str, config_path: Path) -> None:
    """Press BUTTON of the running daemon, as a visitor would."""
    config = load_config(config_path)
    asyncio.run(ask(Path(config.control_socket), {"do": "press", "button": button}))
    click.echo(f"{button}: pressed")
