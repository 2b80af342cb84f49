"""Between a real door and a real page, both of which hold their keys and want to talk to each other."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.harness.namespaces import DOOR_ADDRESS
from tests.hostile.attack import Attack, Ends, Lane
from tests.hostile.attacks.proofs import NO_OFFER, NOT_KNOWN, refused
from tests.hostile.ends import SOON_S, Message
from tests.hostile.forge import (
    Edit,
    candidates_of,
    credentials,
    edit_lines,
    fingerprint_lines,
    substituted,
    with_credentials,
)
from tests.hostile.lies import Doubled, Edited, Held, Overheard, Reordered, TwoLegs
from tests.hostile.relay import Lie
from tests.hostile.scene import Scene, Secret, Visit

OWN = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
ELSEWHERE = f"candidate:1 1 udp 2130706431 {DOOR_ADDRESS} 9 typ host"
"""Where the relay could listen; nobody does."""

Run = Callable[[Scene], Awaitable[None]]


def edited(offer: Edit = str, answer: Edit = str) -> Run:
    async def run(scene: Scene) -> None:
        await scene.visit(Edited(offer, answer))

    return run


def lied(make: Callable[[], Lie]) -> Run:
    async def run(scene: Scene) -> None:
        await scene.visit(make())

    return run


async def two_legs(scene: Scene) -> None:
    door, page = scene.fake_door(), scene.fake_page()
    visit = await scene.visit(TwoLegs(door, page, scene.true_fingerprint))
    answer = await visit.end.expect("answer")
    for plunder in (door.plunder, page.plunder):
        scene.begin(plunder(scene.names(answer["link"])))


async def stolen_ice(scene: Scene) -> None:
    """The page's answer and proof, untouched; but the door is led to another end of the connection."""
    page, lie = scene.fake_page(), Overheard()
    visit = await scene.visit(lie)
    answer = await visit.end.expect("answer")
    # The page itself is made to go, so that nobody else answers the door's checks.
    await visit.end.say({"type": "close", **_where(answer), "reason": "bye"})
    await visit.end.expect("close")
    await visit.tab.page.wait_for_function("() => window.__spy.open() === 0")
    lines = candidates_of(await page.impersonate(lie.offer, credentials(answer["sdp"])))
    door = await scene.den.relay.door(scene.device)
    here = {"session": visit.end.session, "link": answer["link"]}
    await door.say({**_plain(answer), "session": visit.end.session})
    for line in lines:
        candidate = {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0}
        await door.say({"type": "candidate", **here, "candidate": candidate})
    scene.begin(page.plunder(scene.names(answer["link"])))


async def swapped_candidates(scene: Scene) -> None:
    """Each is told that the other is where the relay listens."""

    class Elsewhere(Lie):
        async def to_door(self, message: Message) -> list[Message]:
            if message["type"] == "candidate" and message["candidate"]:
                message["candidate"]["candidate"] = ELSEWHERE
            return [message]

        async def to_page(self, message: Message) -> list[Message]:
            if message["type"] != "offer":
                return [message]
            there = {"candidate": ELSEWHERE, "sdpMid": "0", "sdpMLineIndex": 0}
            return [message, {"type": "candidate", **_where(message), "candidate": there}]

    await scene.visit(Elsewhere())


def _where(message: Message) -> Message:
    return {"device": message["device"], "link": message["link"]}


async def live(scene: Scene, lie: Lie | None = None) -> tuple[Visit, Message]:
    """A real page and a real door, connected; the page's answer."""
    visit = await scene.visit(lie or Lie())
    answer = await visit.end.expect("answer")
    await visit.tab.page.wait_for_selector(f'#door-{scene.device}[data-link="live"]')
    return visit, answer


async def answer_again(scene: Scene) -> None:
    visit, answer = await live(scene)
    door = await scene.den.relay.door(scene.device)
    for _ in range(3):
        await door.say({**_plain(answer), "session": visit.end.session})


async def proof_for_the_next(scene: Scene) -> None:
    """A genuine answer with its proof, for the next link of the same person."""
    _, answer = await live(scene)
    again = await scene.pretend()
    offer = await again.expect("offer")
    await again.say("answer", offer["link"], sdp=answer["sdp"], proof=answer["proof"])


async def session_again(scene: Scene) -> None:
    """The whole of an earlier link, once it is over: its offer to the page, the page's fresh answer to the door."""
    old = await scene.pretend()
    offer = await old.expect("offer")
    await scene.den.relay.leave(old, scene.device)

    class Old(Secret):
        async def to_door(self, message: Message) -> list[Message]:
            return [message]

    visit = await scene.visit(Old())
    await visit.end.say({**offer, "device": scene.device})
    answer = await visit.end.expect("answer")
    await old.say("answer", answer["link"], sdp=answer["sdp"], proof=answer["proof"])


async def crossed(scene: Scene) -> None:
    """One person's offer is shown to another's page, whose genuine proof comes back in the first one's session."""
    made = await scene.pretend()
    offer = await made.expect("offer")
    visit = await scene.visit(person=scene.another_person())
    await visit.end.say({**offer, "device": scene.device})
    answer = await visit.end.expect("answer")
    await made.say("answer", offer["link"], sdp=answer["sdp"], proof=answer["proof"])


async def login_for_proof(scene: Scene) -> None:
    """The page's own login, genuinely signed, as its proof."""
    page, made = scene.fake_page(), await scene.pretend()
    visit = await scene.visit()
    offer = await made.expect("offer")
    await made.say("answer", offer["link"], sdp=await page.answer(offer["sdp"]), proof=visit.end.login)


async def said_gone(scene: Scene) -> None:
    """To both: the other has left, the link is closed, for every reason there is."""
    visit, answer = await live(scene)
    door = await scene.den.relay.door(scene.device)
    here = {"link": answer["link"], "device": scene.device}
    for reason in ("bye", "replaced", "full", "fingerprint", "proof", "roster", "hello", "timeout", "error"):
        await visit.end.say({"type": "close", **here, "reason": reason})
        await door.say({"type": "close", "session": visit.end.session, "link": answer["link"], "reason": reason})
    await door.say({"type": "left", "session": visit.end.session})
    await visit.end.say({"type": "device", "device": scene.device, "online": False})
    # What is asked for a sign of life has 2 s to give one.
    await asyncio.sleep(2.5)


async def rosters_to_both(scene: Scene) -> None:
    """While they talk: the roster of before, and one that removes the person."""
    visit, _ = await live(scene)
    door = await scene.den.relay.door(scene.device)
    for end in (door, visit.end):
        await end.say({"type": "roster", "jws": scene.den.stolen.old_rosters[scene.device]})


async def candidates(scene: Scene) -> None:
    """Hundreds, to places all over the network and to no place at all, in both directions, while they connect."""
    lines = [ELSEWHERE.replace(" 9 ", f" {port} ") for port in range(9001, 9200)]
    lines += [ELSEWHERE.replace("udp", "tcp"), "candidate:1 1 udp 1 evil.example 9 typ host", "x"]
    lines += ["candidate:1 1 udp 1 224.0.0.1 9 typ host"]

    class Flood(Lie):
        async def to_door(self, message: Message) -> list[Message]:
            return [message, *self._flood(message)] if message["type"] == "answer" else [message]

        async def to_page(self, message: Message) -> list[Message]:
            return [message, *self._flood(message)] if message["type"] == "offer" else [message]

        def _flood(self, message: Message) -> list[Message]:
            found = [{"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0} for line in reversed(lines)]
            return [{"type": "candidate", **_where(message), "candidate": one} for one in found]

    await scene.visit(Flood())


async def cut_off(scene: Scene) -> None:
    """Hang up on both, and let neither come back for a while."""
    visit, _ = await live(scene)
    door = await scene.den.relay.door(scene.device)
    await visit.end.hang_up()
    await door.hang_up()


PENDING_S = 31.0
"""Longer than an offer may stay unanswered, and a link take (protocol section 4, 4; section 8, 9)."""


async def late_answer(scene: Scene) -> None:
    visit = await scene.visit(Held("door", "answer", PENDING_S))
    await visit.end.expect("answer")
    await asyncio.sleep(PENDING_S)


async def late_offer(scene: Scene) -> None:
    visit = await scene.visit(Held("page", "offer", PENDING_S))
    await visit.end.expect("answer", PENDING_S + SOON_S)


async def no_answer(scene: Scene) -> None:
    visit = await scene.visit(Held("door", "answer", None))
    await visit.end.expect("close", PENDING_S + SOON_S, reason="timeout")


def _plain(message: Message) -> Message:
    return {name: value for name, value in message.items() if name != "device"}


TRUE_ENDS = Ends(log="link-up", stays=True)
FAILS = Ends(close="fingerprint", console="link ended (fingerprint)")

LIES: tuple[tuple[str, str, Ends, Run, Lane], ...] = (
    ("swap-in-offer", "the thief's fingerprint in the door's offer", FAILS,
     edited(offer=fingerprint_lines(lambda *_: [OWN])), "door"),
    ("swap-in-answer", "the thief's fingerprint in the page's answer", refused("fingerprint is not the one"),
     edited(answer=fingerprint_lines(lambda *_: [OWN])), "door"),
    ("strip-offer", "no fingerprint in the door's offer", FAILS,
     edited(offer=fingerprint_lines(lambda *_: [])), "door"),
    ("strip-answer", "no fingerprint in the page's answer", refused("no fingerprint"),
     edited(answer=fingerprint_lines(lambda *_: [])), "door"),
    ("add-to-offer", "the thief's fingerprint beside the door's", FAILS,
     edited(offer=fingerprint_lines(lambda _, line: [line, OWN])), "door"),
    ("add-to-answer", "the thief's fingerprint beside the page's", refused("more than one fingerprint"),
     edited(answer=fingerprint_lines(lambda _, line: [line, OWN])), "door"),
    ("sha-1-answer", "the page's fingerprint downgraded to SHA-1", refused("not SHA-256"),
     edited(answer=fingerprint_lines(lambda *_: ["a=fingerprint:sha-1 " + ":".join(["AB"] * 20)])), "door"),
    ("first-section", "the page's fingerprint in the first section of its answer, the thief's in the others",
     refused("different fingerprints"), edited(answer=fingerprint_lines(lambda n, line: [OWN if n else line])),
     "door"),
    ("two-legs", "a connection with each, both through the thief, and the page's genuine proof between",
     Ends(log="proof-refused", why="fingerprint", console="link ended (timeout)"), two_legs, "door"),
    ("offer-candidates", "the door's addresses in its offer replaced by the thief's",
     refused("offer is not the one"),
     edited(offer=lambda sdp: edit_lines(sdp, lambda line: [
         f"a={ELSEWHERE}" if line.startswith("a=candidate:") else line
     ])), "door"),
    ("offer-variable-rate", "Opus at a variable rate, whose packet sizes tell what is said",
     refused("offer is not the one"), edited(offer=substituted("cbr=1", "cbr=0")), "door"),
    ("answer-credentials", "the thief's ICE credentials in the page's answer", refused("answer is not the one"),
     edited(answer=lambda sdp: with_credentials(sdp, "evil", "e" * 24)), "door"),
    ("answer-variable-rate", "variable rate in the page's answer", refused("answer is not the one"),
     edited(answer=substituted("cbr=1", "cbr=0")), "door"),
    ("answer-passive", "the roles reflected: the page would be the server", refused("setup is not active"),
     edited(answer=substituted("a=setup:active", "a=setup:passive")), "door"),
    ("answer-plain-rtp", "media without encryption in the page's answer", refused("media line"),
     edited(answer=substituted("UDP/TLS/RTP/SAVPF", "RTP/AVPF")), "door"),
    ("stolen-ice", "the genuine answer and proof, and the thief at the address where the page should be",
     Ends(log="link-down", why="connection failed"), stolen_ice, "door"),
    ("swapped-candidates", "each is told that the other is somewhere else", TRUE_ENDS, swapped_candidates, "door"),
    ("candidate-flood", "hundreds of candidates to both, some of them to no address at all",
     Ends(log="candidate-refused", console="candidate dropped", stays=True), candidates, "door"),
    ("doubled-to-door", "everything the page says, three times",
     Ends(log="answer-refused", stays=True), lied(lambda: Doubled(door=True, times=3)), "door"),
    ("doubled-to-page", "everything the door says, twice", Ends(console="link ended (replaced)"),
     lied(lambda: Doubled(door=False)), "door"),
    ("reordered", "what the page says after its answer, before it", TRUE_ENDS, lied(Reordered), "door"),
    ("answer-again", "the page's answer again, while the link stands", Ends(log="answer-refused", stays=True),
     answer_again, "door"),
    ("proof-again", "a genuine answer and proof again, for the person's next link", refused("link is not the one"),
     proof_for_the_next, "door"),
    ("offer-again", "a genuine offer again, after its time, and the page's fresh answer to it", NO_OFFER,
     session_again, "door"),
    ("crossed", "one person's offer shown to another, whose genuine proof comes back as the first one's",
     NOT_KNOWN, crossed, "door"),
    ("login-for-proof", "the page's genuine login as its proof", refused("doorward-login"), login_for_proof, "door"),
    ("said-gone", "to each, that the other has left and that the link is closed", TRUE_ENDS, said_gone, "door"),
    ("old-rosters", "the roster of before, to both, while they talk",
     Ends(log="roster-refused", console="a roster was refused", stays=True), rosters_to_both, "door"),
    ("cut-off", "hang up on both while they talk", Ends(log="signaling-down", stays=True), cut_off, "broken"),
    ("late-answer", "hold the page's answer back for longer than an offer lasts", NO_OFFER,
     late_answer, "slow"),
    ("late-offer", "hold the door's offer back for longer than it lasts", NO_OFFER,
     late_offer, "slow"),
    ("no-answer", "swallow the page's answer",
     Ends(log="link-down", why="silent while offered", console="not up within 30 s"),
     no_answer, "slow"),
)  # fmt: skip

ATTACKS = tuple(Attack(f"middle-{name}", tries, "both", ends, run, lane) for name, tries, ends, run, lane in LIES)
