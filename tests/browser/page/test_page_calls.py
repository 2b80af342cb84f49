"""Earlier calls and their pictures: asked of the door itself, over the link, and of nobody else."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.page.stand import CALL, IDLE, RINGING, DoorPage, House, Server, connect, log_in, phase

MISSED: dict[str, Any] = {
    "call": CALL, "button": "flat-1", "at": 1790000000, "outcome": "missed", "answered_by": None, "snapshot": True,
}  # fmt: skip
ANSWERED = MISSED | {"call": "d" * 21 + "A", "at": 1789990000, "outcome": "answered", "answered_by": "bob"}
ANSWERED["snapshot"] = False
WIDTH = "() => document.querySelector('#calls-front-door img')?.naturalWidth ?? 0"


@pytest.fixture
def asked(invited: Page, house: House, server: Server, door: DoorPage) -> int:
    """The id of the question that the page asks as soon as nobody is at the door."""
    log_in(server, house, [house.signed([door.fingerprint])])
    connect(house, server, door)
    door.say(IDLE)
    number: int = door.hear("history")["id"]
    return number


def test_the_last_calls_are_shown_with_their_pictures(invited: Page, door: DoorPage, asked: int) -> None:
    door.say({"type": "history", "id": asked, "calls": [ANSWERED, MISSED]})
    rows = invited.locator("#calls-front-door li")
    rows.nth(1).wait_for()
    assert [row.get_attribute("data-outcome") for row in rows.all()] == ["missed", "answered"], "newest first"
    assert "Bob" in rows.nth(1).inner_text()
    wanted = door.hear("snapshot")
    assert wanted["call"] == CALL
    assert door.do("(id) => window.door.sayPicture(id, 1000)", wanted["id"]) > 3000, "more than one piece"
    invited.wait_for_function(f"() => ({WIDTH})() === 640")
    invited.locator("#calls-front-door button.thumb").click()
    invited.locator("dialog#snapshot img").wait_for()
    assert invited.evaluate("() => document.querySelector('dialog#snapshot img').naturalWidth") == 640
    invited.keyboard.press("Escape")
    invited.locator("dialog#snapshot").wait_for(state="detached")


def test_they_are_asked_for_again_after_a_call_and_gone_while_it_rings(
    invited: Page, door: DoorPage, asked: int
) -> None:
    door.say({"type": "history", "id": asked, "calls": []})
    invited.locator("#calls-front-door", has_text="Nobody has rung yet").wait_for()
    door.say(RINGING)
    phase(invited, "ringing")
    assert invited.locator("#calls-front-door").is_hidden()
    door.say(IDLE)
    assert door.hear("history")["id"] > asked


def test_a_door_that_tells_nothing_is_a_door_without_a_list(invited: Page, door: DoorPage, asked: int) -> None:
    door.say({"type": "refused", "id": asked, "code": "not-now", "message": "x"})
    door.say(RINGING)
    phase(invited, "ringing")
    door.say(IDLE)
    phase(invited, "idle")
    assert invited.locator("#calls-front-door").is_hidden()


@pytest.mark.parametrize(
    "wrong",
    [
        "window.door.sayBytes(10)",
        "window.door.say({ type: 'snapshot', id: 1, size: 2 * 1024 * 1024 })",
        "window.door.say({ type: 'snapshot', id: 1, size: 10 }); window.door.sayBytes(11)",
        "window.door.say({ type: 'snapshot', id: 1, size: 10 }); window.door.sayBytes(10)",
        "window.door.say({ type: 'snapshot', id: 1, size: 40000 }); window.door.sayBytes(20000, 255)",
        "window.door.say({ type: 'snapshot', id: 1, size: 9 }); window.door.say({ type: 'snapshot', id: 2, size: 9 })",
    ],
    ids=["unasked", "huge", "more than announced", "no picture", "too long a piece", "two at once"],
)
def test_pieces_that_make_no_picture_end_the_link(invited: Page, door: DoorPage, asked: int, wrong: str) -> None:
    assert asked
    door.do(f"() => {{ {wrong}; }}")
    assert door.hear("close")["reason"] == "error"
    phase(invited, "connecting")
