"""What the commands share: the site's folder, the passphrase, the clock, and errors as one line."""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import update_wrapper
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, cast

import click

from protocol.errors import DoorwardError, one_line
from provisioning.folder import Keys, SiteFolder
from provisioning.seal import read_passphrase

P = ParamSpec("P")
R = TypeVar("R")

DESCRIPTOR = click.IntRange(0, 2**31 - 1)

LONGEST = 2000
"""Characters of an error: a server or a device may have had a hand in it."""

MAY = click.Choice(["talk", "open", "view"])


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is at work: on which folder, and where the passphrase comes from."""

    folder: SiteFolder
    descriptor: int | None

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def passphrase(self, *, new: bool = False) -> str:
        """Asked for once; twice where it is to be set."""
        return read_passphrase(self.descriptor, lambda: prompt(new=new))

    @contextmanager
    def change(self) -> Iterator[Keys]:
        """The site's keys, and a change of its folder that takes effect whole at the end."""
        passphrase = self.passphrase()
        with self.folder.change():
            yield self.folder.keys(passphrase)  # not before: another command may just have changed them


def prompt(*, new: bool, what: str = "Passphrase", option: str = "--passphrase-fd") -> str:
    """Ask at the terminal, unseen; DoorwardError where there is none."""
    if not sys.stdin.isatty() and not sys.stderr.isatty():
        raise DoorwardError(f"no terminal to ask for the passphrase at; give it with {option}")
    passphrase: str = click.prompt(f"{what} of the site", hide_input=True, confirmation_prompt=new, err=True)
    return passphrase


def command(act: Callable[Concatenate[Operator, P], R]) -> Callable[P, R]:
    """Pass the operator in, and end with one line and the error's exit code where it is one of ours."""

    @click.option(
        "--site",
        "site_folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=".",
        show_default="this folder",
        envvar="DOORWARD_SITE",
        help="The site's folder.",
    )
    @click.option("--passphrase-fd", type=DESCRIPTOR, help="Read the passphrase from this file descriptor.")
    def wrapped(site_folder: Path, passphrase_fd: int | None, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return act(Operator(SiteFolder(site_folder), passphrase_fd), *args, **kwargs)
        except DoorwardError as error:
            say(f"doorward-provision: {one_line(str(error), LONGEST)}")
            sys.exit(error.exit_code)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever read our output has left
            say(f"doorward-provision: {one_line(str(error), LONGEST)}")
            sys.exit(1)

    return cast("Callable[P, R]", update_wrapper(wrapped, act))


def say(text: str) -> None:
    """To the person; standard output is for what is piped on."""
    click.echo(text, err=True)


def changed(devices: list[str]) -> None:
    say(f"new roster for {', '.join(devices)}; `doorward-provision publish` sends it")
