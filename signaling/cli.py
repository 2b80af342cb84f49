"""`doorward-signaling`: run. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration."""

import logging
import sys
from pathlib import Path

import click
import structlog
import uvloop

from protocol.errors import DoorwardError
from signaling import app
from signaling.config import load_config


@click.group()
@click.version_option(package_name="doorward")
def main() -> None:
    """The signaling server: serves the page, and relays what it cannot read."""


@main.command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default="/etc/doorward/signaling.toml",
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
