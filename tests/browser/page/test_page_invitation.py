"""Invitations: the secret leaves the address, the key never leaves the browser, and nothing is ever re-pinned."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from protocol.ids import b64url, unb64url
from protocol.keys import new_key, private_jwk, public_jwk
from tests.browser.page.stand import House, Server

STORED = """async () => {
  const { Vault } = await import("/vault.js");
  const vault = await Vault.open();
  return { sites: (await vault.sites()).map(({ key, ...rest }) => rest), rosters: await vault.rosters("home") };
}"""


def stored(page: Page) -> Any:
    return page.evaluate(STORED)


def follow(page: Page, link: str) -> None:
    """Open the link the way a person does: a page of its own."""
    page.goto("about:blank")
    page.goto(link)


def refused(page: Page, code: str) -> None:
    page.locator(f"#invitation-refused[data-code={code}]").wait_for()


def test_the_fragment_is_gone_before_anything_else_runs(page: Page, house: House) -> None:
    # Hold back every other module: the address must be clean without them.
    page.route("**/main.js", lambda route: route.abort())
    page.goto(house.invitation())
    page.wait_for_function("() => location.hash === ''")
    assert page.url == f"{house.origin}/"
    assert page.evaluate("() => history.length") <= 2


def test_nothing_is_stored_before_the_person_has_confirmed(page: Page, house: House) -> None:
    page.goto(house.invitation())
    assert page.locator("#invitation-site").inner_text() == "Home"
    assert page.locator("#invitation-host").inner_text() == house.host
    assert stored(page) == {"sites": [], "rosters": []}
    page.locator("#cancel-invitation").click()
    page.locator("#welcome").wait_for()
    assert stored(page) == {"sites": [], "rosters": []}


def test_a_confirmed_invitation_keeps_no_readable_secret(page: Page, house: House, server: Server) -> None:
    page.goto(house.invitation(serials={"front-door": 12}))
    page.locator("#confirm-invitation").click()
    server.connected()
    kept = stored(page)
    assert [site["site"] for site in kept["sites"]] == ["home"]
    assert kept["sites"][0]["rosterKey"] == public_jwk(house.roster_key)
    assert kept["rosters"] == [
        {"site": "home", "device": "front-door", "serial": 12, "digest": None, "jws": None, "rosterKey": None}
    ]
    secret = private_jwk(house.alice)["d"]
    assert secret not in json.dumps(kept)
    key = page.evaluate(
        """async () => {
          const { Vault } = await import("/vault.js");
          const { key } = await (await Vault.open()).site("home");
          const tries = await Promise.allSettled(["jwk", "pkcs8", "raw"].map((f) => crypto.subtle.exportKey(f, key)));
          const exported = tries.map((t) => t.status);
          return { type: key.type, extractable: key.extractable, usages: key.usages, exported };
        }"""
    )
    assert key == {"type": "private", "extractable": False, "usages": ["sign"], "exported": ["rejected"] * 3}
    # Nor is it anywhere else a script could look.
    assert page.evaluate("() => [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert secret not in page.content()


def test_an_invitation_of_another_operator_changes_nothing(invited: Page, house: House) -> None:
    before = stored(invited)
    follow(invited, house.another().invitation())
    refused(invited, "other-operator")
    assert stored(invited) == before


def test_an_invitation_for_another_person_changes_nothing(invited: Page, house: House) -> None:
    before = stored(invited)
    follow(invited, house.invitation(answerer="bob", key=new_key()))
    refused(invited, "other-person")
    assert stored(invited) == before


def test_serials_never_fall_and_a_new_key_of_the_same_person_is_taken(invited: Page, house: House) -> None:
    fresh = new_key()
    follow(invited, house.invitation(serials={"front-door": 9, "back-door": 3}, key=fresh))
    invited.locator("#confirm-invitation").click()
    invited.locator("#doors").wait_for()
    follow(invited, house.invitation(serials={"front-door": 2}, key=fresh))
    invited.locator("#confirm-invitation").click()
    invited.locator("#doors").wait_for()
    kept = stored(invited)
    assert {one["device"]: one["serial"] for one in kept["rosters"]} == {"front-door": 9, "back-door": 3}
    assert kept["sites"][0]["jwk"] == public_jwk(fresh)


def test_the_vault_itself_refuses_to_re_pin(invited: Page, house: House) -> None:
    script = """async ([text]) => {
      const { read } = await import("/invitation.js");
      const { Vault } = await import("/vault.js");
      try { await (await Vault.open()).accept(await read(text)); } catch (error) { return error.message; }
      return "taken";
    }"""
    text = house.another().invitation().split("#i=")[1]
    assert "pinned" in invited.evaluate(script, [text])


def test_a_server_the_page_may_not_talk_to(page: Page, house: House) -> None:
    page.goto(house.invitation(signaling="wss://elsewhere.example:8443/answerer"))
    refused(page, "other-host")
    assert stored(page)["sites"] == []


def test_an_invitation_pasted_into_an_open_page(invited: Page, house: House) -> None:
    invited.evaluate("(hash) => { location.hash = hash; }", house.another().invitation().split("#")[1])
    refused(invited, "other-operator")
    assert "#" not in invited.url
    invited.locator("#dismiss-invitation").click()
    invited.locator("#doors").wait_for()


def mangled(house: House, **changes: Any) -> str:
    invitation = json.loads(unb64url(house.invitation().split("#i=")[1]))
    invitation.update(changes)
    return b64url(json.dumps({k: v for k, v in invitation.items() if v is not ...}).encode())


READ = """async (texts) => {
  const { read } = await import("/invitation.js");
  return Promise.all(texts.map((text) => read(text).then(() => "read", (error) => `${error.name} ${error.code}`)));
}"""


def test_malformed_invitations(blank: Page, house: House) -> None:
    private = private_jwk(house.alice)
    good = house.invitation().split("#i=")[1]
    assert blank.evaluate(READ, [good]) == ["read"]
    bad = {
        "empty": "",
        "not base64url": "%%%",
        "padded": good + "=",
        "cut": good[:-8],
        "not JSON": b64url(b"{"),
        "duplicate": b64url(b'{"v":1,' + unb64url(good)[1:]),
        "too long": "A" * 20000,
        "version": mangled(house, v=2),
        "unknown member": mangled(house, x=1),
        "missing member": mangled(house, serials=...),
        "site": mangled(house, site="Home!"),
        "public key only": mangled(house, key=public_jwk(house.alice)),
        "halves differ": mangled(house, key=private | {"d": private_jwk(new_key())["d"]}),
        "extractable wanted": mangled(house, key=private | {"ext": True}),
        "another curve": mangled(house, key=private | {"crv": "P-384"}),
        "secret roster key": mangled(house, roster_key=private_jwk(house.roster_key)),
        "roster key off the curve": mangled(house, roster_key=public_jwk(house.roster_key) | {"y": "A" * 43}),
        "serial": mangled(house, serials={"front-door": 0}),
        "serial too large": mangled(house, serials={"front-door": 2**53}),
        "device": mangled(house, serials={"Front Door": 1}),
        "ws": mangled(house, signaling=f"ws://{house.host}/answerer"),
        "path": mangled(house, signaling=f"wss://{house.host}/device"),
        "query": mangled(house, signaling=f"wss://{house.host}/answerer?x"),
        "user": mangled(house, signaling=f"wss://a@{house.host}/answerer"),
        "fragment": mangled(house, signaling=f"wss://{house.host}/answerer#"),
        "not an address": mangled(house, signaling="answerer"),
    }
    verdicts = dict(zip(bad, blank.evaluate(READ, list(bad.values())), strict=True))
    assert verdicts == dict.fromkeys(bad, "InvitationError malformed")


@pytest.mark.parametrize(
    ("policy", "hosts"),
    [
        ("", ["own:1"]),
        ("default-src 'none'", ["own:1"]),
        ("default-src 'none'; connect-src 'self' wss://a.example:8443", ["own:1", "a.example:8443"]),
        ("connect-src wss://A.example", ["a.example:443"]),
        ("connect-src * https: wss://*.example wss: 'none' https://b.example", []),
    ],
)
def test_the_policy_says_which_servers_are_permitted(blank: Page, policy: str, hosts: list[str]) -> None:
    assert blank.evaluate("async (p) => (await import('/invitation.js')).hostsOf(p, 'own:1')", policy) == hosts
