"""Rosters besides the server: what the card kept and the bundle brought, and what comes over ssh or on a USB stick."""

import asyncio
import hashlib
from pathlib import Path

import structlog

from device.adapters.control import ask
from device.adapters.store import Clock, FileStore
from device.config import Config
from device.core.authority import Authority
from device.identity import DeviceIdentity, current_identity
from protocol.errors import ConfigError, DoorwardError, PeerError
from protocol.ids import b64url
from protocol.jws import payload_of
from protocol.keys import Jwk
from protocol.roster import SignedRoster, verify_roster
from protocol.roster_key import LONGEST_CHAIN, Pinned, follow_all

ROSTER_LIMIT = (LONGEST_CHAIN + 1) * 12 * 1024
"""Characters of a roster file: successions of the roster key, and the roster last, a line each."""

TAKEN_S = 5.0

log = structlog.get_logger()


def successors(config: Config) -> list[Jwk]:
    """The roster keys that this device has followed since its bundle, the newest last; none without an identity."""
    try:
        identity = current_identity(Path(config.identity))
        *documents, _ = FileStore(Path(config.state)).load_roster() or [""]
    except (ConfigError, OSError):
        return []
    found: list[Jwk] = []
    pinned = Pinned(identity.roster_key)
    for document in documents:
        pinned, taken = follow_all([document], pinned, identity.site)
        found += [pinned.jwk] if taken else []
    return found


def load_rosters(store: FileStore, identity: DeviceIdentity, authority: Authority, clock: Clock) -> None:
    """Give `authority` the newest of what was kept and what the bundle brought; what does not hold is logged."""
    try:
        *documents, kept = store.load_roster() or [""]
    except OSError as error:
        log.warning("roster-unreadable", why=str(error))
        documents, kept = [], ""
    for jws in documents:
        try:
            authority.follow(jws)
        except PeerError as error:  # the bundle may be newer than they are
            log.info("roster-key-passed-over", why=str(error))
    for jws in filter(None, (kept, identity.roster)):
        try:
            signed = authority.accept(jws)
        except PeerError as error:
            log.warning("roster-refused", why=str(error))
            continue
        if signed is not None:
            clock.raise_to(signed.roster.issued)


def newest_roster(state: Path, identity: DeviceIdentity) -> SignedRoster:
    """The newest of the bundle's roster, which was verified with the identity, and the one that was kept."""
    best = verify_roster(identity.roster, identity.roster_key, identity.site, identity.device)
    try:
        *successions, kept = FileStore(state).load_roster() or [identity.roster]
        pinned, _ = follow_all(successions, Pinned(identity.roster_key), identity.site)
        newer = verify_roster(kept, pinned.jwk, identity.site, identity.device)
    except (PeerError, OSError):
        return best  # the daemon does the same, and says so in its log
    return newer if newer.roster.serial > best.roster.serial else best


async def give_roster(control_socket: Path, text: str) -> int:
    """Hand the lines of a roster file over and wait until the roster is in force; its serial.

    DoorwardError if the daemon does not run, or does not take it (its journal says why).
    """
    lines = text.split()
    if not lines:
        raise DoorwardError("standard input: no roster; `doorward-provision publish --offline` writes one")
    try:
        digest = b64url(hashlib.sha256(payload_of(lines[-1])).digest())
    except PeerError as error:
        raise DoorwardError(f"standard input: not a roster: {error}") from error
    for line in lines:
        await ask(control_socket, {"do": "roster", "jws": line})
    try:
        async with asyncio.timeout(TAKEN_S):
            while (status := await ask(control_socket, {"do": "status"}))["roster_sha256"] != digest:  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise DoorwardError("the daemon refused this roster; `journalctl -u doorward-device` says why") from error
    return int(str(status["roster_serial"]))
