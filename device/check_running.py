"""What `check` can say of a door whose daemon runs, and so has the hardware to itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from device.adapters.control import ask
from device.checked import Result
from device.config import Config
from protocol.errors import DoorwardError
from protocol.messages import Fault

HELD: Mapping[str, Sequence[Fault]] = {
    "panel": ("buttons", "strike", "tamper", "keypad"),
    "sound": ("microphone", "loudspeaker"),
    "camera": ("camera",),
    "state": ("storage",),
}
"""What a running daemon has to itself, and the faults that it shows of each."""

UNTRIED: Mapping[str, str] = {
    "panel": "no fault shown by the running daemon, which has the lines; whether a button is held was not looked at",
    "sound": "no fault shown by the running daemon, which has the sound card; nothing was played",
    "camera": "no fault shown by the running daemon, which has the camera; no picture was taken",
}

STOP_IT = "stop the daemon, check again, and start it afterwards, to have it tried"


async def check_running(config: Config, audible: bool) -> list[Result] | None:
    """What the daemon says of the hardware that it holds; None if there is none to ask."""
    try:
        faults = (await ask(Path(config.control_socket), {"do": "status"}))["faults"]
    except DoorwardError:
        return None  # nobody, or nobody any more: everything can be tried
    rows = []
    for what, parts in HELD.items():
        wrong = [part for part in parts if isinstance(faults, list) and part in faults]
        if wrong:
            seen = f"the running daemon shows a fault: {', '.join(wrong)}"
            rows.append(Result(what, False, seen, "`journalctl -u doorward-device` says what; stop it to see more"))
        elif what in UNTRIED:
            rows.append(Result(what, True, UNTRIED[what], STOP_IT, note=True))
        else:
            rows.append(Result(what, True, "written by the running daemon"))
    if audible:
        seen = "not played: the daemon is running and has the sound card"
        rows.append(Result("loop", False, seen, "stop it, and start it again afterwards"))
    return rows
