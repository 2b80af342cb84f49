"""The page on a home screen: it opens without its server, and a newer one of it is offered, whole or not at all."""

import json

import pytest
from playwright.sync_api import BrowserContext, Page

from signaling.adapters.page import FOLDER
from tests.browser.page.stand import House, Server, log_in
from tests.harness.processes import wait_until

KEPT = """async () => {
  const names = (await caches.keys()).filter((name) => name.startsWith("doorward-shell-"));
  const files = [];
  for (const name of names) {
    for (const { url } of await (await caches.open(name)).keys()) files.push(new URL(url).pathname.slice(1));
  }
  return { generations: names.length, files: [...new Set(files)].sort() };
}"""
COMPLETE = """async () => {
  const notes = await (await caches.open("doorward-notes")).match("/generations");
  return notes !== undefined && (await notes.json()).inUse !== null;
}"""


def kept(page: Page) -> None:
    """Until the service worker has the whole page, and serves it."""
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    wait_until("the page is kept", lambda: page.evaluate(COMPLETE))
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")


def test_the_page_opens_without_its_server_and_knows_its_doors(invited: Page, house: House, server: Server) -> None:
    log_in(server, house, [house.signed()])
    invited.locator("#door-front-door").wait_for()
    kept(invited)
    server.down = True
    invited.reload()
    invited.locator("#door-front-door").wait_for()
    assert invited.evaluate("async () => (await fetch('/shell.json').catch(() => null))?.ok ?? false") is False
    assert invited.evaluate("() => document.querySelector('.brand').innerText") == "Doorward"


def test_what_is_kept_is_the_whole_page_and_nothing_else(invited: Page) -> None:
    kept(invited)
    names = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    mine = {name for name in names if name != "sw.js" and not name.startswith("style/")}
    seen = invited.evaluate(KEPT)
    assert seen["generations"] == 1
    assert set(seen["files"]) == mine | {""}


def test_a_newer_page_is_offered_and_taken_when_the_person_says_so(invited: Page, server: Server) -> None:
    kept(invited)
    server.version = "newer"
    invited.evaluate("async () => (await navigator.serviceWorker.ready).active.postMessage('look')")
    invited.locator("#update").wait_for()
    assert invited.evaluate(KEPT)["generations"] == 2
    with invited.expect_navigation():
        invited.locator("#update button").click()
    invited.locator("#doors").wait_for()
    wait_until("the older page is gone", lambda: invited.evaluate(KEPT)["generations"] == 1)
    assert invited.locator("#update").is_hidden()


def test_files_that_are_not_what_their_digests_say_are_never_taken(invited: Page, server: Server) -> None:
    """A page that is being replaced while it is fetched: no mixture of two is kept."""
    kept(invited)
    before = invited.evaluate(KEPT)
    server.version = "newer"
    invited.context.route(
        "**/shell.json",
        lambda route: route.fulfill(
            content_type="application/json",
            body=json.dumps({"version": "mixed", "files": {"index.html": "sha256-" + "A" * 43 + "="}}),
        ),
    )
    refused = """async () => {
      const { files, version } = await (await fetch("/shell.json", { cache: "no-store" })).json();
      const [[name, integrity]] = Object.entries(files);
      return fetch(name, { integrity, cache: "no-cache" }).then(() => "taken", () => `${version} refused`);
    }"""
    assert invited.evaluate(refused) == "mixed refused"
    assert invited.evaluate(KEPT)["files"] == before["files"]
    assert invited.locator("#update").is_hidden()


def test_the_worker_is_the_only_script_address_that_can_be_made(context: BrowserContext, server: Server) -> None:
    page = context.new_page()  # not the fixture's, which allows no breach of the policy
    page.goto(f"{server.origin}/blank.html")
    made = """async (address) => {
      await import("/updates.js");
      try { trustedTypes.createPolicy("another", { createScriptURL: (one) => one }); return "another policy"; }
      catch { /* as it should be */ }
      try { await navigator.serviceWorker.register(address); } catch (error) { return error.name; }
      return "a bare address";
    }"""
    assert page.evaluate(made, "/test/door.js") == "TypeError"


@pytest.mark.parametrize("name", ["icons/180.png", "icons/192.png", "icons/512.png", "icons/maskable.png"])
def test_the_icons_are_as_large_as_they_say(blank: Page, name: str) -> None:
    size = blank.evaluate(
        "async (name) => { const i = new Image(); i.src = `/${name}`; await i.decode(); return [i.width, i.height]; }",
        name,
    )
    wanted = {"180": 180, "192": 192}.get(name.removeprefix("icons/").removesuffix(".png"), 512)
    assert size == [wanted, wanted]


def test_it_can_be_installed(invited: Page) -> None:
    manifest = json.loads((FOLDER / "manifest.webmanifest").read_text())
    assert (manifest["display"], manifest["start_url"]) == ("standalone", "./")
    for icon in manifest["icons"]:
        assert (FOLDER / icon["src"]).is_file()
    kept(invited)
    session = invited.context.new_cdp_session(invited)
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [error["errorId"] for error in errors if error["errorId"] != "in-incognito"] == []
