"""Answerers: invited, given rights, removed. An invitation's key is made here and kept nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from protocol.errors import DoorwardError
from protocol.ids import is_id
from protocol.keys import new_key, public_jwk, thumbprint
from protocol.messages import May
from provisioning.devices import revise
from provisioning.folder import Keys, SiteFolder
from provisioning.invitation import invitation_link
from provisioning.rosters import granted, invited, without_answerer


@dataclass(frozen=True, slots=True)
class Invited:
    """The link is a secret, to be handed over once; `key` is the thumbprint that stands on the rosters."""

    link: str
    key: str


def invite(
    folder: SiteFolder,
    keys: Keys,
    name: str,
    label: str | None,
    devices: Sequence[str],
    buttons: Sequence[str],
    may: Sequence[May],
    now: datetime,
) -> Invited:
    """A new answerer of these devices, or a further phone of one they know (whose rights and rings stay)."""
    if not is_id(name):
        raise DoorwardError(f"{name!r}: a name is lower-case letters, digits and hyphens, 32 at most; --label is free")
    key = new_key()
    mark = thumbprint(public_jwk(key))
    devices = list(dict.fromkeys(devices))
    for device in devices:
        folder.certificates(device)
        revise(folder, keys.roster_key, device, lambda roster: invited(roster, name, label, mark, buttons, may), now)
    record = folder.record()
    serials = {device: folder.roster(device).roster.serial for device in devices}
    link = invitation_link(
        record.page_url, record.site, name, key, record.roster_key.as_dict(), serials, record.people_address
    )
    return Invited(link, mark)


def grant(
    folder: SiteFolder,
    keys: Keys,
    name: str,
    devices: Sequence[str],
    buttons: Sequence[str] | None,
    may: Sequence[May] | None,
    now: datetime,
) -> list[str]:
    """Other rights, or further buttons, at these devices (none: at all that know them); the devices."""
    known = list(dict.fromkeys(devices)) or devices_of(folder, name)
    for device in known:
        revise(folder, keys.roster_key, device, lambda roster: granted(roster, name, buttons, may), now)
    return list(known)


def remove_answerer(
    folder: SiteFolder, keys: Keys, name: str, devices: Sequence[str], key: str | None, now: datetime
) -> list[str]:
    """From these devices (none: from all that know them), or one key of theirs (a lost phone); the devices."""
    known = list(dict.fromkeys(devices)) or devices_of(folder, name)
    if key is not None:
        known = [device for device in known if key in _keys(folder, device, name)]
        if not known:
            raise DoorwardError(f"{name}: has no key {key}; `site show` lists them")
    for device in known:
        revise(folder, keys.roster_key, device, lambda roster: without_answerer(roster, name, key), now)
    return list(known)


def _keys(folder: SiteFolder, device: str, name: str) -> list[str]:
    entry = folder.roster(device).roster.answerers.get(name)
    return entry.keys if entry else []


def devices_of(folder: SiteFolder, name: str) -> list[str]:
    """Whose rosters name them; DoorwardError if none does."""
    known = [device for device, signed in folder.rosters().items() if name in signed.roster.answerers]
    if not known:
        raise DoorwardError(f"{name}: is on no roster of this site; `site show` lists who is")
    return known
