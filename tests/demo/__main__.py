"""`make demo`: ring, see, talk, open: the real programs on simulated hardware.

At a terminal a person plays along; without one a headless Chromium does, and the exit code says how it went.
"""

import argparse
import contextlib
import signal
import sys
from pathlib import Path
from types import FrameType

from protocol.errors import DoorwardError
from tests.demo import person
from tests.demo import terminal as at_terminal
from tests.demo.house import Place, has_network, house, local_network, sound_card, this_machine, two_networks
from tests.harness import chromium, namespaces

INTERRUPTED = 130


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--lan", type=int, default=0, help="1: listen on the network, too")
    parser.add_argument("--folder", type=Path, default=Path("demo-site"), help="where the demonstration keeps its site")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    folder: Path = arguments.folder.resolve()
    try:
        return demonstrate(folder, lan=bool(arguments.lan), terminal=sys.stdin.isatty())
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return INTERRUPTED
    except (DoorwardError, TimeoutError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.exit_code if isinstance(error, DoorwardError) else 1


def demonstrate(folder: Path, *, lan: bool, terminal: bool) -> int:
    """Set the house up in `folder`, let it be played with, and leave nothing running."""
    if not terminal and (why := chromium.missing()):
        raise DoorwardError(f"without a terminal a browser plays the person, and {why}")
    print("Starting the door station …", flush=True)
    with contextlib.ExitStack() as stack:
        place = _place(stack, lan=lan, terminal=terminal)
        sound = stack.enter_context(sound_card(real=terminal))
        running = stack.enter_context(house(folder, place, sound))
        try:
            play = at_terminal.play if terminal else person.play
            return play(running, place, folder)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # one Ctrl-C is enough: let everything be stopped


def _place(stack: contextlib.ExitStack, *, lan: bool, terminal: bool) -> Place:
    if lan:
        return local_network()
    if not terminal and namespaces.missing() is None:
        return two_networks(stack.enter_context(namespaces.network()))
    if not has_network():
        raise DoorwardError("this machine has no network address, and calls need one; connect it to any network")
    return this_machine()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
