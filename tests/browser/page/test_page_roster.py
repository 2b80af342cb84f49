"""Rosters: only the pinned key's, only this site's and door's, never an older one, never another of one serial."""

from typing import Any

import pytest
from playwright.sync_api import Page

from protocol.ids import b64url
from protocol.keys import public_jwk
from protocol.roster import Answerer, sign_roster, verify_roster
from tests.browser.page.stand import House

JUDGE = """async ([jws, key, site, device, held]) => {
  const { admit, verifyRoster } = await import("/roster.js");
  try { const signed = await verifyRoster(jws, key, site, device); admit(signed, held); return signed; }
  catch (error) { return { name: error.name, reason: error.reason, message: error.message }; }
}"""


def judge(page: Page, house: House, jws: str, *, device: str | None = "front-door", held: Any = None) -> dict[str, Any]:
    result: dict[str, Any] = page.evaluate(JUDGE, [jws, public_jwk(house.roster_key), "home", device, held])
    return result


def refused(result: dict[str, Any], about: str) -> None:
    assert (result.get("name"), result.get("reason")) == ("PeerError", "roster"), result
    assert about in result["message"]


def test_the_operators_roster_is_admitted_with_the_digest_everybody_computes(blank: Page, house: House) -> None:
    jws = house.signed(serial=7)
    result = judge(blank, house, jws, held={"serial": 6, "digest": "x"})
    assert result["digest"] == verify_roster(jws, public_jwk(house.roster_key), "home").digest
    assert result["roster"]["serial"] == 7


def test_another_keys_roster(blank: Page, house: House) -> None:
    refused(judge(blank, house, house.another().signed()), "another key")


def test_another_site_or_device(blank: Page, house: House) -> None:
    refused(judge(blank, house, house.signed(site="elsewhere")), "another site")
    refused(judge(blank, house, house.signed(device="back-door")), "another device")


def test_an_older_serial(blank: Page, house: House) -> None:
    refused(judge(blank, house, house.signed(serial=4), held={"serial": 5, "digest": None}), "older")


def test_the_same_serial_with_another_payload_but_not_with_another_signature(blank: Page, house: House) -> None:
    roster = house.roster(serial=5)
    one, again = sign_roster(roster, house.roster_key), sign_roster(roster, house.roster_key)
    assert one != again  # ECDSA: another signature each time
    held = {"serial": 5, "digest": verify_roster(one, public_jwk(house.roster_key), "home").digest}
    assert judge(blank, house, again, held=held)["roster"]["serial"] == 5
    refused(judge(blank, house, house.signed(serial=5, doors={}), held=held), "other contents")


def test_an_invitations_floor_admits_that_very_serial(blank: Page, house: House) -> None:
    floor = {"serial": 5, "digest": None}
    assert judge(blank, house, house.signed(serial=5), held=floor)["roster"]["serial"] == 5


def test_a_roster_that_contradicts_itself(blank: Page, house: House) -> None:
    # Signed without the checks that `sign_roster` makes first.
    from protocol import jws as jose
    from protocol.codec import encode

    def signed(**changes: Any) -> str:
        return jose.sign(encode(house.roster(**changes)).encode(), house.roster_key, "doorward-roster+jwt")

    answerers = house.roster().answerers
    twice = Answerer(label="Eve", keys=answerers["alice"].keys, may=["open"])
    refused(judge(blank, house, signed(answerers={**answerers, "eve": twice})), "a key stands twice")
    refused(judge(blank, house, signed(answerers={})), "somebody unknown")
    refused(judge(blank, house, signed(expires=1)), "before it is issued")
    one = ":".join(["AA"] * 32)
    refused(judge(blank, house, signed(fingerprints=[one, one])), "stands twice")


@pytest.mark.parametrize(
    "change",
    ['"v":2', '"v":1,"x":1', '"v":1,"v":1', '"v":true', '"v":1.5', '"v":"1"'],
)
def test_a_payload_of_another_shape(blank: Page, house: House, change: str) -> None:
    from protocol import jws as jose
    from protocol.codec import encode

    text = encode(house.roster()).replace('"v":1', change)
    assert text != encode(house.roster())
    refused(judge(blank, house, jose.sign(text.encode(), house.roster_key, "doorward-roster+jwt")), "")


def test_not_a_document_at_all(blank: Page, house: House) -> None:
    for jws in ("", "a.b", b64url(b"{}") + "..", "…"):
        refused(judge(blank, house, jws), "")


def test_expiry(blank: Page, house: House) -> None:
    script = "async ([expires, now]) => (await import('/roster.js')).expired({ expires }, now)"
    assert blank.evaluate(script, [100, 99]) is False
    assert blank.evaluate(script, [100, 100]) is True


def test_the_clock_never_runs_backwards(blank: Page) -> None:
    script = """async (kept) => {
      const { Clock } = await import("/clock.js");
      const clock = new Clock(kept, async () => undefined);
      const first = clock.now();
      clock.atLeast(first + 5000);
      return [first, clock.now(), Math.floor(Date.now() / 1000)];
    }"""
    first, second, real = blank.evaluate(script, 0)
    assert abs(first - real) <= 1
    assert second >= first + 5000
    assert blank.evaluate(script, real + 86400)[0] >= real + 86400
