"""The tools beside the daemon, and the daemon's own command; `device.cli` finds them here when they are asked for."""

import asyncio
import json
import sys
from pathlib import Path

import click

from device import check as checks
from device import enrol, log
from device.adapters.control import ask
from device.adapters.metrics import Metrics
from device.boards import board_lines
from device.cli import config_option, one_line_errors
from device.cli_codes import codes
from device.cli_tune import tune_audio
from device.config import load_config
from device.first_boot import first_boot
from device.panel_config import wired
from device.pins import boot_lines, pin_table
from device.rosters import ROSTER_LIMIT, give_roster, successors
from protocol.bundle import LIMIT as BUNDLE_LIMIT
from protocol.errors import DoorwardError

NOTHING_DUE = 3
"""Exit code of `needs-renewal`: not 1, which a program that fails ends with."""

tools = click.Group()
tools.add_command(codes)
tools.add_command(tune_audio)


@tools.command()
@config_option
@click.option("--verbose", is_flag=True, help="Log what would only interest a developer, too.")
@one_line_errors
def run(config_path: Path, verbose: bool) -> None:
    """Run the daemon: button, camera, sound, door."""
    config = load_config(config_path)
    counted = Metrics()
    log.set_up(counted.count, verbose)
    # The other commands must not pay for these imports.
    import uvloop  # noqa: PLC0415

    from device import app  # noqa: PLC0415

    try:
        uvloop.run(app.run(config, counted))
    except asyncio.CancelledError:
        return


@tools.command()
@config_option
@click.option("--audible", is_flag=True, help="Play a sweep at the door, and listen for it.")
@one_line_errors
def check(config_path: Path, audible: bool) -> None:
    """Try everything the daemon needs, print what is wrong and what to do. Exit code 0 or 1. No door is released.

    What a running daemon holds is asked of it; stop it first to have everything tried.
    """
    results = asyncio.run(checks.check(config_path, audible))
    click.echo(checks.table(results))
    sys.exit(0 if all(result.ok for result in results) else 1)


@tools.command()
@click.argument("button")
@config_option
@one_line_errors
def press(button: str, config_path: Path) -> None:
    """Press BUTTON of the running daemon, as a visitor would."""
    config = load_config(config_path)
    asyncio.run(ask(Path(config.control_socket), {"do": "press", "button": button}))
    click.echo(f"{button}: pressed")


@tools.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--wait", "wait_s", type=float, default=0.0, help="Seconds to wait for a daemon that is starting.")
@one_line_errors
def status(config_path: Path, as_json: bool, wait_s: float) -> None:
    """How the running daemon stands: connections, faults, roster, certificate."""
    said = asyncio.run(ask(Path(load_config(config_path).control_socket), {"do": "status"}, wait_s))
    said.pop("ok")
    if as_json:
        click.echo(json.dumps(said))
        return
    for name, value in said.items():
        shown = ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
        click.echo(f"{name.replace('_', ' '):<22} {shown}")


@tools.command()
@config_option
@one_line_errors
def restart(config_path: Path) -> None:
    """Have the running daemon start anew as soon as nobody is at the door. The service manager starts it."""
    asyncio.run(ask(Path(load_config(config_path).control_socket), {"do": "restart"}))
    click.echo("the daemon starts anew as soon as nobody is at the door")


@tools.command()
def rollback() -> None:
    """Return to the version before, which stays on the disk (root; only where a Debian package was installed)."""
    raise click.ClickException("this was not installed as a Debian package, which keeps the version before")


@tools.command()
@config_option
@one_line_errors
def metrics(config_path: Path) -> None:
    """What the running daemon has counted, in Prometheus' text format (for a textfile collector)."""
    said = asyncio.run(ask(Path(load_config(config_path).control_socket), {"do": "metrics"}))
    click.echo(said["metrics"], nl=False)


@tools.command()
@config_option
@one_line_errors
def roster(config_path: Path) -> None:
    """Give the running daemon the roster on standard input, as `publish --offline` wrote it."""
    serial = asyncio.run(give_roster(Path(load_config(config_path).control_socket), sys.stdin.read(ROSTER_LIMIT)))
    click.echo(f"roster {serial} is in force")


@tools.command()
@config_option
@click.option("--device", help="The device's id; needed until it is installed.")
@click.option("--new", is_flag=True, help="Another key: the present one stays until its bundle is there.")
@one_line_errors
def keygen(config_path: Path, device: str | None, new: bool) -> None:
    """Make this device's key, which never leaves it, and print the request that the operator signs."""
    click.echo(enrol.keygen(_identity_folder(config_path), device, new=new), nl=False)


@tools.command()
@config_option
@click.option("--ca-fingerprint", "pins", multiple=True, help="SHA-256 of a CA to trust.")
@click.option("--roster-key", help="Thumbprint of the roster key to believe.")
@one_line_errors
def install(config_path: Path, pins: tuple[str, ...], roster_key: str | None) -> None:
    """Verify the bundle on standard input and make it this device's identity, whole or not at all.

    A first bundle must be pinned; `doorward-provision ca pins` prints how.
    """
    config = load_config(config_path)
    given = enrol.Pins(pins, roster_key)
    bundle = sys.stdin.buffer.read(BUNDLE_LIMIT + 1)
    installed = enrol.install(Path(config.identity), bundle, given, successors(config))
    click.echo(f"this is {installed.site}/{installed.device}, certificate {installed.fingerprint}")
    if not Path(config.control_socket).exists():
        return  # the daemon is not running: it will start with the new identity
    try:
        asyncio.run(ask(Path(config.control_socket), {"do": "restart"}))
    except DoorwardError as error:
        click.echo(f"if the daemon runs, restart it: {error}", err=True)
        return
    click.echo("the daemon starts anew as soon as nobody is at the door")


@tools.command("first-boot")
@config_option
@click.option("--boot", type=click.Path(file_okay=False, path_type=Path), default="/boot/firmware", show_default=True)
@one_line_errors
def first_boot_(config_path: Path, boot: Path) -> None:
    """Take in what the operator left in the folder `doorward` of the boot partition; see docs/provisioning.md."""
    config = load_config(config_path)
    for line in first_boot(Path(config.identity), boot, successors(config)):
        click.echo(line)


@tools.command()
@config_option
@click.option("--config-txt", is_flag=True, help="As lines for the boot loader's config.txt.")
@one_line_errors
def pins(config_path: Path, config_txt: bool) -> None:
    """Which line of the header is what, in this configuration."""
    config = load_config(config_path)
    found = wired(config)
    board = "" if config.sound.board is None else board_lines(config.sound.board)
    click.echo(board + boot_lines(found) if config_txt else pin_table(found), nl=False)


@tools.command("needs-renewal")
@config_option
@one_line_errors
def needs_renewal(config_path: Path) -> None:
    """Whether certificate or roster end soon: exit code 0 if so, 3 if not; any other: could not tell. For timers."""
    due = checks.due(load_config(config_path))
    for line in due:
        click.echo(line)
    sys.exit(0 if due else NOTHING_DUE)


def _identity_folder(config_path: Path) -> Path:
    return Path(load_config(config_path).identity)
