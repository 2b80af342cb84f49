"""The server's configuration: one TOML file, every value checked, every error one line."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from protocol.errors import ConfigError
from protocol.ids import Id
from protocol.settings import parse_settings

Port = Annotated[int, Meta(ge=0, le=65535)]
HostPort = Annotated[str, Meta(pattern=r"\A(\[[0-9a-f:.]+\]|[a-z0-9.-]+):[0-9]{1,5}\Z")]
Origin = Annotated[str, Meta(pattern=r"\A(https|wss)://[a-z0-9.:\[\]-]+\Z")]


class _Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class DevicesConfig(_Table, frozen=True):
    """Where devices connect; port 0 takes a free one."""

    listen: list[str] = field(default_factory=lambda: ["127.0.0.1"])
    port: Port = 8444


class PeopleConfig(_Table, frozen=True):
    """Where people connect. `hosts`: the names and ports that logins may give; `origins`: pages hosted elsewhere;
    `connect`: further servers that this page may reach. `certificate` and `key`: a public certificate for people, so
    that nobody installs the site's CA on a phone; without them, the one that devices see.
    """

    hosts: Annotated[list[HostPort], Meta(min_length=1)]
    listen: list[str] = field(default_factory=lambda: ["127.0.0.1"])
    port: Port = 8443
    origins: list[Origin] = []
    connect: list[Origin] = []
    certificate: str | None = None
    key: str | None = None


class PushConfig(_Table, frozen=True):
    """Waking people whose page is closed. `contact`: whom a push service may turn to, `mailto:` or `https:` (RFC 8292);
    with none, nobody is woken, and no push service knows of the house. `ttl_s`: for how long a service may try, no
    longer than a door rings. `private_services`: a push service of the house's own, on a private address.
    """

    contact: Annotated[str, Meta(pattern=r"\A(mailto:[^@\s]+@[^@\s]+|https://\S+)\Z", max_length=200)] | None = None
    ttl_s: Annotated[int, Meta(ge=5, le=300)] = 30
    private_services: bool = False


class LimitsConfig(_Table, frozen=True):
    """Per second: connections of one address that have not logged in, and messages of one connection."""

    unauthenticated_per_s: Annotated[float, Meta(gt=0)] = 10
    messages_per_s: Annotated[float, Meta(gt=0)] = 20
    login_s: Annotated[float, Meta(gt=0, le=60)] = 10
    ping_s: Annotated[float, Meta(gt=0, le=60)] = 20


class Config(_Table, frozen=True):
    """The whole file; paths are made absolute, relative to the file itself."""

    site: Id
    roster_key: str
    ca: str
    certificate: str
    key: str
    state: str
    people: PeopleConfig
    devices: DevicesConfig = field(default_factory=DevicesConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    push: PushConfig = field(default_factory=PushConfig)


def load_config(path: Path) -> Config:
    """The checked configuration; ConfigError names the file, the member, and what is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error}; name the configuration with --config") from error
    config = parse_settings(data, str(path), Config)
    base = path.resolve().parent
    names = ("roster_key", "ca", "certificate", "key", "state")
    people = config.people
    if (people.certificate is None) != (people.key is None):
        raise ConfigError(f"{path}: people: certificate and key go together; give both, or neither")
    if people.certificate is not None and people.key is not None:
        people = msgspec.structs.replace(people, certificate=str(base / people.certificate), key=str(base / people.key))
    own = {name: str(base / getattr(config, name)) for name in names}
    return msgspec.structs.replace(config, people=people, **own)
