"""Impersonated answerers: a page that does not exist answers a real door, with every proof but a genuine one."""

import secrets
from collections.abc import Awaitable, Callable

from protocol.ids import b64url
from protocol.keys import PrivateKey
from protocol.proof import LOGIN, PROOF
from tests.hostile.attack import Attack, Ends
from tests.hostile.den import BACK, FRONT, MALLORY
from tests.hostile.ends import Message, Pretended
from tests.hostile.forge import Json, assembled, embedded, named, own_header, signed_by, with_hmac
from tests.hostile.scene import Scene

NOT_KNOWN = Ends(log="proof-refused", why="does not stand on the roster", close="proof")
BAD_SIGNATURE = Ends(log="proof-refused", why="signature does not verify", close="proof")
NO_OFFER = Ends(log="answer-refused", why="no such open offer")

Forgery = Callable[[Scene, Json], str]
"""Makes a proof; the claims that it gets are all right."""


def refused(why: str) -> Ends:
    return Ends(log="proof-refused", why=why, close="proof")


def forged(forge: Forgery) -> Callable[[Scene], Awaitable[None]]:
    """Answer the door's offer with a connection of one's own and this proof; then take what there is."""

    async def run(scene: Scene) -> None:
        made = await scene.pretend()
        await answer(scene, made, await made.expect("offer"), forge)

    return run


async def answer(
    scene: Scene, made: Pretended, offer: Message, forge: Forgery, *, session: Pretended | None = None
) -> None:
    """In the name of `session`, which by default is the one that the offer was for."""
    page = scene.fake_page()
    sdp = await page.answer(offer["sdp"])
    proof = forge(scene, scene.claims(offer, sdp, made.answerer))
    await (session or made).say("answer", offer["link"], sdp=sdp, proof=proof)
    scene.begin(page.plunder(scene.names(offer["link"], made.answerer)))


def by(key: Callable[[Scene], PrivateKey], **changes: str) -> Forgery:
    """Well-formed, signed by a key that is shown, with some claims changed."""

    def forge(scene: Scene, claims: Json) -> str:
        holder = key(scene)
        return signed_by(holder, own_header(PROOF, holder), claims | changes)

    return forge


def own(scene: Scene) -> PrivateKey:
    return scene.den.stolen.own_key


def under_the_victims_key(forge: Callable[[Scene, Json, Json], str], alg: str = "ES256") -> Forgery:
    """`forge` gets a header that shows the victim's public key, which every login has shown the server."""
    return lambda scene, claims: forge(scene, embedded(PROOF, scene.public_key(), alg), claims)


async def invented_link(scene: Scene) -> None:
    made = await scene.pretend()
    offer = await made.expect("offer")
    await answer(scene, made, {**offer, "link": b64url(secrets.token_bytes(16))}, by(own))


async def of_another_session(scene: Scene) -> None:
    """The offer went to one person; another's session answers it."""
    victim, other = await scene.pretend(), await scene.pretend(scene.another_person())
    await answer(scene, victim, await victim.expect("offer"), by(own), session=other)


async def somebody_removed(scene: Scene) -> None:
    made = await scene.pretend(MALLORY)
    page = scene.fake_page()
    other = await scene.pretend()
    offer = await other.expect("offer")
    sdp = await page.answer(offer["sdp"])
    key = scene.den.stolen.removed_key
    proof = signed_by(key, own_header(PROOF, key), scene.claims(offer, sdp, MALLORY))
    await made.say("answer", offer["link"], sdp=sdp, proof=proof)
    scene.begin(page.plunder(scene.names(offer["link"], MALLORY)))


async def twice(scene: Scene) -> None:
    """A first bad answer must consume the offer: there is no second try, however good."""
    made = await scene.pretend()
    offer = await made.expect("offer")
    await answer(scene, made, offer, by(own))
    await answer(scene, made, offer, by(own))


async def many(scene: Scene) -> None:
    made = await scene.pretend()
    offer = await made.expect("offer")
    page = scene.fake_page()
    sdp = await page.answer(offer["sdp"])
    for _ in range(300):
        proof = by(own)(scene, scene.claims(offer, sdp))
        await made.say("answer", offer["link"], sdp=sdp, proof=proof)
    scene.begin(page.plunder(scene.names(offer["link"])))


async def reflected(scene: Scene) -> None:
    """The door's own description comes back as the answer, its role and directions turned round."""
    made = await scene.pretend()
    offer = await made.expect("offer")
    turned = {"a=setup:actpass": "a=setup:active", "a=sendonly": "a=recvonly"}
    sdp = offer["sdp"]
    for old, new in turned.items():
        sdp = sdp.replace(old, new)
    await made.say("answer", offer["link"], sdp=sdp, proof=by(own)(scene, scene.claims(offer, sdp)))


async def many_sessions(scene: Scene) -> None:
    """More pages of one person than a person may have, all at once."""
    for _ in range(60):
        await scene.pretend()
    made = scene.pretended[0]
    await answer(scene, made, await made.expect("offer"), by(own))


def accepted_as_proof(scene: Scene, _: Json) -> str:
    """The door's own signature on something else: its confirmation of a roster, which passes through the server."""
    message = next(m for m in scene.den.relay.doors[FRONT].heard if m["type"] == "roster-accepted")
    return str(message["jws"])


ATTACKS = (
    Attack("own-key", "answer with a key of one's own", "door", NOT_KNOWN, forged(by(own))),
    Attack(
        "removed-key", "answer in a name that is on the roster, with the key of somebody who was removed", "door",
        NOT_KNOWN, forged(by(lambda scene: scene.den.stolen.removed_key)),
    ),
    Attack(
        "removed-person", "announce somebody who was removed, and answer another's offer for them", "door", NO_OFFER,
        somebody_removed,
    ),
    Attack(
        "proof-alg-none", "a proof without a signature, alg none, under the victim's public key", "door",
        refused("alg"), forged(under_the_victims_key(lambda _, head, claims: assembled(head, claims), "none")),
    ),
    Attack(
        "proof-hmac", "a proof with an HMAC, its secret the victim's public key", "door", refused("alg"),
        forged(
            under_the_victims_key(lambda _, head, claims: with_hmac(str(head["jwk"]).encode(), head, claims), "HS256")
        ),
    ),
    Attack(
        "proof-alg-rs256", "a proof whose header claims another algorithm", "door", refused("alg"),
        forged(under_the_victims_key(lambda scene, head, claims: signed_by(own(scene), head, claims), "RS256")),
    ),
    Attack(
        "proof-foreign-jwk", "show the victim's public key, sign with one's own", "door", BAD_SIGNATURE,
        forged(under_the_victims_key(lambda scene, head, claims: signed_by(own(scene), head, claims))),
    ),
    Attack(
        "proof-zero-signature", "a signature of zeros (CVE-2022-21449) under the victim's public key", "door",
        BAD_SIGNATURE, forged(under_the_victims_key(lambda _, head, claims: assembled(head, claims, bytes(64)))),
    ),
    Attack(
        "proof-no-signature", "an empty signature under the victim's public key, alg ES256", "door", BAD_SIGNATURE,
        forged(under_the_victims_key(lambda _, head, claims: assembled(head, claims))),
    ),
    Attack(
        "proof-kid", "name the victim's key by its thumbprint instead of showing one", "door", refused("kid"),
        forged(lambda scene, claims: signed_by(own(scene), named(PROOF, scene.public_key()), claims)),
    ),
    Attack(
        "proof-two-keys", "show one's own key and name the victim's", "door", refused("kid"),
        forged(
            lambda scene, claims: signed_by(
                own(scene), own_header(PROOF, own(scene)) | {"kid": named(PROOF, scene.public_key())["kid"]}, claims
            )
        ),
    ),
    Attack(
        "proof-crit", "a critical header extension that switches the check off for whoever obeys it", "door",
        refused("crit"),
        forged(lambda scene, claims: signed_by(own(scene), own_header(PROOF, own(scene)) | {"crit": ["b64"]}, claims)),
    ),
    Attack(
        "proof-is-login", "a document of the type of a login in place of a proof", "door", refused("doorward-login"),
        forged(lambda scene, claims: signed_by(own(scene), own_header(LOGIN, own(scene)), claims)),
    ),
    Attack(
        "proof-is-roster", "the published roster, genuinely signed, in place of a proof", "door", refused("kid"),
        forged(lambda scene, _: scene.den.stolen.rosters[FRONT]),
    ),
    Attack(
        "proof-incomplete", "a proof that leaves the bound descriptions out", "door", refused("offer"),
        forged(
            lambda scene, claims: signed_by(
                own(scene),
                own_header(PROOF, own(scene)),
                {name: claims[name] for name in claims if name not in {"offer", "answer"}},
            )
        ),
    ),
    Attack("proof-empty", "no proof at all", "door", refused("not a compact JWS"), forged(lambda *_: "")),
    Attack(
        "proof-other-door", "a proof for the other door of the house", "door", NOT_KNOWN, forged(by(own, device=BACK))
    ),
    Attack("invented-link", "answer a link that the door never offered", "door", NO_OFFER, invented_link),
    Attack("other-session", "answer one person's offer in another's session", "door", NO_OFFER, of_another_session),
    Attack("second-answer", "answer an offer again that a bad answer has used up", "door", NO_OFFER, twice),
    Attack("answer-flood", "300 bad answers to one offer", "door", NO_OFFER, many),
    Attack("reflected-offer", "the door's own offer as its answer, roles turned round", "door", NOT_KNOWN, reflected),
    Attack(
        "session-flood", "60 pages of one person at once", "door", Ends(log="links-full", close="full"), many_sessions
    ),
    Attack(
        "proof-is-accepted", "the door's own confirmation of a roster in place of a proof", "door", refused("kid"),
        forged(accepted_as_proof),
    ),
)  # fmt: skip
