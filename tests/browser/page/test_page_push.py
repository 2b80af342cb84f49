"""Ringing while the page is closed: what the page tells its server, and what the service worker shows."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from protocol.messages import PushSubscribe, PushUnsubscribe, parse_from_answerer
from tests.browser.page.stand import CALL, NONCE, SESSION, House, Server
from tests.browser.page.test_page_wishes import settings
from tests.fakes.push_service import Browser
from tests.harness.processes import wait_until

SERVER_KEY = "B" + "A" * 86
ENDPOINT = "https://push.example/abc"
PUSH_MANAGER = """(subscription) => {
  const real = ServiceWorkerRegistration.prototype;
  const key = () => Uint8Array.fromBase64?.("B" + "A".repeat(86), { alphabet: "base64url" })
    ?? Uint8Array.from(atob("B" + "A".repeat(86)), (one) => one.charCodeAt(0));
  let now = null;
  const made = () => ({
    options: { applicationServerKey: key().buffer }, toJSON: () => subscription,
    unsubscribe: async () => { now = null; return true; },
  });
  Object.defineProperty(real, "pushManager", { get: () => ({
    getSubscription: async () => now,
    subscribe: async (options) => {
      if (window.pushFails) throw new DOMException("no service", "AbortError");
      if (!options.userVisibleOnly) throw new TypeError("silent");
      now = made();
      return now;
    },
  }) });
  Object.defineProperty(Notification, "permission", { get: () => "default" });
  Notification.requestPermission = async () => "granted";
}"""


def welcome(server: Server, house: House, push_key: str | None = SERVER_KEY) -> None:
    server.connected()
    server.send({"type": "challenge", "nonce": NONCE, "site": house.site})
    server.expect("login")
    devices = [{"device": "front-door", "online": True}]
    server.send(
        {"type": "welcome", "session": SESSION, "ice_servers": [], "rosters": [house.signed()], "devices": devices,
         "push_key": push_key}
    )  # fmt: skip


@pytest.fixture
def pushing(page: Page, house: House, server: Server) -> Page:
    """A page in a browser that can be woken, as far as it can be shown without the internet."""
    subscription = Browser().subscription(ENDPOINT)
    keys = {"p256dh": subscription.keys.p256dh, "auth": subscription.keys.auth}
    page.add_init_script(
        f"({PUSH_MANAGER})({json.dumps({'endpoint': ENDPOINT, 'expirationTime': None, 'keys': keys})})"
    )
    page.goto(house.invitation())
    page.locator("#confirm-invitation").click()
    welcome(server, house)
    page.locator("#door-front-door").wait_for()
    return page


def test_the_person_allows_it_and_the_server_hears_where(pushing: Page, server: Server) -> None:
    pushing.locator("#enable-push").click()
    told = parse_from_answerer(json.dumps(server.expect("push-subscribe")))
    assert isinstance(told, PushSubscribe)
    assert told.subscription.endpoint == ENDPOINT
    settings(pushing)
    switch = pushing.locator("#setting-push-home")
    assert switch.is_checked()
    switch.uncheck()
    assert isinstance(parse_from_answerer(json.dumps(server.expect("push-unsubscribe"))), PushUnsubscribe)


def test_without_the_internet_the_page_says_so(pushing: Page) -> None:
    pushing.evaluate("() => { window.pushFails = true; }")
    pushing.locator("#enable-push").click()
    pushing.locator("#ready", has_text="without internet a closed page cannot ring").wait_for()


def test_a_server_that_wakes_nobody_is_said_to(invited: Page, house: House, server: Server) -> None:
    welcome(server, house, None)
    settings(invited)
    invited.locator("#settings", has_text="does not send notifications").wait_for()
    assert invited.locator("#setting-push-home").is_disabled()


@pytest.fixture
def deliver(pushing: Page, context: BrowserContext, server: Server) -> Callable[[dict[str, Any]], list[Any]]:
    """Hand a push to the site's worker, as the browser does after it has decrypted it; what is shown then."""
    context.grant_permissions(["notifications"], origin=server.origin)
    pushing.locator("#enable-push").click()
    server.expect("push-subscribe")
    devtools = context.new_cdp_session(pushing)
    registrations: dict[str, str] = {}

    def registered(event: dict[str, Any]) -> None:
        for one in event["registrations"]:
            registrations[one["scopeURL"]] = one["registrationId"]

    devtools.on("ServiceWorker.workerRegistrationUpdated", registered)
    devtools.send("ServiceWorker.enable")
    scope = f"{server.origin}/push/home/"

    def send(payload: dict[str, Any]) -> list[Any]:
        active = "async (scope) => (await navigator.serviceWorker.getRegistration(scope))?.active?.state"
        wait_until("the site's worker runs", lambda: pushing.evaluate(active, scope) == "activated")
        assert scope in registrations
        devtools.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": server.origin, "registrationId": registrations[scope], "data": json.dumps(payload)},
        )
        shown = """async (scope) => {
          const notes = await (await navigator.serviceWorker.getRegistration(scope)).getNotifications();
          return notes.map(({ title, body, tag, silent, data }) => ({ title, body, tag, silent, data }));
        }"""
        wanted = [not payload["ringing"]]
        wait_until("it is shown", lambda: [one["silent"] for one in pushing.evaluate(shown, scope)] == wanted)
        found: list[Any] = pushing.evaluate(shown, scope)
        return found

    return send


def test_a_ring_is_shown_in_the_persons_words_and_taken_back(deliver: Callable[[dict[str, Any]], list[Any]]) -> None:
    (shown,) = deliver({"v": 1, "device": "front-door", "call": CALL, "ringing": True})
    assert (shown["title"], shown["tag"]) == ("Front door is ringing", CALL)
    assert shown["data"] == {"door": "home.front-door"}
    (shown,) = deliver({"v": 1, "device": "front-door", "call": CALL, "ringing": False})
    assert (shown["title"], shown["tag"]) == ("Front door has rung", CALL)


def test_a_tap_leads_to_the_door_that_rings(pushing: Page) -> None:
    """What the worker opens where no page is open."""
    pushing.evaluate("() => { location.hash = '#door=home.front-door'; }")
    pushing.wait_for_function("() => location.hash === ''")
    assert pushing.locator("#door-front-door").is_visible()
