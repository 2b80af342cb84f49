"""A whole site in one folder: authority, roster key, devices, server, people. For demonstrations and tests.

Its keys lie unencrypted in the folder, so it is not how a house is set up; `doorward-provision` says so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from protocol.bundle import Bundle
from protocol.certificates import fingerprint, load_certificates
from protocol.codec import decode, encode
from protocol.errors import ConfigError, PeerError
from protocol.keys import (
    Jwk,
    PrivateKey,
    PublicJwk,
    load_private_key,
    new_key,
    private_key_pem,
    public_jwk,
    thumbprint,
)
from protocol.messages import May
from protocol.roster import Answerer, Button, Door, Roster, sign_roster, verify_roster
from provisioning.authority import Authority, host_name, issue_device, issue_server, new_authority, pem
from provisioning.files import write_file
from provisioning.folder import host_port
from provisioning.invitation import invitation_link
from provisioning.rosters import ROSTER_DAYS

ANY_HOME = ("localhost", "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
"""What a demonstration's CA may vouch for besides the plan's hosts: it is taken up again wherever the machine is."""

PLAN = "site.json"
ROSTERS = "server/state/rosters"


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """Buttons map to (label, who is rung); doors to their labels."""

    buttons: Mapping[str, tuple[str, Sequence[str]]]
    doors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SitePlan:
    """What to make. `hosts[0]` is the server's name in links; people map to (label, rights)."""

    site: str
    hosts: Sequence[str]
    devices: Mapping[str, DevicePlan]
    people: Mapping[str, tuple[str, Sequence[May]]]
    devices_port: int = 8444
    people_port: int = 8443
    listen: Sequence[str] = ("127.0.0.1",)


@dataclass(frozen=True, slots=True)
class Site:
    """What was made, and where: `identities` and `invitations` by device and person."""

    folder: Path
    plan: SitePlan
    authority: Authority
    roster_key: PrivateKey
    people_keys: Mapping[str, PrivateKey]
    rosters: Mapping[str, Roster]

    @property
    def ca_path(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def signaling_config(self) -> Path:
        return self.folder / "server" / "signaling.toml"

    def identity(self, device: str) -> Path:
        return self.folder / "devices" / device

    def invitation(self, person: str) -> str:
        host = host_port(self.plan.hosts[0], self.plan.people_port)
        serials = {device: roster.serial for device, roster in self.rosters.items()}
        return invitation_link(
            f"https://{host}/",
            self.plan.site,
            person,
            self.people_keys[person],
            public_jwk(self.roster_key),
            serials,
            f"wss://{host}/answerer",
        )

    def publish(self, roster: Roster) -> None:
        """Sign a roster and put it where the server finds it (it re-reads on SIGHUP)."""
        path = self.folder / ROSTERS / f"{roster.device}.jws"
        write_file(path, sign_roster(roster, self.roster_key))


def make_site(folder: Path, plan: SitePlan, now: datetime | None = None) -> Site:
    """Make the site in a new `folder`; ConfigError if there is something in it already."""
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder}: is not empty; choose another folder, or remove it")
    _check(plan)
    now = now or datetime.now(UTC)
    for part in ("devices", "people", "server/state/rosters"):
        (folder / part).mkdir(mode=0o700, parents=True)
    authority = new_authority(plan.site, now, [*plan.hosts, *ANY_HOME])
    write_file(folder / "ca.pem", pem(authority.certificate))
    _write_key(folder / "ca-key.pem", authority.key)
    roster_key = new_key()
    _write_key(folder / "roster-key.pem", roster_key)
    people_keys = {person: new_key() for person in plan.people}
    for person, key in people_keys.items():
        _write_key(folder / "people" / f"{person}.pem", key)
    device_keys = {device: new_key() for device in plan.devices}
    for device, key in device_keys.items():
        (folder / "devices" / device).mkdir(mode=0o700)
        _write_key(folder / "devices" / device / "key.pem", key)
    site = Site(folder, plan, authority, roster_key, people_keys, {})
    return issue_site(site, plan, device_keys, 1, now)


def take_up_site(folder: Path, plan: SitePlan, now: datetime | None = None) -> Site:
    """The site of `folder` (made where there is none) with fresh certificates and rosters for `plan`; its name stays.

    ConfigError if something else is in the folder, or the site has other devices or people.
    """
    if not folder.exists() or not any(folder.iterdir()):
        return make_site(folder, plan, now)
    _check(plan)
    try:
        kept = _read_plan(folder / PLAN)
        ca = load_certificates((folder / "ca.pem").read_bytes(), f"{folder}/ca.pem")[0]
        authority = Authority(_read_key(folder / "ca-key.pem"), ca)
        roster_key = _read_key(folder / "roster-key.pem")
        people_keys = {person: _read_key(folder / "people" / f"{person}.pem") for person in plan.people}
        device_keys = {device: _read_key(folder / "devices" / device / "key.pem") for device in plan.devices}
        serial = _newest_serial(folder, kept, roster_key)
    except OSError as error:
        raise ConfigError(
            f"{error.filename}: cannot be read: {error.strerror}; remove {folder} to start anew"
        ) from error
    except PeerError as error:
        raise ConfigError(f"{folder}: {error}; remove it to start anew") from error
    plan = replace(plan, site=kept.site)
    site = Site(folder, plan, authority, roster_key, people_keys, {})
    return issue_site(site, plan, device_keys, serial + 1, now or datetime.now(UTC))


def issue_site(site: Site, plan: SitePlan, device_keys: Mapping[str, PrivateKey], serial: int, now: datetime) -> Site:
    """Certificates, rosters, bundles and the server's files for `plan`, with the keys that `site` has."""
    _write_server(site.folder / "server", plan, site.authority, public_jwk(site.roster_key), now)
    rosters = {
        device: _issue_device(site, device, device_plan, device_keys[device], serial, now)
        for device, device_plan in plan.devices.items()
    }
    issued = replace(site, plan=plan, rosters=rosters)
    for roster in rosters.values():
        issued.publish(roster)
    write_file(site.folder / PLAN, encode(plan))
    return issued


def _issue_device(
    site: Site, device: str, device_plan: DevicePlan, key: PrivateKey, serial: int, now: datetime
) -> Roster:
    plan = site.plan
    certificate = issue_device(site.authority, plan.site, device, key.public_key(), now)
    issued = int(now.timestamp())
    roster = Roster(
        site=plan.site,
        device=device,
        serial=serial,
        issued=issued,
        expires=issued + ROSTER_DAYS * 86400,
        fingerprints=[fingerprint(certificate)],
        buttons={name: Button(label, list(rings)) for name, (label, rings) in device_plan.buttons.items()},
        doors={name: Door(label) for name, label in device_plan.doors.items()},
        answerers={
            person: Answerer(label, [thumbprint(public_jwk(site.people_keys[person]))], list(may))
            for person, (label, may) in plan.people.items()
        },
    )
    bundle = Bundle(
        site=plan.site,
        device=device,
        certificate=pem(certificate),
        ca=pem(site.authority.certificate),
        roster_key=PublicJwk(**public_jwk(site.roster_key)),
        roster=sign_roster(roster, site.roster_key),
        signaling=f"wss://{host_port(plan.hosts[0], plan.devices_port)}/device",
    )
    write_file(site.identity(device) / "bundle.json", encode(bundle))
    return roster


def _check(plan: SitePlan) -> None:
    """ConfigError before anything is written."""
    for host in plan.hosts:
        host_name(host)


def _read_plan(path: Path) -> SitePlan:
    try:
        return decode(path.read_bytes(), SitePlan)
    except PeerError as error:
        raise PeerError(f"{path.name}: {error}") from error


def _newest_serial(folder: Path, plan: SitePlan, roster_key: PrivateKey) -> int:
    rosters = [
        verify_roster((folder / ROSTERS / f"{device}.jws").read_text(), public_jwk(roster_key), plan.site, device)
        for device in plan.devices
    ]
    return max(signed.roster.serial for signed in rosters)


def _write_key(path: Path, key: PrivateKey) -> None:
    write_file(path, private_key_pem(key).decode(), secret=True)


def _read_key(path: Path) -> PrivateKey:
    return load_private_key(path.read_bytes(), str(path))


def _write_server(folder: Path, plan: SitePlan, authority: Authority, roster_key: Jwk, now: datetime) -> None:
    key = new_key()
    certificate = issue_server(authority, plan.hosts, key.public_key(), now)
    write_file(folder / "ca.pem", pem(authority.certificate))
    write_file(folder / "server.pem", pem(certificate))
    _write_key(folder / "server-key.pem", key)
    write_file(folder / "roster-key.json", json.dumps(roster_key))
    listen = json.dumps(list(plan.listen))
    hosts = json.dumps([host_port(host, plan.people_port) for host in plan.hosts])
    write_file(
        folder / "signaling.toml",
        f'site = "{plan.site}"\nroster_key = "roster-key.json"\nca = "ca.pem"\ncertificate = "server.pem"\n'
        f'key = "server-key.pem"\nstate = "state"\n\n'
        f"[devices]\nlisten = {listen}\nport = {plan.devices_port}\n\n"
        f"[people]\nlisten = {listen}\nport = {plan.people_port}\nhosts = {hosts}\n",
    )
