"""Thousands of spoilt documents and messages: the page refuses each with its own error, or reads what Python reads.

The same changes every time; `DOORWARD_FUZZ=100` (`make fuzz`) tries a hundred times as many.
"""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from protocol import jws as jose
from protocol.candidates import vet_candidate_line
from protocol.codec import CONTROL_LIMIT, decode_union, encode, parse_json
from protocol.ids import b64url, unb64url
from protocol.keys import PublicJwk, new_key, public_jwk
from protocol.messages import FromDoor, parse_to_answerer
from protocol.roster import TYP
from protocol.roster_key import RosterKey, sign_roster_key
from protocol.sdp import vet_offer
from tests.browser.page.stand import CALL, IDLE, LINK, NONCE, RINGING, SESSION, House
from tests.unit.shapes import HOSTILE
from tests.unit.tampering import BASE64URL, TIMES
from tests.unit.test_sdp import OFFER

EACH = 1500 * TIMES
AT_ONCE = 1500

TRY = """async ([module, call, texts, rest]) => {
  const parse = (await import(module))[call];
  const outcomes = [];
  for (const text of JSON.parse(texts)) {
    try { outcomes.push({ value: await parse(text, ...rest) }); }
    catch (error) { outcomes.push({ error: error.name, reason: error.reason, message: String(error.message) }); }
  }
  return JSON.stringify(outcomes);
}"""


Outcome = dict[str, Any]
"""`value`, or `error` with `reason` and `message`."""


def outcomes(page: Page, module: str, call: str, texts: list[str], *rest: object) -> Iterator[tuple[str, Outcome]]:
    """What becomes of each text. They travel as JSON in ASCII, which carries half characters, too."""
    for start in range(0, len(texts), AT_ONCE):
        batch = texts[start : start + AT_ONCE]
        found = json.loads(page.evaluate(TRY, [module, call, json.dumps(batch), list(rest)]))
        assert len(found) == len(batch)
        yield from zip(batch, found, strict=True)


def refused(page: Page, module: str, call: str, texts: list[str], *rest: object) -> None:
    for text, outcome in outcomes(page, module, call, texts, *rest):
        assert outcome.get("error") == "PeerError", (text, outcome)


ODD = [
    *'\0\n\t"\\{}[]:,.-+eE0129aAzZ _=/',
    "é",
    "\u2028",
    "\ufeff",
    "\ud800",
    "\udc00",
    "\U0001f600",
    "__proto__",
    "null",
]


def spoil(chance: random.Random, text: str) -> str:
    """One to three changes: replaced, put in, left out, cut off, repeated, a bit turned."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        other = chance.choice(ODD) if chance.random() < 0.5 else chance.choice(BASE64URL)
        rest = text[at:]
        match chance.randrange(6):
            case 0:
                text = text[:at] + other + rest[1:]
            case 1:
                text = text[:at] + other + rest
            case 2:
                text = text[:at] + rest[chance.randint(1, 8) :]
            case 3:
                text = text[:at] if chance.random() < 0.2 else text[:at] + rest[1:]
            case 4:
                start = chance.randrange(len(text) + 1)
                text = text[:at] + text[start : start + chance.randint(1, 40)] + rest
            case _ if rest:
                text = text[:at] + chr(ord(rest[0]) ^ 1 << chance.randrange(7)) + rest[1:]
    return text


def spoilt(text: str, seed: object, count: int = EACH) -> list[str]:
    chance = random.Random(f"{seed}")
    found = (spoil(chance, text) for _ in range(2 * count))
    return [changed for changed in found if changed != text][:count]


def swapped(message: dict[str, Any], seed: object) -> list[str]:
    """Each member, at any depth, replaced by each hostile text, left out, or twice; and one too many."""
    texts = []
    for holder, name in places(message):
        old = holder[name]
        said, mark = json.dumps(old), '"\\ue000"'
        holder[name] = "\ue000"
        marked, label = json.dumps(message), json.dumps(name)
        texts += [marked.replace(mark, hostile) for hostile in HOSTILE]
        if isinstance(holder, dict):
            texts.append(marked.replace(mark, f"{said},{label}:{said}"))
            texts.append(marked.replace(mark, f'{said},"{seed}":{said}'))
            texts.append(marked.replace(f"{label}: {mark}, ", "").replace(f", {label}: {mark}", ""))
        holder[name] = old
    return texts


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    names = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for name in names:
        yield value, name
        yield from places(value[name])


# What is signed


@pytest.fixture
def roster(house: House) -> str:
    return house.signed(["AA" + ":AA" * 31])


def test_spoilt_rosters(blank: Page, house: House, roster: str) -> None:
    key = public_jwk(house.roster_key)
    texts = spoilt(roster, "roster")
    refused(blank, "/roster.js", "verifyRoster", texts, key, "home", "front-door")
    refused(blank, "/jws.js", "verify", texts, TYP, key)


def test_every_bit_of_a_roster(blank: Page, house: House, roster: str) -> None:
    texts = []
    for at, character in enumerate(roster):
        value = BASE64URL.find(character)
        others = [BASE64URL[value ^ 1 << bit] for bit in range(6)] if value >= 0 else ["A"]
        texts += [roster[:at] + other + roster[at + 1 :] for other in [*others, "", "=", "\n"]]
    refused(blank, "/jws.js", "verify", texts, TYP, public_jwk(house.roster_key))


def test_spoilt_successions(blank: Page, house: House) -> None:
    introduced = RosterKey(site="home", sequence=1, key=PublicJwk(**public_jwk(new_key())), issued=1790000000)
    text = sign_roster_key(introduced, house.roster_key)
    believed = {"jwk": public_jwk(house.roster_key), "sequence": 0}
    refused(blank, "/roster_key.js", "follow", spoilt(text, "succession"), believed, "home")


def test_rosters_rightly_signed_that_are_nonsense(blank: Page, house: House) -> None:
    good = encode(house.roster())
    texts = [*spoilt(good, "payload", 400), *HOSTILE, *swapped(json.loads(good), "x")[:1500]]
    payloads = [text.encode("utf-8", "surrogatepass") for text in texts if len(text) < 8000]
    tokens = [jose.sign(payload, house.roster_key, TYP) for payload in payloads]
    key = public_jwk(house.roster_key)
    accepted = 0
    for token, outcome in outcomes(blank, "/roster.js", "verifyRoster", tokens, key, "home", "front-door"):
        if "value" in outcome:
            accepted += 1
            assert outcome["value"]["roster"] == parse_json(unb64url(token.split(".")[1])), "read as Python reads it"
        else:
            assert (outcome["error"], outcome["reason"]) == ("PeerError", "roster"), outcome
            assert "undefined" not in outcome["message"], "no error but one of the page's own behind it"
    assert 0 < accepted < len(tokens) / 2, "a changed label or date is a roster, too"


# What is not signed: messages


JWS = f"{b64url(b'{}')}.{b64url(b'{}')}.{b64url(bytes(64))}"
CANDIDATE = {"candidate": "candidate:1 1 udp 1 10.0.0.1 5 typ host", "sdpMid": "0", "sdpMLineIndex": 0}
ICE = [{"urls": ["turn:door.example"], "username": "u", "credential": "c"}]
AT = {"device": "front-door", "link": LINK}

SERVER_SAYS: list[dict[str, Any]] = [
    {"type": "challenge", "nonce": NONCE, "site": "home"},
    {
        "type": "welcome", "session": SESSION, "ice_servers": ICE, "rosters": [JWS],
        "devices": [{"device": "front-door", "online": True}], "push_key": None,
    },
    {"type": "offer", **AT, "sdp": "v=0"},
    {"type": "device", "device": "front-door", "online": False},
    {"type": "roster", "jws": JWS},
    {"type": "roster-key", "jws": JWS},
    {"type": "candidate", **AT, "candidate": CANDIDATE},
    {"type": "candidate", **AT, "candidate": None},
    {"type": "close", **AT, "reason": "bye"},
    {"type": "error", "code": "x", "message": "y"},
]  # fmt: skip

DOOR_SAYS: list[dict[str, Any]] = [
    {"type": "hello", "v": 1, "link": LINK, "site": "home", "device": "front-door", "answerer": "alice", "serial": 1},
    IDLE,
    {**RINGING, "answered_by": "bob", "doors": {"main": {"open_until": 1790000000}}, "faults": ["camera", "strike"]},
    {"type": "done", "id": 7},
    {"type": "refused", "id": 7, "code": "not-now", "message": "m"},
    {"type": "roster", "jws": JWS},
    {"type": "roster-key", "jws": JWS},
    {"type": "close", "reason": "bye"},
    {"type": "ping", "id": 9007199254740991},
]


def from_door(text: str) -> object:
    return decode_union(text, FromDoor, CONTROL_LIMIT)


def whole(value: Any) -> Any:
    """As the page tells numbers: 1.0 and 1e2 are whole ones, and say the same."""
    if isinstance(value, dict):
        return {name: whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [whole(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def agree(page: Page, call: str, texts: list[str], parse: Callable[[str], object]) -> int:
    """How many the page took: those Python takes, too, and reads alike. Every other is refused with PeerError."""
    accepted = 0
    for text, outcome in outcomes(page, "/messages.js", call, texts):
        if "value" not in outcome:
            assert outcome["error"] == "PeerError", (text, outcome)
            continue
        accepted += 1
        read = whole(parse_json(text))
        assert outcome["value"] == read, text
        assert parse(json.dumps(read)), text
    return accepted


@pytest.mark.parametrize("call", ["fromServer", "fromDoor"])
def test_spoilt_messages(blank: Page, call: str) -> None:
    samples, parse = (SERVER_SAYS, parse_to_answerer) if call == "fromServer" else (DOOR_SAYS, from_door)
    good = [json.dumps(message) for message in samples]
    assert agree(blank, call, good, parse) == len(good)
    spoils = [text for message in good for text in spoilt(message, message, EACH // len(good) + 1)]
    texts = [*spoils, *(text for message in samples for text in swapped(message, "x")), *HOSTILE, CALL]
    taken = agree(blank, call, texts, parse)
    assert taken < len(texts) / 3, "whose change says something else that may be said"


# What is not signed: descriptions, candidates, invitations


def judged_alike(found: Iterator[tuple[str, Outcome]], judge: Callable[[str], object]) -> None:
    """What the page takes Python takes, with the same result; every other is refused with PeerError."""
    for text, outcome in found:
        if "error" in outcome:
            assert outcome["error"] == "PeerError", (text, outcome)
        else:
            assert judge(text) == outcome.get("value"), text


def test_spoilt_descriptions(blank: Page) -> None:
    found = outcomes(blank, "/sdp.js", "vet", spoilt(OFFER, "offer"), "offer")
    judged_alike(found, lambda text: vet_offer(text).fingerprint)


HOSTS = ["10.0.0.1", "::1", "2001:db8::ffff:1.2.3.4"]
ODD_HOSTS = [
    "fe80::1%eth0", "::ffff:10.0.0.1", "1.2.3", "010.0.0.1", "0x7f.1", "\u0661.1.1.1", "[::1]", "::", "ff02::1",
    "255.255.255.255", "224.0.0.1", "1::2::3", ":::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "::1.2.3.4", "1.2.3.4.5",
    "0.0.0.0",
]  # fmt: skip


def test_spoilt_candidates(blank: Page) -> None:
    lines = [f"candidate:1 1 udp 2130706431 {host} 50000 typ host" for host in HOSTS]
    texts = [text for line in lines for text in spoilt(line, line, EACH // 3)]
    texts += [lines[0].replace(HOSTS[0], host) for host in ODD_HOSTS]
    judged_alike(outcomes(blank, "/candidates.js", "vetCandidate", texts), vet_candidate_line)


def test_spoilt_invitations(blank: Page, house: House) -> None:
    """Nobody signs an invitation: what is taken of a spoilt one says what it says, and names a whole key."""
    text = house.invitation().partition("#i=")[2]
    plain = unb64url(text).decode()
    inner = [b64url(one.encode("utf-8", "surrogatepass")) for one in (*spoilt(plain, "invitation", 700), *HOSTILE)]
    for given, outcome in outcomes(blank, "/invitation.js", "read", [*spoilt(text, "invitation", 700), *inner]):
        if "error" in outcome:
            assert outcome["error"] == "InvitationError", (given, outcome)
        else:
            said = parse_json(unb64url(given))
            assert outcome["value"]["jwk"].items() <= said["key"].items()
            assert outcome["value"]["site"] == said["site"]
