"""`server`, `ca`, `roster-key` and `publish`: what leaves the operator's machine, and what its keys are."""

import asyncio
import sys
from pathlib import Path

import click

from protocol.certificates import fingerprint
from protocol.errors import DoorwardError
from provisioning.commands.common import Operator, changed, command, say
from provisioning.devices import pins
from provisioning.house import (
    introduce_ca,
    introduce_roster_key,
    renew_server,
    replace_roster_key,
    retire_ca,
)
from provisioning.publish import Report, publish, publish_offline, serials_held
from provisioning.rosters import REISSUE_DAYS, reissued
from provisioning.server_files import server_files

MOST_BEHIND = 1_000_000
"""A server that names a higher serial is not believed: serials end somewhere."""

NOT_CONFIRMED = 4
"""Exit code of `publish`: the server has everything, but not every device has confirmed it."""


@click.group()
def server() -> None:
    """The signaling server: its certificate and its files."""


@server.command("renew")
@click.option("--host", "hosts", multiple=True, help="Its names and addresses from now on; otherwise those it has.")
@click.option("--page-url", help="Where people open the page from now on.")
@command
def server_renew(operator: Operator, hosts: tuple[str, ...], page_url: str | None) -> None:
    """A new key and certificate for the server; `server files` brings them there."""
    passphrase = operator.passphrase()
    with operator.folder.change():
        authority = operator.folder.authority(passphrase)
        certificate = renew_server(operator.folder, authority, hosts, passphrase, operator.now, page_url)
    say(f"good until {certificate.not_valid_after_utc:%Y-%m-%d}; `server files | ssh SERVER …` brings it there")


@server.command("files")
@click.option("--listen", multiple=True, default=["0.0.0.0"], show_default=True, help="Addresses it listens on.")  # noqa: S104 - a server is there to be reached
@click.option("--state", default="/var/lib/doorward-signaling", show_default=True, help="Where it keeps its state.")
@click.option("--no-settings", is_flag=True, help="Without signaling.toml, where you have changed it on the server.")
@command
def files(operator: Operator, listen: tuple[str, ...], state: str, no_settings: bool) -> None:
    """Print the server's files as a tar archive, key included: pipe it to the server, `tar -x` there."""
    if sys.stdout.isatty():
        raise DoorwardError("the archive holds the server's key: pipe it on, as in `… | ssh SERVER tar -x -C DIR`")
    passphrase = operator.passphrase()
    with operator.folder.change():  # nobody renews the certificate between its reading and its key's
        archive = server_files(operator.folder, passphrase, listen, state, operator.now, settings_too=not no_settings)
    sys.stdout.buffer.write(archive)


@click.group()
def ca() -> None:
    """The CA, and its successor."""


@ca.command("introduce")
@click.option("--within", multiple=True, help="More that it may vouch for: a domain, or a network.")
@command
def ca_introduce(operator: Operator, within: tuple[str, ...]) -> None:
    """Make a second CA, which signs from now on. Then: server files, device renew, server renew, ca retire."""
    with operator.folder.change():
        introduce_ca(operator.folder, within, operator.passphrase(), operator.now)
    say("now bring `server files` to the server, `device renew` each device, `server renew`, and `ca retire`")


@ca.command("pins")
@command
def ca_pins(operator: Operator) -> None:
    """Print the options that make `doorward-device install` believe this site: its CAs and its roster key."""
    click.echo(" ".join(pins(operator.folder)))


@ca.command("retire")
@command
def ca_retire(operator: Operator) -> None:
    """Trust the first CA no longer; refused while a certificate depends on it."""
    with operator.folder.change():
        retire_ca(operator.folder)
    say("now `server files` to the server and `device bundle` to each device: until then they trust the first, too")
    click.echo(f"CA fingerprint {fingerprint(operator.folder.authorities()[-1])}")


@click.group("roster-key")
def roster_key() -> None:
    """The key that signs rosters, and its successor."""


@roster_key.command("introduce")
@command
def roster_key_introduce(operator: Operator) -> None:
    """Make a new roster key, introduced by the old one; `publish` tells everyone."""
    passphrase = operator.passphrase()
    with operator.folder.change():
        keys = operator.folder.keys(passphrase)
        introduce_roster_key(operator.folder, keys, passphrase, operator.now)
    changed(sorted(operator.folder.rosters()))


@roster_key.command("replace")
@command
def roster_key_replace(operator: Operator) -> None:
    """After a theft: a new roster key that the old one does not vouch for. Every device and person starts anew."""
    with operator.folder.change():
        replace_roster_key(operator.folder, operator.passphrase(), operator.now)
    say("now bring `server files` to the server, `device bundle` to each device, and invite everyone again")


@click.command("publish")
@click.option("--offline", type=click.Path(file_okay=False, path_type=Path), help="Write them into this folder.")
@click.option("--wait", "wait_s", type=click.FloatRange(0, 600), default=20.0, show_default=True,
              help="Seconds to wait for the devices' confirmations.")  # fmt: skip
@click.option("--restored", is_flag=True, help="After an older backup: number the rosters above what is held.")
@command
def publish_(operator: Operator, offline: Path | None, wait_s: float, restored: bool) -> None:
    """Send the rosters to the server, and say which device has confirmed its own.

    Exit code 0: all have; 4: the server has them, but a device has not confirmed.
    """
    passphrase = operator.passphrase()
    held: dict[str, int] = {}
    if restored:
        held = asyncio.run(serials_held(operator.folder, operator.folder.authority(passphrase), operator.now))
    with operator.folder.change():
        keys = operator.folder.keys(passphrase)
        for device, signed in operator.folder.rosters().items():
            left = (signed.roster.expires - operator.now.timestamp()) / 86400
            behind = held.get(device, 0) >= signed.roster.serial
            if behind or (left < REISSUE_DAYS and signed.roster.fingerprints):
                new = reissued(
                    signed.roster, operator.now, min(held.get(device, 0), signed.roster.serial + MOST_BEHIND)
                )
                operator.folder.write_roster(new, keys.roster_key)
    if offline is not None:
        for path in publish_offline(operator.folder, offline):
            click.echo(str(path))
        return
    reports = asyncio.run(publish(operator.folder, keys.authority, operator.now, wait_s))
    present = set(operator.folder.devices())
    for report in reports:
        click.echo(_line(report, report.device in present))
    if any(not report.confirmed for report in reports if report.device in present):
        sys.exit(NOT_CONFIRMED)


def _line(report: Report, present: bool) -> str:
    if not present:
        return f"{report.device}: roster {report.serial} published; the device was removed"
    state = "confirmed by the device" if report.confirmed else (
        "not confirmed yet" if report.online else "not confirmed: the server says that the device is not connected"
    )  # fmt: skip
    return f"{report.device}: roster {report.serial} published; {state}"
