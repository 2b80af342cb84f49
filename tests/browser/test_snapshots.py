"""A visitor whom nobody answers leaves a picture; one who is answered leaves none."""

import json
import time
from pathlib import Path
from typing import Any

import av

from device.media.timecode import decode_time_code
from tests.harness.fixtures import MakePerson, MakeWorld
from tests.harness.processes import wait_until
from tests.harness.world import World


def pictures(home: World) -> list[Path]:
    return sorted((home.state / "snapshots").glob("*.jpg"))


def drawn_at(picture: Path) -> float | None:
    decoder: Any = av.CodecContext.create("mjpeg", "r")
    (decoded,) = decoder.decode(av.Packet(picture.read_bytes()))
    return decode_time_code(decoded.to_ndarray(format="gray"))


def test_only_who_is_not_answered_leaves_a_picture(make_world: MakeWorld, make_person: MakePerson) -> None:
    home = make_world(ring_s=6.0)
    alice = make_person(home, "alice")
    home.wait_for_links(1)

    home.control.press("flat-1")
    alice.wait_for_phase("ringing")
    alice.wait_for_picture()
    alice.click("answer")
    alice.wait_for_phase("talking")
    alice.click("hang-up")
    alice.wait_for_phase("idle")
    wait_until("the first call is recorded", lambda: len(home.calls()) == 1)

    pressed_at = time.time()
    home.control.press("flat-1")
    alice.wait_for_phase("ringing")
    alice.wait_for_phase("idle", 20)
    wait_until("the second call is recorded", lambda: len(home.calls()) == 2)
    wait_until("its picture is kept", lambda: len(pictures(home)) == 1)
    missed = json.loads(home.calls()[1])
    assert missed["outcome"] == "missed"
    (picture,) = pictures(home)
    assert picture.name == f"{missed['at']:012d}-{missed['call']}.jpg"
    assert picture.stat().st_mode & 0o777 == 0o600
    told = drawn_at(picture)
    assert told is not None
    assert pressed_at + 1 < told < pressed_at + 6, "taken while it rang, a moment after the press"

    # Whom it rang is told of both calls by the door, over the link, with the picture of the one.
    rows = alice.page.locator("#calls-front-door li")
    rows.nth(1).wait_for()
    assert [row.get_attribute("data-outcome") for row in rows.all()] == ["missed", "answered"]
    alice.page.wait_for_function("document.querySelector('#calls-front-door img')?.naturalWidth === 1280")
    assert alice.page.locator("#calls-front-door img").count() == 1


def test_who_finds_nobody_leaves_a_picture_too(make_world: MakeWorld) -> None:
    home = make_world()
    assert home.server is not None
    home.server.stop()
    wait_until("the door knows that it is alone", lambda: "offline" in str(home.control.ask(do="status")["faults"]))
    home.control.press("flat-1")
    wait_until("a picture is kept", lambda: len(pictures(home)) == 1, 10)
