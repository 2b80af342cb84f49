"""What the person likes, and what they do not want any more: settings, holding to open, forgetting a house."""

import pytest
from playwright.sync_api import Page

from tests.browser.page.stand import RINGING, DoorPage, House, Server, log_in, phase
from tests.browser.page.test_page_invitation import stored
from tests.browser.page.test_page_link import linked

OPEN = "#open-front-door-main"
ASKED = "() => window.door.heard.filter(({ type }) => type === 'open-door').length"


def settings(page: Page) -> None:
    page.locator("#open-settings").click()
    page.locator("dialog#settings").wait_for()


@pytest.fixture
def holding(invited: Page, house: House, server: Server, door: DoorPage) -> Page:
    """A door that rings, on a page where opening has to be meant."""
    linked(invited, house, server, door)
    settings(invited)
    invited.locator("#setting-hold").check()
    invited.locator("#close-settings").click()
    door.say(RINGING)
    phase(invited, "ringing")
    invited.locator(OPEN, has_text="Hold to open").wait_for()
    return invited


def test_a_slip_of_the_hand_opens_nothing_and_holding_does(holding: Page, door: DoorPage) -> None:
    holding.locator(OPEN).click()
    holding.locator(OPEN).hover()
    holding.mouse.down()
    holding.locator(f"{OPEN}[data-held]").wait_for()
    holding.mouse.up()
    holding.locator(f"{OPEN}:not([data-held])").wait_for()
    assert door.do(ASKED) == 0
    holding.mouse.down()
    door.obey("open-door")
    holding.mouse.up()
    assert door.do(ASKED) == 1


def test_a_key_is_held_like_a_finger(holding: Page, door: DoorPage) -> None:
    holding.locator(OPEN).focus()
    holding.keyboard.press("Enter")
    assert door.do(ASKED) == 0
    holding.keyboard.down("Enter")
    door.obey("open-door")
    holding.keyboard.up("Enter")
    assert door.do(ASKED) == 1


def test_who_cannot_hold_presses_twice(holding: Page, door: DoorPage) -> None:
    """A screen reader presses for its person: there is no finger, and no key."""
    holding.evaluate(f"() => document.querySelector('{OPEN}').click()")
    holding.locator(f"{OPEN}[data-again]").wait_for()
    assert door.do(ASKED) == 0
    holding.evaluate(f"() => document.querySelector('{OPEN}').click()")
    door.obey("open-door")


def test_settings_outlive_the_page(invited: Page, house: House, server: Server) -> None:
    log_in(server, house, [house.signed()])
    settings(invited)
    invited.locator("#setting-hold").check()
    invited.locator("#setting-sound").uncheck()
    invited.reload()
    settings(invited)
    assert invited.locator("#setting-hold").is_checked()
    assert not invited.locator("#setting-sound").is_checked()


def test_spoilt_settings_are_the_usual_ones(blank: Page) -> None:
    script = """async (text) => {
      const { parse, DEFAULTS } = await import("/settings.js");
      return JSON.stringify(parse(text)) === JSON.stringify(DEFAULTS);
    }"""
    for text in (None, "", "no json", "[]", "null", '{"holdToOpen":"yes","volume":"loud","unknown":1}'):
        assert blank.evaluate(script, text), text
    volume = "async (text) => (await import('/settings.js')).parse(text).volume"
    assert blank.evaluate(volume, '{"volume":7}') == 1


def test_a_ring_does_not_wait_behind_the_settings(invited: Page, house: House, server: Server, door: DoorPage) -> None:
    linked(invited, house, server, door)
    settings(invited)
    door.say(RINGING)
    invited.locator("dialog#settings").wait_for(state="detached")
    assert invited.locator("#answer-front-door").is_visible()


def test_a_house_is_forgotten_with_all_its_keys_once_the_person_is_sure(
    invited: Page, house: House, server: Server, door: DoorPage
) -> None:
    linked(invited, house, server, door)
    settings(invited)
    invited.locator("#forget-home").click()
    assert stored(invited)["sites"] != []
    invited.locator("#confirm-forget-home").click()
    invited.locator("#welcome").wait_for()
    door.closed()
    left = stored(invited)
    assert (left["sites"], left["rosters"]) == ([], [])
    assert invited.locator("#door-front-door").count() == 0
    assert invited.locator("#connection").count() == 0


def test_who_is_removed_can_forget_the_house_from_the_card(invited: Page, house: House, server: Server) -> None:
    answerers = {"bob": house.roster().answerers["bob"]}
    buttons = {name: type(button)(label=button.label, rings=["bob"]) for name, button in house.roster().buttons.items()}
    log_in(server, house, [house.signed(answerers=answerers, buttons=buttons)])
    phase(invited, "removed")
    invited.locator("#forget-front-door").click()
    invited.locator("#confirm-forget-home").wait_for()


def test_a_server_that_stays_away_is_explained(page: Page, house: House, server: Server) -> None:
    """A browser does not tell why; the page says what it can be, and shows where the browser itself will say it."""
    page.add_init_script(
        "window.WebSocket = class { constructor() { setTimeout(() => this.onclose?.({}), 1); } close() {} };"
    )
    page.goto(house.invitation())
    page.locator("#confirm-invitation").click()
    page.locator("#unreachable-home").wait_for(timeout=40_000)
    assert page.locator("#unreachable-home a").get_attribute("href") == f"https://{server.host}/"
    assert page.locator("#connection").get_attribute("data-state") == "unreachable"
