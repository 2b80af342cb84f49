"""`doorward-signaling`: run, page. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration."""

import logging
import re
import sys
from pathlib import Path

import click
import structlog
import uvloop

from protocol.errors import DoorwardError
from signaling import app
from signaling.adapters.page import servers
from signaling.adapters.static_page import HEADERS, SNIPPETS, write_page
from signaling.config import load_config

SERVER = re.compile(r"wss://([a-z0-9.-]+|\[[0-9a-f:.]+\]):[0-9]{1,5}")


@click.group()
@click.version_option(package_name="doorward")
def main() -> None:
    """The signaling server: serves the page, and relays what it cannot read."""


@main.command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default="/etc/doorward-signaling/signaling.toml",
    show_default=True,
    help="The server's configuration.",
)
def run(config_path: Path) -> None:
    """Serve the page and the WebSocket endpoints."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    try:
        uvloop.run(app.run(load_config(config_path)))
    except DoorwardError as error:
        click.echo(f"doorward-signaling: {error}", err=True)
        sys.exit(error.exit_code)


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--connect", "named", multiple=True, metavar="wss://HOST:PORT", help="A server that the page may reach.")
@click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Take the servers from this configuration.",
)
def page(folder: Path, named: tuple[str, ...], config_path: Path | None) -> None:
    """Write the page to DIR, for a web server of its own.

    That is the secure installation: whoever takes over the signaling server cannot serve another page then.
    """
    for server in named:
        if SERVER.fullmatch(server) is None:
            raise click.BadParameter(f"{server!r} is not wss://HOST:PORT, in lower case", param_hint="--connect")
    try:
        config = load_config(config_path) if config_path else None
        connect = list(dict.fromkeys([*named, *(servers(config) if config else [])]))
        if not connect:
            raise click.UsageError("name at least one server with --connect, or a configuration with --config")
        write_page(folder, connect)
    except DoorwardError as error:
        click.echo(f"doorward-signaling: {error}", err=True)
        sys.exit(error.exit_code)
    click.echo(f"{folder}: the page, which may connect to {', '.join(connect)}")
    click.echo(
        f"Serve it over https under a host name that is not in the signaling server's certificate, with the headers of "
        f"{HEADERS} ({', '.join(SNIPPETS)} are for those servers). index.html holds the policy as well, for hosts that "
        f"set no headers; only frame-ancestors means nothing there, so the page itself refuses to run in a frame."
    )
    if config is None or not config.people.origins:
        click.echo("In the signaling server's configuration, people.origins must name the page's origin.")
