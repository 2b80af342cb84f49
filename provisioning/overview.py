"""Who exists, who may do what, and what expires when."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from msgspec import Struct

from protocol.certificates import days_left, fingerprint, issued_by
from protocol.roster import SignedRoster
from provisioning.folder import SiteFolder

CA_WARN_DAYS = 365
DEVICE_WARN_DAYS = 90
SERVER_WARN_DAYS = 30
ROSTER_WARN_DAYS = 10
"""Days before its end from which each needs renewal."""


class Expiry(Struct, frozen=True, kw_only=True):
    """`days` left, negative after the end; `remedy` is what to do about it."""

    what: str
    ends: str
    days: float
    due: bool
    remedy: str


class CertificateView(Struct, frozen=True, kw_only=True):
    fingerprint: str
    ends: str
    ca: int


class DeviceView(Struct, frozen=True, kw_only=True):
    """`ca` counts the trusted CAs from 1; a device without certificates was removed."""

    device: str
    serial: int
    roster_ends: str
    certificates: list[CertificateView]
    buttons: dict[str, dict[str, object]]
    doors: dict[str, str]
    answerers: dict[str, dict[str, object]]


class Overview(Struct, frozen=True, kw_only=True):
    site: str
    hosts: list[str]
    page: str
    ca_fingerprints: list[str]
    roster_key_successions: int
    devices: list[DeviceView]
    expiries: list[Expiry]


@dataclass(frozen=True, slots=True)
class _Term:
    what: str
    days: float
    warn: float
    remedy: str


def overview(folder: SiteFolder, now: datetime) -> Overview:
    record = folder.record()
    authorities = folder.authorities()
    present = folder.devices()
    return Overview(
        site=record.site,
        hosts=record.hosts,
        page=record.page_url,
        ca_fingerprints=[fingerprint(ca) for ca in authorities],
        roster_key_successions=len(folder.successions()),
        devices=[
            _device(device, signed, folder.certificates(device) if device in present else [], authorities)
            for device, signed in folder.rosters().items()
        ],
        expiries=expiries(folder, now),
    )


def expiries(folder: SiteFolder, now: datetime) -> list[Expiry]:
    """Everything that ends, the soonest first."""
    at = now.timestamp()
    terms = [
        _Term(f"CA {number}", days_left(ca, at), CA_WARN_DAYS, "ca introduce")
        for number, ca in enumerate(folder.authorities(), 1)
    ]
    terms.append(
        _Term("server certificate", days_left(folder.server_certificate(), at), SERVER_WARN_DAYS, "server renew")
    )
    for device in folder.devices():
        left = days_left(folder.certificates(device)[-1], at)
        terms.append(_Term(f"{device}: certificate", left, DEVICE_WARN_DAYS, f"device renew {device}"))
        left = (folder.roster(device).roster.expires - at) / 86400
        terms.append(_Term(f"{device}: roster", left, ROSTER_WARN_DAYS, "publish"))
    return [
        Expiry(
            what=term.what,
            ends=_day(at + term.days * 86400),
            days=round(term.days, 1),
            due=term.days < term.warn,
            remedy=term.remedy,
        )
        for term in sorted(terms, key=lambda term: term.days)
    ]


def as_text(view: Overview) -> str:
    """The overview for a terminal."""
    lines = [f"site {view.site}   server {', '.join(view.hosts)}   page {view.page}"]
    lines += [f"CA {number}  {mark}" for number, mark in enumerate(view.ca_fingerprints, 1)]
    for device in view.devices:
        lines += ["", f"{device.device}   roster {device.serial}, until {device.roster_ends}"]
        if not device.certificates:
            lines.append("  removed: no certificate of it is good")
        lines += [f"  certificate  {one.fingerprint}  until {one.ends} (CA {one.ca})" for one in device.certificates]
        for name, button in device.buttons.items():
            rings = ", ".join(map(str, button["rings"])) if isinstance(button["rings"], list) else ""
            lines.append(f"  button {name}  {button['label']!r} rings {rings or 'nobody'}")
        lines += [f"  door {name}  {label!r}" for name, label in device.doors.items()]
        for name, person in device.answerers.items():
            may, keys = person["may"], person["keys"]
            if isinstance(may, list) and isinstance(keys, list):
                lines.append(f"  {name}  {person['label']!r} may {', '.join(may)}")
                lines += [f"    key {key}" for key in keys]
    lines += ["", "ends:"]
    lines += [
        f"  {expiry.ends}  {expiry.days:>7.0f} days  {expiry.what}{f'   → {expiry.remedy}' if expiry.due else ''}"
        for expiry in view.expiries
    ]
    return "\n".join(lines)


def _device(
    device: str, signed: SignedRoster, certificates: list[x509.Certificate], authorities: list[x509.Certificate]
) -> DeviceView:
    roster = signed.roster
    return DeviceView(
        device=device,
        serial=roster.serial,
        roster_ends=_day(roster.expires),
        certificates=[
            CertificateView(
                fingerprint=fingerprint(one),
                ends=_day(one.not_valid_after_utc.timestamp()),
                ca=next((number for number, ca in enumerate(authorities, 1) if issued_by(one, ca)), 0),
            )
            for one in certificates
        ],
        buttons={name: {"label": button.label, "rings": button.rings} for name, button in roster.buttons.items()},
        doors={name: door.label for name, door in roster.doors.items()},
        answerers={
            name: {"label": entry.label, "may": list(entry.may), "keys": entry.keys}
            for name, entry in roster.answerers.items()
        },
    )


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
