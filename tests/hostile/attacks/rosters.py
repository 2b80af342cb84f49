"""Substituted rosters: whoever is believed here names its own key, or its own door, and needs no other lie."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from protocol.keys import public_jwk, thumbprint
from protocol.roster import TYP
from protocol.roster_key import TYP as SUCCESSION
from tests.hostile.attack import Attack, Ends
from tests.hostile.attacks.offers import offered
from tests.hostile.attacks.proofs import answer, by, own
from tests.hostile.den import BACK
from tests.hostile.forge import Json, assembled, named, own_header, pieces, signed_by, with_hmac
from tests.hostile.scene import Scene, Secret

Forgery = Callable[[Scene, Json], str]
"""Makes a roster; the payload that it gets is what a thief would like to stand there."""


def greedy(scene: Scene, door: str) -> Json:
    """The published roster, but newer: with the thief's key under the victim's name, and the thief's door."""
    _, payload, _ = pieces(scene.den.stolen.rosters[scene.device])
    payload["serial"] += 1
    payload["answerers"][scene.person]["keys"] = [thumbprint(public_jwk(own(scene)))]
    payload["fingerprints"] = [door, *payload["fingerprints"]] if door else payload["fingerprints"]
    return payload


def genuine(scene: Scene) -> Json:
    return named(TYP, scene.den.stolen.roster_key_public)


def own_name(scene: Scene) -> Json:
    return named(TYP, public_jwk(scene.den.stolen.own_roster_key))


def by_own_roster_key(scene: Scene, header: Json, payload: Json) -> str:
    return signed_by(scene.den.stolen.own_roster_key, header, payload)


def at_the_door(forge: Forgery) -> Callable[[Scene], Awaitable[None]]:
    """Give the door the roster, then come with the key that it names."""

    async def run(scene: Scene) -> None:
        made = await scene.pretend()
        await made.door.say({"type": "roster", "jws": forge(scene, greedy(scene, ""))})
        await answer(scene, made, await made.expect("offer"), by(own))

    return run


def at_the_page(forge: Forgery) -> Callable[[Scene], Awaitable[None]]:
    """Give the page the roster, then offer with the certificate that it names."""

    async def run(scene: Scene) -> None:
        visit = await scene.visit()
        door = scene.fake_door()
        payload = greedy(scene, door.fingerprint)
        payload["answerers"][scene.person]["keys"] = [thumbprint(scene.public_key())]
        await visit.end.say({"type": "roster", "jws": forge(scene, payload)})
        await offered(scene, visit, door)

    return run


@dataclass(frozen=True, slots=True)
class Counterfeit:
    """The same false roster for both ends; what each says of it."""

    name: str
    tries: str
    forge: Forgery
    door: str
    page: str


COUNTERFEITS = (
    Counterfeit(
        "old", "the roster of serial 1, genuinely signed, on which somebody removed still stood",
        lambda scene, _: scene.den.stolen.old_rosters[scene.device], "is older than", "older than the one held",
    ),
    Counterfeit(
        "other-site", "a roster for another site, with that site's own roster key",
        lambda scene, payload: by_own_roster_key(
            scene, own_name(scene), payload | {"site": "elsewhere"}
        ), "another key", "another key",
    ),
    Counterfeit(
        "own-key", "a roster for this site, signed and named by one's own key",
        lambda scene, payload: by_own_roster_key(scene, own_name(scene), payload),
        "another key", "another key",
    ),
    Counterfeit(
        "other-signature", "a roster that names the pinned key, signed by one's own",
        lambda scene, payload: by_own_roster_key(scene, genuine(scene), payload),
        "signature does not verify", "signature does not verify",
    ),
    Counterfeit(
        "transplanted", "other contents under the signature of the published roster",
        lambda scene, payload: assembled(genuine(scene), payload, pieces(scene.den.stolen.rosters[scene.device])[2]),
        "signature does not verify", "signature does not verify",
    ),
    Counterfeit(
        "truncated", "the published roster, cut off within its signature",
        lambda scene, _: scene.den.stolen.rosters[scene.device][:-22], "does not verify", "malformed",
    ),
    Counterfeit(
        "unsigned", "other contents with an empty signature",
        lambda scene, payload: assembled(genuine(scene), payload), "does not verify", "not a signed document",
    ),
    Counterfeit(
        "alg-none", "other contents, alg none",
        lambda scene, payload: assembled(genuine(scene) | {"alg": "none"}, payload), "alg", "not a signed document",
    ),
    Counterfeit(
        "hmac", "other contents with an HMAC, its secret the pinned public key",
        lambda scene, payload: with_hmac(
            json.dumps(scene.den.stolen.roster_key_public).encode(), genuine(scene) | {"alg": "HS256"}, payload
        ), "alg", "alg",
    ),
    Counterfeit(
        "zero-signature", "other contents under a signature of zeros (CVE-2022-21449)",
        lambda scene, payload: assembled(genuine(scene), payload, bytes(64)), "does not verify", "does not verify",
    ),
    Counterfeit(
        "brings-its-key", "a roster that shows the key which signed it, where the pinned one belongs",
        lambda scene, payload: by_own_roster_key(scene, own_header(TYP, scene.den.stolen.own_roster_key), payload),
        "jwk", "unknown members",
    ),
    Counterfeit(
        "wrong-type", "a document of another type by another key", lambda scene, payload: by_own_roster_key(
            scene, genuine(scene) | {"typ": "doorward-login+jwt"}, payload
        ), "doorward-login", "typ",
    ),
)  # fmt: skip


async def of_the_other_door(scene: Scene) -> None:
    await at_the_door(lambda scene, _: scene.den.stolen.rosters[BACK])(scene)


async def first_visit(scene: Scene) -> None:
    """A browser that has never seen a roster gets an old one; what the invitation says of serials must hold."""

    class Backward(Secret):
        def welcome(self, messages: list[Json]) -> list[Json]:
            return [messages[0], {"type": "roster", "jws": scene.den.stolen.old_rosters[scene.device]}]

    await offered(scene, await scene.visit(Backward(), fresh=True), scene.fake_door())


def succession(scene: Scene) -> str:
    """A new roster key, introduced by the thief."""
    key = public_jwk(scene.den.stolen.own_roster_key)
    payload = {"v": 1, "site": "home", "sequence": 1, "key": key, "issued": int(time.time())}
    return by_own_roster_key(scene, named(SUCCESSION, scene.den.stolen.roster_key_public), payload)


async def successor_at_the_door(scene: Scene) -> None:
    made = await scene.pretend()
    await made.door.say({"type": "roster-key", "jws": succession(scene)})
    await made.door.say({"type": "roster", "jws": by_own_roster_key(
        scene, own_name(scene), greedy(scene, "")
    )})  # fmt: skip
    await answer(scene, made, await made.expect("offer"), by(own))


ATTACKS = (
    *(
        Attack(f"door-roster-{one.name}", f"{one.tries}, to a door", "door",
               Ends(log="roster-refused", why=one.door, close="proof"), at_the_door(one.forge))
        for one in COUNTERFEITS
    ),
    Attack(
        "door-roster-other-door", "the roster of the house's other door, genuinely signed, to a door", "door",
        Ends(log="roster-refused", why="for device", close="proof"), of_the_other_door,
    ),
    Attack(
        "door-roster-key", "a successor of the roster key that oneself introduces, and a roster by it", "door",
        Ends(log="roster-key-refused", why="roster key", close="proof"), successor_at_the_door,
    ),
    *(
        Attack(f"page-roster-{one.name}", f"{one.tries}, to a page", "page",
               Ends(console=one.page, close="fingerprint"), at_the_page(one.forge), "page")
        for one in COUNTERFEITS
    ),
    Attack(
        "page-roster-first-visit", "an old roster, genuinely signed, to a page that has none yet", "page",
        Ends(console="older than the one held", close="roster"), first_visit, "page",
    ),
)  # fmt: skip
