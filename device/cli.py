"""`doorward-device`: the daemon and its tools.

Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration, identity or bundle (starting again does not help:
a bad read is a 1); `needs-renewal` ends with 0 if something needs renewal and 3 if nothing does, `tune-audio` with 3 if
something is to be changed at the door.

The service manager's own two commands are here and import next to nothing: an open strike, or a button that waits to be
armed, must not wait for a cryptography library. Everything else is in `device.commands`.
"""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

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
    envvar="DOORWARD_DEVICE_CONFIG",
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


class _Lazy(click.Group):
    """Commands of its own at once; those of `device.commands` are imported when one of them is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_tools().list_commands(ctx)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or _tools().get_command(ctx, cmd_name)


def _tools() -> click.Group:
    from device.commands import tools  # noqa: PLC0415 - heavy

    return tools


@click.group(cls=_Lazy)
@click.version_option(package_name="doorward")
def main() -> None:
    """The door station's daemon and its tools."""


@main.command("lower-strikes")
@config_option
@one_line_errors
def lower_strikes(config_path: Path) -> None:
    """Drive every strike's line low, whatever a daemon that was killed left there. Run by the service manager."""
    from device.strikes import lower  # noqa: PLC0415 - likewise

    for line in lower(config_path):
        click.echo(line)


@main.command("raise-clock")
@config_option
@one_line_errors
def raise_clock(config_path: Path) -> None:
    """Set the system clock to the newest time that can be known, if it is behind. Needs CAP_SYS_TIME."""
    from device.clock import raise_system_clock  # noqa: PLC0415 - likewise

    click.echo(raise_system_clock(config_path))
