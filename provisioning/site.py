"""A whole site in one folder: authority, roster key, devices, server, people. For demonstrations and tests.

Its keys lie unencrypted in the folder, so it is not how a house is set up; `doorward-provision` says so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from protocol.bundle import Bundle
from protocol.certificates import fingerprint
from protocol.codec import encode
from protocol.errors import ConfigError
from protocol.keys import Jwk, PrivateKey, PublicJwk, new_key, private_key_pem, public_jwk, thumbprint
from protocol.messages import May
from protocol.roster import Answerer, Button, Door, Roster, sign_roster
from provisioning.authority import Authority, issue_device, issue_server, new_authority, pem
from provisioning.files import write_file
from provisioning.invitation import invitation_link

ROSTER_DAYS = 30
"""How long a withheld removal could matter (protocol section 8, rule 5)."""


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
        host = _host_port(self.plan.hosts[0], self.plan.people_port)
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
        path = self.folder / "server" / "state" / "rosters" / f"{roster.device}.jws"
        write_file(path, sign_roster(roster, self.roster_key))


def make_site(folder: Path, plan: SitePlan, now: datetime | None = None) -> Site:
    """Make the site in a new `folder`; ConfigError if there is one already."""
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder}: is not empty; choose another folder, or remove it")
    now = now or datetime.now(UTC)
    for part in ("devices", "server/state/rosters"):
        (folder / part).mkdir(mode=0o700, parents=True)
    authority = new_authority(plan.site, now)
    roster_key = new_key()
    people_keys = {person: new_key() for person in plan.people}
    write_file(folder / "ca.pem", pem(authority.certificate))
    write_file(folder / "ca-key.pem", private_key_pem(authority.key).decode(), secret=True)
    write_file(folder / "roster-key.pem", private_key_pem(roster_key).decode(), secret=True)
    _write_server(folder / "server", plan, authority, public_jwk(roster_key), now)
    rosters = {}
    for device, device_plan in plan.devices.items():
        roster = _make_device(folder, plan, device, device_plan, authority, roster_key, people_keys, now)
        rosters[device] = roster
    site = Site(folder, plan, authority, roster_key, people_keys, rosters)
    for roster in rosters.values():
        site.publish(roster)
    return site


def _make_device(
    folder: Path,
    plan: SitePlan,
    device: str,
    device_plan: DevicePlan,
    authority: Authority,
    roster_key: PrivateKey,
    people_keys: Mapping[str, PrivateKey],
    now: datetime,
) -> Roster:
    key = new_key()
    certificate = issue_device(authority, plan.site, device, key.public_key(), now)
    issued = int(now.timestamp())
    roster = Roster(
        site=plan.site,
        device=device,
        serial=1,
        issued=issued,
        expires=issued + ROSTER_DAYS * 86400,
        fingerprints=[fingerprint(certificate)],
        buttons={name: Button(label, list(rings)) for name, (label, rings) in device_plan.buttons.items()},
        doors={name: Door(label) for name, label in device_plan.doors.items()},
        answerers={
            person: Answerer(label, [thumbprint(public_jwk(people_keys[person]))], list(may))
            for person, (label, may) in plan.people.items()
        },
    )
    bundle = Bundle(
        site=plan.site,
        device=device,
        certificate=pem(certificate),
        ca=pem(authority.certificate),
        roster_key=PublicJwk(**public_jwk(roster_key)),
        roster=sign_roster(roster, roster_key),
        signaling=f"wss://{_host_port(plan.hosts[0], plan.devices_port)}/device",
    )
    home = folder / "devices" / device
    home.mkdir(mode=0o700)
    write_file(home / "key.pem", private_key_pem(key).decode(), secret=True)
    write_file(home / "bundle.json", encode(bundle))
    return roster


def _write_server(folder: Path, plan: SitePlan, authority: Authority, roster_key: Jwk, now: datetime) -> None:
    key = new_key()
    certificate = issue_server(authority, plan.hosts, key.public_key(), now)
    write_file(folder / "ca.pem", pem(authority.certificate))
    write_file(folder / "server.pem", pem(certificate))
    write_file(folder / "server-key.pem", private_key_pem(key).decode(), secret=True)
    write_file(folder / "roster-key.json", json.dumps(roster_key))
    listen = json.dumps(list(plan.listen))
    hosts = json.dumps([_host_port(host, plan.people_port) for host in plan.hosts])
    write_file(
        folder / "signaling.toml",
        f'site = "{plan.site}"\nroster_key = "roster-key.json"\nca = "ca.pem"\ncertificate = "server.pem"\n'
        f'key = "server-key.pem"\nstate = "state"\n\n'
        f"[devices]\nlisten = {listen}\nport = {plan.devices_port}\n\n"
        f"[people]\nlisten = {listen}\nport = {plan.people_port}\nhosts = {hosts}\n",
    )


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
