"""`doorward-provision`: the site operator's tool.

Exit codes: 0 done, 1 failed, 2 wrong usage, 4 published but not confirmed, 78 wrong files or passphrase;
`needs-renewal` ends with 0 if something needs renewal and 3 if nothing does.
"""

import secrets
import sys
from pathlib import Path

import click

from protocol.errors import DoorwardError
from provisioning.commands.answerer import answerer
from provisioning.commands.device import button, device, door
from provisioning.commands.server import ca, publish_, roster_key, server
from provisioning.commands.site import needs_renewal, site
from provisioning.site import DevicePlan, Site, SitePlan, take_up_site

PORT = click.IntRange(1, 65535)

DEMO_DEVICE = "front-door"
DEMO_BUTTON = "flat-1"
DEMO_DOOR = "main"
DEMO_PERSON = "alice"


@click.group()
@click.version_option(package_name="doorward")
def main() -> None:
    """Say who belongs to a site: certificates, rosters, invitations."""


for part in (site, device, button, door, answerer, server, ca, roster_key, publish_, needs_renewal):
    main.add_command(part)


@main.command("demo-site")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--host", "hosts", multiple=True, default=["localhost"], show_default=True, help="The server's names.")
@click.option("--listen", multiple=True, default=["127.0.0.1"], show_default=True, help="Addresses it listens on.")
@click.option("--people-port", type=PORT, default=8443, show_default=True, help="Where the page is.")
@click.option("--devices-port", type=PORT, default=8444, show_default=True, help="Where devices connect.")
def demo_site(
    folder: Path, hosts: tuple[str, ...], listen: tuple[str, ...], people_port: int, devices_port: int
) -> None:
    """Make a demonstration site in FOLDER, or renew the one that is there. Its keys lie there unencrypted."""
    try:
        made = make_demo_site(folder, hosts, listen, people_port, devices_port)
    except DoorwardError as error:
        click.echo(f"doorward-provision: {error}", err=True)
        sys.exit(error.exit_code)
    click.echo(f"{folder}: site {made.plan.site!r}, for demonstration: its keys are not encrypted", err=True)
    click.echo(made.invitation(DEMO_PERSON))


def make_demo_site(
    folder: Path,
    hosts: tuple[str, ...] = ("localhost",),
    listen: tuple[str, ...] = ("127.0.0.1",),
    people_port: int = 8443,
    devices_port: int = 8444,
) -> Site:
    """One door with one button, one strike and one person; the site's name is random, as browsers pin its key."""
    plan = SitePlan(
        site=f"demo-{secrets.token_hex(3)}",
        hosts=hosts,
        devices={DEMO_DEVICE: DevicePlan({DEMO_BUTTON: ("Flat 1", [DEMO_PERSON])}, {DEMO_DOOR: "Street door"})},
        people={DEMO_PERSON: ("Alice", ["talk", "open", "view"])},
        devices_port=devices_port,
        people_port=people_port,
        listen=listen,
    )
    return take_up_site(folder, plan)
