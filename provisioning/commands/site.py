"""`site`: made, shown, backed up; and `needs-renewal`."""

import sys
from pathlib import Path

import click

from protocol.codec import encode
from protocol.errors import ConfigError
from provisioning.commands.common import DESCRIPTOR, Operator, command, prompt, say
from provisioning.house import change_passphrase, export_site, import_site, init_site, write_export
from provisioning.overview import as_text, expiries, overview
from provisioning.seal import NEW_CREDENTIAL, read_passphrase

NOTHING_DUE = 3
"""Exit code of `needs-renewal`: not 1, which a program that fails ends with."""

PORT = click.IntRange(1, 65535)
FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def site() -> None:
    """The site as a whole: its folder, its keys, its backup."""


@site.command()
@click.argument("name")
@click.option("--host", "hosts", multiple=True, required=True, help="The server's name or address, or several.")
@click.option("--within", multiple=True, help="More that the CA may vouch for: a domain or network.")
@click.option("--devices-port", type=PORT, default=8444, show_default=True)
@click.option("--people-port", type=PORT, default=8443, show_default=True)
@click.option("--page-url", help="Where people open the page, if it is not served by the signaling server.")
@command
def init(
    operator: Operator,
    name: str,
    hosts: tuple[str, ...],
    within: tuple[str, ...],
    devices_port: int,
    people_port: int,
    page_url: str | None,
) -> None:
    """Make the site NAME: a CA and a roster key, sealed with a passphrase, and the server's certificate."""
    init_site(
        operator.folder,
        name,
        hosts,
        within,
        operator.passphrase(new=True),
        operator.now,
        devices_port=devices_port,
        people_port=people_port,
        page_url=page_url,
    )
    say(f"{operator.folder.path}: site {name!r} made; without the passphrase nobody can change it, you included")
    click.echo(f"CA fingerprint {overview(operator.folder, operator.now).ca_fingerprints[0]}")


@site.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@command
def show(operator: Operator, as_json: bool) -> None:
    """Who exists, who may do what, what expires when. Needs no passphrase."""
    view = overview(operator.folder, operator.now)
    click.echo(encode(view) if as_json else as_text(view))


@site.command()
@click.argument("file", type=FILE)
@command
def export(operator: Operator, file: Path) -> None:
    """Back the whole site up into FILE, sealed with its passphrase."""
    write_export(file, export_site(operator.folder, operator.passphrase()))
    say(f"{file}: the whole site; keep it elsewhere, and the passphrase in yet another place")


@site.command("import")
@click.argument("file", type=FILE)
@command
def import_(operator: Operator, file: Path) -> None:
    """Take the backup FILE up again in the folder of --site, which must be empty."""
    try:
        sealed = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    folder = import_site(operator.folder.path, sealed, operator.passphrase(), str(file))
    say(f"{folder.path}: site {folder.record().site!r} is back")


@site.command()
@click.option("--new-passphrase-fd", type=DESCRIPTOR, help="Read the new passphrase from this file descriptor.")
@command
def passphrase(operator: Operator, new_passphrase_fd: int | None) -> None:
    """Seal the site's keys with another passphrase."""
    old = operator.passphrase()
    new = read_passphrase(new_passphrase_fd, _another, NEW_CREDENTIAL)
    with operator.folder.change():
        change_passphrase(operator.folder, old, new)
    say("the passphrase was changed; older backups keep the old one")


@click.command("needs-renewal")
@command
def needs_renewal(operator: Operator) -> None:
    """Whether anything needs renewal soon: exit code 0 if so, 3 if nothing does; any other: could not tell.

    For timers: `doorward-provision needs-renewal && …`.
    """
    due = [expiry for expiry in expiries(operator.folder, operator.now) if expiry.due]
    for expiry in due:
        click.echo(f"{expiry.what}: ends {expiry.ends} ({expiry.days:.0f} days) → {expiry.remedy}")
    sys.exit(0 if due else NOTHING_DUE)


def _another() -> str:
    return prompt(new=True, what="New passphrase", option="--new-passphrase-fd")
