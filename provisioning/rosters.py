"""Changes to a roster, one function each: pure, and each result has the next serial (protocol section 2).

DoorwardError says what there is instead where a name is not known.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from protocol.errors import DoorwardError
from protocol.messages import May
from protocol.roster import Answerer, Button, Door, Roster

T = TypeVar("T")

ROSTER_DAYS = 30
"""How long a withheld removal could matter (protocol section 8, rule 5)."""

REISSUE_DAYS = 29
"""`publish` signs a roster anew that has fewer days left: whoever publishes every two weeks is never late."""


def first_roster(site: str, device: str, fingerprint: str, now: datetime) -> Roster:
    """A device's first: nobody is rung yet, and nothing opens."""
    issued = int(now.timestamp())
    return Roster(
        site=site,
        device=device,
        serial=1,
        issued=issued,
        expires=issued + ROSTER_DAYS * 86400,
        fingerprints=[fingerprint],
        buttons={},
        doors={},
        answerers={},
    )


def reissued(roster: Roster, now: datetime, above: int = 0) -> Roster:
    """The same contents with the next serial, higher than `above`, and a new term."""
    issued = max(int(now.timestamp()), roster.issued)
    serial = max(roster.serial, above) + 1
    return replace(roster, serial=serial, issued=issued, expires=issued + ROSTER_DAYS * 86400)


def with_fingerprints(roster: Roster, fingerprints: Sequence[str]) -> Roster:
    """None for a retired device, two while a certificate is being renewed."""
    return replace(roster, fingerprints=list(fingerprints))


def with_button(roster: Roster, button: str, label: str | None, rings: Sequence[str] | None) -> Roster:
    """A button that is new or changed; what is None stays as it is (a new one rings nobody)."""
    old = roster.buttons.get(button, Button(button, []))
    for name in rings or ():
        _answerer(roster, name)
    new = Button(label or old.label, list(dict.fromkeys(rings)) if rings is not None else old.rings)
    return replace(roster, buttons={**roster.buttons, button: new})


def with_door(roster: Roster, door: str, label: str | None) -> Roster:
    old = roster.doors.get(door, Door(door))
    return replace(roster, doors={**roster.doors, door: Door(label or old.label)})


def without_button(roster: Roster, button: str) -> Roster:
    return replace(roster, buttons=_without(roster.buttons, button, "button", roster.device))


def without_door(roster: Roster, door: str) -> Roster:
    return replace(roster, doors=_without(roster.doors, door, "door", roster.device))


def invited(
    roster: Roster, name: str, label: str | None, key: str, buttons: Sequence[str], may: Sequence[May]
) -> Roster:
    """With the key of a new answerer, or a further one of a known answerer (a second phone), whose rights stay."""
    known = roster.answerers.get(name)
    if known is None:
        if not may:
            raise DoorwardError(f"{name}: is new at {roster.device}; say with --may what they may do there")
        entry = Answerer(label or name, [key], list(may))
    else:
        if may and set(may) != set(known.may):
            raise DoorwardError(f"{name}: may {', '.join(known.may)} at {roster.device}; change that with `grant`")
        entry = Answerer(label or known.label, [*known.keys, key], known.may)
    return granted(replace(roster, answerers={**roster.answerers, name: entry}), name, buttons, None)


def granted(roster: Roster, name: str, buttons: Sequence[str] | None, may: Sequence[May] | None) -> Roster:
    """With these rights (None: as they were), and rung by these buttons besides those that ring them already."""
    entry = _answerer(roster, name)
    if may is not None:
        entry = replace(entry, may=list(may))
    rung = dict(roster.buttons)
    for button in buttons or ():
        if button not in rung:
            raise DoorwardError(f"{roster.device} has no button {button!r}; make it with `button set`")
        if name not in rung[button].rings:
            rung[button] = replace(rung[button], rings=[*rung[button].rings, name])
    return replace(roster, answerers={**roster.answerers, name: entry}, buttons=rung)


def without_answerer(roster: Roster, name: str, key: str | None = None) -> Roster:
    """Without the answerer, or without one `key` of theirs; without the last key they are gone."""
    entry = _answerer(roster, name)
    if key is not None:
        keys = [other for other in entry.keys if other != key]
        if len(keys) == len(entry.keys):
            raise DoorwardError(f"{name}: has no key {key} at {roster.device}")
        if keys:
            return replace(roster, answerers={**roster.answerers, name: replace(entry, keys=keys)})
    buttons = {
        button: replace(what, rings=[other for other in what.rings if other != name])
        for button, what in roster.buttons.items()
    }
    answerers = {other: what for other, what in roster.answerers.items() if other != name}
    return replace(roster, answerers=answerers, buttons=buttons)


def _answerer(roster: Roster, name: str) -> Answerer:
    if name not in roster.answerers:
        known = ", ".join(roster.answerers) or "nobody"
        raise DoorwardError(f"{name}: is not on the roster of {roster.device}; on it are: {known}")
    return roster.answerers[name]


def _without(known: dict[str, T], name: str, what: str, device: str) -> dict[str, T]:
    if name not in known:
        raise DoorwardError(f"{device} has no {what} {name!r}; it has: {', '.join(known) or 'none'}")
    return {other: value for other, value in known.items() if other != name}
