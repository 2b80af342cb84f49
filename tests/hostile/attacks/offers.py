"""Impersonated doors: a real page, genuinely served, is offered what no door of the house has made."""

import secrets
from collections.abc import Awaitable, Callable

from protocol.ids import b64url
from tests.hostile.attack import Attack, Ends
from tests.hostile.den import BACK
from tests.hostile.ends import Page
from tests.hostile.forge import Edit, edit_lines, fingerprint_lines, substituted, with_fingerprint
from tests.hostile.peers import FakeDoor
from tests.hostile.scene import Scene, Visit

FINGERPRINT = Ends(close="fingerprint", console="link ended (fingerprint)")
SHA1 = "a=fingerprint:sha-1 " + ":".join(["AB"] * 20)

Change = Callable[[Scene, FakeDoor], Edit]
"""What is done to the fake door's offer."""


def refused(why: str, reason: str = "error") -> Ends:
    return Ends(close=reason, console=why)


async def offered(scene: Scene, visit: Visit, door: FakeDoor, edit: Edit = str, device: str = "") -> str:
    """Offer the page a link with this door, and take what there is if it answers; the link's name."""
    link = b64url(secrets.token_bytes(16))
    sdp = edit(await door.offer())
    await visit.end.say({"type": "offer", "device": device or scene.device, "link": link, "sdp": sdp})
    scene.begin(_follow(scene, visit.end, door, link))
    return link


async def _follow(scene: Scene, page: Page, door: FakeDoor, link: str) -> None:
    answer = await page.expect("answer", 60, link=link)
    door.accept(answer["sdp"])
    await door.plunder(scene.names(link))


def with_offer(change: Change) -> Callable[[Scene], Awaitable[None]]:
    async def run(scene: Scene) -> None:
        door = scene.fake_door()
        await offered(scene, await scene.visit(), door, change(scene, door))

    return run


def copied(edit: Edit = str) -> Callable[[Scene], Awaitable[None]]:
    """The offer of a fake door, with the true door's fingerprint in it, and this done to it."""
    return with_offer(lambda scene, _: lambda sdp: edit(with_fingerprint(scene.true_fingerprint)(sdp)))


def fingerprints(make: Callable[[int, str, str], list[str]]) -> Callable[[Scene], Awaitable[None]]:
    """`make` gets the number of the section, the true line and the fake door's own one."""
    true = "a=fingerprint:sha-256 "
    return with_offer(
        lambda scene, _: fingerprint_lines(lambda number, line: make(number, true + scene.true_fingerprint, line))
    )


def before_the_sections(added: Callable[[Scene], str]) -> Callable[[Scene], Awaitable[None]]:
    return with_offer(lambda scene, _: lambda sdp: sdp.replace("m=video", f"{added(scene)}\r\nm=video", 1))


def without_data(sdp: str) -> str:
    return sdp[: sdp.index("m=application")].replace("BUNDLE 0 1 2", "BUNDLE 0 1")


def second_video(sdp: str) -> str:
    return sdp + sdp[sdp.index("m=video") : sdp.index("m=audio")].replace("a=mid:0", "a=mid:9")


def audio_level(sdp: str) -> str:
    level = "a=extmap:5 urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    return edit_lines(sdp, lambda line: [line, level] if line == "a=mid:1" else [line])


async def unknown_door(scene: Scene) -> None:
    await offered(scene, await scene.visit(), scene.fake_door(), device="cellar")


async def other_door(scene: Scene) -> None:
    """A real door, whose roster the page gets, too; but it does not name this person."""
    visit = await scene.visit()
    await visit.end.say({"type": "roster", "jws": scene.den.stolen.rosters[BACK]})
    await offered(scene, visit, scene.fake_door(), device=BACK)


async def reflected(scene: Scene) -> None:
    """The page's own answer comes back as an offer, in its own role."""
    visit = await scene.visit()
    link = await offered(scene, visit, scene.fake_door(), with_fingerprint(scene.true_fingerprint))
    answer = await visit.end.expect("answer", link=link)
    await visit.end.say({"type": "offer", "device": scene.device, "link": "R" * 22, "sdp": answer["sdp"]})


async def flood(scene: Scene) -> None:
    visit, door = await scene.visit(), scene.fake_door()
    sdp = await door.offer()
    for number in range(200):
        await visit.end.say({"type": "offer", "device": scene.device, "link": f"{number:022}", "sdp": sdp})
    await visit.end.expect("close", 30, link=f"{199:022}")


async def replaced_hello(scene: Scene) -> None:
    """Hold the page with an offer that it can answer, and tell it meanwhile that it is talking."""
    visit = await scene.visit()
    link = await offered(scene, visit, scene.fake_door(), with_fingerprint(scene.true_fingerprint))
    await visit.end.expect("answer", link=link)
    for kind in ("hello", "state"):
        await visit.end.say({"type": kind, "device": scene.device, "link": link})


ATTACKS = tuple(
    Attack(f"offer-{name}", tries, "page", ends, run, "page")
    for name, tries, ends, run in (
        ("own-certificate", "a door with a certificate of one's own", FINGERPRINT, with_offer(lambda *_: str)),
        ("copied-fingerprint", "the true fingerprint, with a connection of one's own behind it",
         refused("connection failed", "timeout"), copied()),
        ("no-fingerprint", "no fingerprint at all", FINGERPRINT, fingerprints(lambda *_: [])),
        ("first-section-only", "the true fingerprint in the first section, none in the others", FINGERPRINT,
         fingerprints(lambda number, true, _: [] if number else [true])),
        ("added-fingerprint", "the true fingerprint and one's own beside it", FINGERPRINT,
         fingerprints(lambda _, true, mine: [true, mine])),
        ("true-then-own", "the true fingerprint in the first section, one's own in the others", FINGERPRINT,
         fingerprints(lambda number, true, mine: [mine] if number else [true])),
        ("own-then-true", "one's own fingerprint in the first section, the true one in the others", FINGERPRINT,
         fingerprints(lambda number, true, mine: [true] if number else [mine])),
        ("true-for-session", "the true fingerprint for the session, one's own for its sections", FINGERPRINT,
         before_the_sections(lambda scene: f"a=fingerprint:sha-256 {scene.true_fingerprint}")),
        ("sha-1", "a fingerprint downgraded to SHA-1", FINGERPRINT, fingerprints(lambda *_: [SHA1])),
        ("sha-1-beside", "the true fingerprint with a SHA-1 of one's own beside it", FINGERPRINT,
         fingerprints(lambda _, true, __: [true, SHA1])),
        ("role-active", "the true fingerprint, the roles reflected: the door would be the client",
         refused("setup is not actpass"), copied(substituted("a=setup:actpass", "a=setup:active"))),
        ("plain-rtp", "the true fingerprint, media downgraded to RTP without encryption",
         refused("another kind or protocol"), copied(substituted("UDP/TLS/RTP/SAVPF", "RTP/AVPF"))),
        ("sdes", "the true fingerprint, and SRTP keys that the server knows (SDES)", refused("a=crypto has no place"),
         copied(substituted("a=mid:0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\r\na=mid:0"))),
        ("no-control", "the true fingerprint, and no data channel, so that no hello is needed",
         refused("sections are not"), copied(without_data)),
        ("second-video", "the true fingerprint, and a second video outside the bundle", refused("more than three"),
         copied(second_video)),
        ("unbundled", "the true fingerprint, and a bundle that leaves a section to itself",
         refused("not one BUNDLE group"), copied(substituted("BUNDLE 0 1 2", "BUNDLE 0 1"))),
        ("audio-level", "the true fingerprint, and the loudness of each packet in clear (RFC 6464)",
         refused("header extension"), copied(audio_level)),
        ("ice-lite", "the true fingerprint, and ICE without checks", refused("a=ice-lite has no place"),
         copied(lambda sdp: sdp.replace("m=video", "a=ice-lite\r\nm=video", 1))),
        ("bare-lines", "the true fingerprint, lines ended as another parser might read them",
         refused("not printable"), copied(substituted("a=mid:0\r\n", "a=mid:0\n"))),
        ("oversize", "a description longer than any", Ends(console="the server said something wrong"),
         copied(lambda sdp: sdp + "a=ssrc:1 x\r\n" * 4000)),
        ("unknown-door", "a door that no roster speaks of", refused("no roster in force", "roster"), unknown_door),
        ("other-door", "a real door's name, in whose roster this person is not",
         refused("no roster in force", "roster"), other_door),
        ("reflected-answer", "the page's own answer as an offer", refused("not one an offer may have"), reflected),
        ("flood", "200 offers at once", FINGERPRINT, flood),
        ("hello-by-server", "the words of a link, said by the server",
         Ends(console="the server said something wrong"), replaced_hello),
    )
)  # fmt: skip
