"""`answerer`: who is behind the door."""

import io
import sys
from pathlib import Path
from typing import cast

import click
import segno

from protocol.errors import DoorwardError
from protocol.messages import May
from provisioning.commands.common import MAY, Operator, changed, command, say
from provisioning.files import write_file
from provisioning.people import devices_of, grant, invite, remove_answerer


@click.group()
def answerer() -> None:
    """People: invited, given rights, removed."""


@answerer.command("invite")
@click.argument("name")
@click.option("--label", help="The person's name as the others see it.")
@click.option("--device", "devices", multiple=True, required=True, help="A device they belong to, or several.")
@click.option("--button", "buttons", multiple=True, help="A button that rings them.")
@click.option("--may", help="talk, open, view: separated by commas. Needed for somebody new.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="A file for the QR code, a secret too.")
@command
def answerer_invite(
    operator: Operator,
    name: str,
    label: str | None,
    devices: tuple[str, ...],
    buttons: tuple[str, ...],
    may: str | None,
    svg: Path | None,
) -> None:
    """Invite NAME, or a further phone of theirs. The link is printed once; whoever has it is NAME."""
    if svg is not None and svg.resolve().is_relative_to(operator.folder.path.resolve()):
        raise DoorwardError(f"{svg}: is in the site's folder, which keeps no invitations; write it elsewhere")
    with operator.change() as keys:
        invited = invite(operator.folder, keys, name, label, devices, buttons, rights(may) or [], operator.now)
    click.echo(invited.link)  # before all else: it is the only one
    code = drawn(invited.link)
    if code is not None and sys.stdout.isatty():
        code.terminal(compact=True)
    say(f"key {invited.key}: hand the link over by a way that nobody else reads; it is not kept here")
    changed(list(devices))
    if svg is not None and code is not None:
        drawing = io.BytesIO()
        code.save(drawing, kind="svg", scale=4, xmldecl=True)
        write_file(svg, drawing.getvalue().decode(), secret=True)


def drawn(link: str) -> segno.QRCode | None:
    """Its QR code, if it fits into one."""
    try:
        return segno.make_qr(link, error="l")
    except segno.DataOverflowError:
        say("the link is too long for a QR code: invite for fewer devices at a time to get one")
        return None


@answerer.command("grant")
@click.argument("name")
@click.option("--device", "devices", multiple=True, help="Only there; otherwise wherever they are known.")
@click.option("--button", "buttons", multiple=True, help="A further button that rings them.")
@click.option("--may", help="talk, open, view: separated by commas; they replace what was granted.")
@command
def answerer_grant(
    operator: Operator, name: str, devices: tuple[str, ...], buttons: tuple[str, ...], may: str | None
) -> None:
    """Change what NAME may do, or which buttons ring them."""
    with operator.change() as keys:
        changed(grant(operator.folder, keys, name, devices, buttons, rights(may), operator.now))


@answerer.command("remove")
@click.argument("name")
@click.option("--device", "devices", multiple=True, help="Only there; otherwise everywhere.")
@click.option("--key", help="Only this key: one lost phone of several.")
@command
def answerer_remove(operator: Operator, name: str, devices: tuple[str, ...], key: str | None) -> None:
    """NAME belongs to the house no longer. Publish at once."""
    with operator.change() as keys:
        devices_of(operator.folder, name)
        changed(remove_answerer(operator.folder, keys, name, devices, key, operator.now))


def rights(words: str | None) -> list[May] | None:
    """`talk,open,view` as a list; DoorwardError names a word that is none of them."""
    if words is None:
        return None
    named = [word.strip() for word in words.split(",") if word.strip()]
    for word in named:
        if word not in MAY.choices:
            raise DoorwardError(f"--may {word}: is none of {', '.join(MAY.choices)}")
    return cast("list[May]", list(dict.fromkeys(named)))
