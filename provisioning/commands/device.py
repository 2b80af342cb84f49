"""`device`, `button` and `door`: who stands at the street, and what is screwed to it."""

import shlex
import subprocess
import sys
from collections.abc import Sequence

import click

from protocol.errors import DoorwardError
from provisioning.commands.common import Operator, changed, command, say
from provisioning.devices import (
    REQUEST_LIMIT,
    bundle_of,
    bundle_text,
    pins,
    remove_device,
    renew_device,
    revise,
    settle_device,
    sign_device,
)
from provisioning.folder import SiteFolder
from provisioning.rosters import with_button, with_door, without_button, without_door

SSH_S = 120


@click.group()
def device() -> None:
    """Door stations: signed, renewed, removed."""


@device.command()
@click.argument("name")
@command
def sign(operator: Operator, name: str) -> None:
    """Sign the request on standard input for the new device NAME, and print its bundle."""
    request = sys.stdin.buffer.read(REQUEST_LIMIT + 1)
    with operator.change() as keys:
        bundle = sign_device(operator.folder, keys, name, request, operator.now)
    click.echo(bundle_text(bundle))
    _pin(operator.folder)


@device.command()
@click.argument("name")
@command
def bundle(operator: Operator, name: str) -> None:
    """Print the bundle of the device NAME again, with the newest roster and CAs."""
    click.echo(bundle_text(bundle_of(operator.folder, name)))
    _pin(operator.folder)


@device.command()
@click.argument("host")
@click.option("--device", "name", required=True, help="The device's id.")
@click.option("--ssh", "program", default="ssh", show_default=True, help="The ssh command.")
@click.option("--sudo/--no-sudo", default=True, show_default=True, help="Become root there.")
@command
def enroll(operator: Operator, host: str, name: str, program: str, sudo: bool) -> None:
    """Make a key at HOST, sign it, and install the bundle there, over ssh."""
    remote = [*shlex.split(program), host, "--", *(["sudo"] if sudo else []), "doorward-device"]
    request = _ssh(host, [*remote, "keygen", "--device", name], b"")
    with operator.change() as keys:
        new = name not in operator.folder.devices()
        made = (sign_device if new else renew_device)(operator.folder, keys, name, request, operator.now)
    _ssh(host, [*remote, "install", *pins(operator.folder)], bundle_text(made).encode())
    say(f"{host}: is {name} now; `doorward-provision publish` tells the server")
    if not new:
        say(f"{name} was known: its former certificate stays good until `device settle {name}`")


@device.command()
@click.argument("name")
@click.option("--new-key", is_flag=True, help="For the new key whose request is on standard input.")
@command
def renew(operator: Operator, name: str, new_key: bool) -> None:
    """Print a bundle with a new certificate for NAME. The old one stays good until `device settle`."""
    request = sys.stdin.buffer.read(REQUEST_LIMIT + 1) if new_key else None
    with operator.change() as keys:
        renewed = renew_device(operator.folder, keys, name, request, operator.now)
    click.echo(bundle_text(renewed))
    say("publish first, then install the bundle; when `doorward-device status` shows the new certificate there,")
    say(f"`device settle {name}` ends the old one")


@device.command()
@click.argument("name")
@command
def settle(operator: Operator, name: str) -> None:
    """End a renewal of NAME: only its newest certificate is good."""
    with operator.change() as keys:
        settle_device(operator.folder, keys, name, operator.now)
    changed([name])


@device.command()
@click.argument("name")
@command
def remove(operator: Operator, name: str) -> None:
    """NAME is retired, lost or stolen: no certificate of it is good any more."""
    with operator.change() as keys:
        remove_device(operator.folder, keys, name, operator.now)
    changed([name])


@click.group()
def button() -> None:
    """Call buttons: whom they ring."""


@button.command("set")
@click.argument("device_name", metavar="DEVICE")
@click.argument("name", metavar="BUTTON")
@click.option("--label", help="What stands beside it.")
@click.option("--rings", help="Answerers, separated by commas; they replace those it rang.")
@command
def button_set(operator: Operator, device_name: str, name: str, label: str | None, rings: str | None) -> None:
    """Make or change BUTTON of DEVICE."""
    people = None if rings is None else [one for one in rings.split(",") if one]
    with operator.change() as keys:
        revise(
            operator.folder, keys.roster_key, device_name,
            lambda roster: with_button(roster, name, label, people), operator.now,
        )  # fmt: skip
    changed([device_name])


@button.command("remove")
@click.argument("device_name", metavar="DEVICE")
@click.argument("name", metavar="BUTTON")
@command
def button_remove(operator: Operator, device_name: str, name: str) -> None:
    """BUTTON rings nobody any more."""
    with operator.change() as keys:
        revise(operator.folder, keys.roster_key, device_name, lambda roster: without_button(roster, name), operator.now)
    changed([device_name])


@click.group()
def door() -> None:
    """Doors that a device can open."""


@door.command("set")
@click.argument("device_name", metavar="DEVICE")
@click.argument("name", metavar="DOOR")
@click.option("--label", help="What it is called on the page.")
@command
def door_set(operator: Operator, device_name: str, name: str, label: str | None) -> None:
    """Make or change DOOR of DEVICE."""
    with operator.change() as keys:
        revise(
            operator.folder, keys.roster_key, device_name, lambda roster: with_door(roster, name, label), operator.now
        )
    changed([device_name])


@door.command("remove")
@click.argument("device_name", metavar="DEVICE")
@click.argument("name", metavar="DOOR")
@command
def door_remove(operator: Operator, device_name: str, name: str) -> None:
    """DOOR is opened by nobody any more."""
    with operator.change() as keys:
        revise(operator.folder, keys.roster_key, device_name, lambda roster: without_door(roster, name), operator.now)
    changed([device_name])


def _pin(folder: SiteFolder) -> None:
    say(f"install it with: doorward-device install {' '.join(pins(folder))}")


def _ssh(host: str, remote: Sequence[str], data: bytes) -> bytes:
    """What the remote command printed; DoorwardError with its own words if it failed."""
    try:
        done = subprocess.run(remote, input=data, capture_output=True, timeout=SSH_S, check=False)  # noqa: S603 - the operator's own ssh
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DoorwardError(f"{host}: {remote[0]}: {error}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise DoorwardError(f"{host}: exit code {done.returncode}: {said[-1] if said else 'said nothing'}")
    return done.stdout
