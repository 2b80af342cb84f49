"""A tablet on the wall: after many rings the page is as large as after a few. DOORWARD_RINGS=20000 is a night"""

import os
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.page.stand import IDLE, RINGING, DoorPage, House, Server, phase
from tests.browser.page.test_page_calls import MISSED
from tests.browser.page.test_page_link import linked

RINGS = int(os.environ.get("DOORWARD_RINGS", "200"))
WARM = 100
"""Rings until every part of the page has been used."""

LISTENERS = RINGS // 2
"""What the collector has not come to yet is some tens, however many rings; a leak is one for each."""

HEAP_GROWTH = 400_000
"""Bytes that the heap may grow by, however many rings: the collector does not give back to the byte."""

RING = """async ([calls, ringing, idle, history]) => {
  const { door } = window;
  const until = async (true_) => { while (!true_()) await new Promise((resolve) => setTimeout(resolve, 5)); };
  const asked = () => door.heard.filter(({ type }) => type === "history").length;
  for (let n = 0; n < calls; n += 1) {
    const call = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))))
      .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const before = asked();
    door.say({ ...ringing, call });
    door.say({ ...ringing, call, phase: "talking", answered_by: "bob", video: false });
    door.say(idle);
    await until(() => asked() > before);
    const { id } = door.heard.findLast(({ type }) => type === "history");
    door.say({ type: "history", id, calls: [{ ...history, call }] });
    const pictures = () => door.heard.filter(({ type }) => type === "snapshot");
    await until(() => pictures().some((one) => one.call === call));
    await door.sayPicture(pictures().find((one) => one.call === call).id);
    door.heard.splice(0, door.heard.length - 2);
  }
}"""


def size(page: Page) -> dict[str, int]:
    """Heap in use after a collection, and what the document holds."""
    devtools = page.context.new_cdp_session(page)
    for _ in range(3):
        devtools.send("HeapProfiler.collectGarbage")
    heap: dict[str, Any] = devtools.send("Runtime.getHeapUsage")
    held: dict[str, Any] = devtools.send("Memory.getDOMCounters")
    devtools.detach()
    return {"heap": int(heap["usedSize"]), "nodes": held["nodes"], "listeners": held["jsEventListeners"]}


@pytest.mark.timeout(0 if RINGS > 1000 else 110)
def test_the_heap_is_flat(invited: Page, house: House, server: Server, door: DoorPage) -> None:
    linked(invited, house, server, door)
    door.hear("history")
    story = [RINGING, IDLE, MISSED]
    door.do(RING, [WARM, *story])
    phase(invited, "idle")
    before = size(invited)
    door.do(RING, [RINGS, *story])
    phase(invited, "idle")
    after = size(invited)
    print(f"after {WARM} rings {before}, after {RINGS} more {after}")
    assert after["heap"] - before["heap"] < HEAP_GROWTH, (before, after)
    assert after["nodes"] <= before["nodes"] + 200, (before, after)
    assert after["listeners"] <= before["listeners"] + LISTENERS, (before, after)
