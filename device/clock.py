"""The system clock, raised to what can be known at boot: a Pi has none that runs without power.

Runs before the daemon, so it is quick where it can be: what a file claims is verified only if it would move the clock.
"""

import json
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from device.build import built
from device.saved_time import saved_time
from protocol.errors import ConfigError, DoorwardError, PeerError
from protocol.ids import unb64url

TOLERANCE_S = 1.0


def _set(utc: float) -> None:
    time.clock_settime(time.CLOCK_REALTIME, utc)


def raise_system_clock(
    config_path: Path, system: Callable[[], float] = time.time, set_system: Callable[[float], None] = _set
) -> str:
    """Set the clock to the newest of build, saved time and roster if it is behind; what was done, a sentence.

    DoorwardError if it must be set and may not be.
    """
    state = _state_folder(config_path)
    known = max((built(), "this program was built"), (saved_time(state), "the time was last saved"))
    now = system()
    if saved_time(state) == 0 or _claimed(state) > max(now, known[0]):
        known = max(known, (_roster_issued(config_path), "the roster was issued"))
    newest, why = known
    if newest <= now + TOLERANCE_S:
        return f"the clock is right, as far as can be known: {_shown(now)}"
    try:
        set_system(newest)
    except OSError as error:
        raise DoorwardError(f"clock: {_shown(now)} is in the past, and it cannot be set: {error.strerror}") from error
    return f"the clock was raised from {_shown(now)} to {_shown(newest)}, when {why}"


def _state_folder(config_path: Path) -> Path:
    try:
        config = tomllib.loads(config_path.read_text(encoding="utf-8"))
        return config_path.resolve().parent / str(config["state"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{config_path}: cannot tell where the state is: {error!r}; `check` says more") from error


def _claimed(state: Path) -> float:
    """When the kept roster says it was issued; nothing of it is verified. 0 if there is none."""
    try:
        payload = (state / "roster.jws").read_text(encoding="ascii").split()[-1].split(".")[1]
        return float(json.loads(unb64url(payload))["issued"])
    except (OSError, ValueError, LookupError, TypeError, PeerError):
        return 0.0


def _roster_issued(config_path: Path) -> float:
    """When the newest roster that holds was issued; 0 if there is no identity to hold it to."""
    from device.config import load_config  # noqa: PLC0415 - heavy, and seldom needed
    from device.identity import current_identity  # noqa: PLC0415 - likewise
    from device.rosters import newest_roster  # noqa: PLC0415 - likewise

    config = load_config(config_path)
    try:
        identity = current_identity(Path(config.identity))
    except ConfigError:
        return 0.0
    return float(newest_roster(Path(config.state), identity).roster.issued)


def _shown(utc: float) -> str:
    return datetime.fromtimestamp(utc, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
