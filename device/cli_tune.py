"""`doorward-device tune-audio`: measure the door's own sound, say what to change, and turn the mixer where asked.

Exit codes: 0 measured, and nothing is to be changed; 3 measured, and something is; 1 could not be measured.
"""

import sys
from pathlib import Path

import click

from device.cli import config_option, one_line_errors
from device.config import load_config

TO_BE_CHANGED = 3


@click.command("tune-audio")
@config_option
@click.option("--write", is_flag=True, help="Turn the mixer as advised; never louder than the board's profile allows.")
@one_line_errors
def tune_audio(config_path: Path, write: bool) -> None:
    """Play a sweep at the door, record it there, and say what to change. The daemon must be stopped.

    Exit code 0 if all is well, 3 if something is to be changed, 1 if it could not be measured.
    """
    from device.tune import refuse_beside_a_daemon, tune  # noqa: PLC0415 - numpy and ALSA are this command's alone

    config = load_config(config_path)
    refuse_beside_a_daemon(Path(config.control_socket))
    well = tune(config.sound, write, click.echo)
    sys.exit(0 if well else TO_BE_CHANGED)
