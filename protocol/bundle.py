"""The device bundle (protocol section 7): what provisioning hands to a device. It holds no secret."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from protocol.ids import Id
from protocol.keys import PublicJwk
from protocol.messages import Jws

LIMIT = 128 * 1024

Pem = Annotated[str, Meta(max_length=32 * 1024)]
Url = Annotated[str, Meta(pattern=r"\Awss://[A-Za-z0-9.:\[\]-]{1,270}(/[A-Za-z0-9/_-]{0,100})?\Z")]


class Bundle(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`ca` may hold two certificates during a change of CA (section 8, rule 16)."""

    v: Literal[1] = 1
    site: Id
    device: Id
    certificate: Pem
    ca: Pem
    roster_key: PublicJwk
    roster: Jws
    signaling: Url
