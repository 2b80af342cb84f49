"""A headless Chromium plays the person behind the door, and measures what that person would notice."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, sync_playwright

from provisioning.cli import DEMO_DEVICE, DEMO_DOOR
from tests.demo.house import OPEN_S, House, Place
from tests.harness.chromium import FAKE_MEDIA, chromium
from tests.harness.ears import read_raw, standing_out, write_tone
from tests.harness.processes import SCALE, wait_until

WITHIN_S = 20.0
CARD = f"#door-{DEMO_DEVICE}"

WATCH_CONNECTIONS = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...settings) { super(...settings); window.connections.push(this); }
};
"""

FIRST_FRAME = f"""() => {{
  const video = document.querySelector('video[data-device="{DEMO_DEVICE}"]');
  window.firstFrame = new Promise((seen) =>
    video.requestVideoFrameCallback((at) => seen(performance.timeOrigin + at)));
}}"""

RECEIVED = """async () => {
  const sum = { frames: 0, energy: 0 };
  for (const connection of window.connections) {
    if (connection.connectionState !== 'connected') continue;
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== 'inbound-rtp') continue;
      sum.frames += report.framesDecoded ?? 0;
      sum.energy += report.totalAudioEnergy ?? 0;
    }
  }
  return sum;
}"""

HEARD = 1e-4
"""Sound energy (W3C `totalAudioEnergy`: full scale squared times seconds); silence gives none."""

VOICE_HZ = 700
"""What the person says: bursts of this tone, through the browser's fake microphone."""

STANDS_OUT_DB = 30


class FailedError(Exception):
    """What the person expected, and did not get."""


@dataclass
class Visit:
    """What was noticed, in order."""

    notes: list[str] = field(default_factory=list)

    def note(self, what: str, value: str = "") -> None:
        line = f"  ok  {what:<46} {value}".rstrip()
        self.notes.append(line)
        print(line, flush=True)


def play(house: House, place: Place, folder: Path) -> int:
    """The whole visit; 0 and PASS, or 1 and FAIL with the reason."""
    screenshot = folder / "screenshot.png"
    prefix = place.net.at_home() if place.net else ()
    voice = write_tone(folder / "voice.wav", VOICE_HZ, 2.0)
    flags = (*FAKE_MEDIA, f"--use-file-for-fake-audio-capture={voice}")
    try:
        with sync_playwright() as playwright, chromium(playwright, house.site.ca_path, prefix, flags) as context:
            context.set_default_timeout(WITHIN_S * SCALE * 1000)
            context.add_init_script(WATCH_CONNECTIONS)
            page = context.new_page()
            try:
                _visit(house, page, screenshot)
            except Exception:
                page.screenshot(path=folder / "failed.png")
                raise
    except (FailedError, TimeoutError, PlaywrightError, RuntimeError) as error:
        print(f"\nFAIL: {error}\n--- the door station said last\n{house.device.tail(15)}", flush=True)
        return 1
    print(f"\nPASS: the picture is in {screenshot}", flush=True)
    return 0


def _visit(house: House, page: Page, screenshot: Path) -> None:
    visit = Visit()
    began = time.monotonic()
    page.goto(house.invitation)
    page.locator("#confirm-invitation").click()
    page.locator(f"{CARD}[data-phase=idle][data-link=live]").wait_for()
    visit.note("invitation opened, connection standing by", f"{time.monotonic() - began:6.2f} s")

    page.evaluate(FIRST_FRAME)
    pressed_at = time.time()
    house.press()
    page.locator(f"{CARD}[data-phase=ringing]").wait_for()
    frame_at = page.evaluate("() => window.firstFrame") / 1000
    visit.note("the ring, button to first picture", f"{(frame_at - pressed_at) * 1000:6.0f} ms")

    began = time.monotonic()
    page.locator(f"#answer-{DEMO_DEVICE}").click()
    page.locator(f"{CARD}[data-phase=talking]").wait_for()
    visit.note("answered", f"{(time.monotonic() - began) * 1000:6.0f} ms")

    before = page.evaluate(RECEIVED)
    took = _until("no voice from the door", lambda: page.evaluate(RECEIVED)["energy"] - before["energy"] > HEARD)
    visit.note("the voice at the door is heard", f"{took:6.2f} s")
    _until("no picture from the door", lambda: page.evaluate(RECEIVED)["frames"] - before["frames"] >= 15)
    visit.note("the picture moves")
    _heard_at_the_door(house, visit)

    clicked = time.monotonic()
    page.locator(f"#open-{DEMO_DEVICE}-{DEMO_DOOR}").click()
    _until("the strike was not released", house.strike_is_released)
    released = time.monotonic()
    visit.note("door opened, click to strike", f"{(released - clicked) * 1000:6.0f} ms")
    page.locator(f"#open-{DEMO_DEVICE}-{DEMO_DOOR}[data-open=true]").wait_for()
    page.screenshot(path=screenshot)
    _until("the strike stayed released", lambda: not house.strike_is_released())
    held = time.monotonic() - released
    if not 0.8 * OPEN_S <= held <= OPEN_S + 0.5:
        raise FailedError(f"the strike was released for {held:.2f} s, not {OPEN_S} s")
    visit.note("door locked again, after", f"{held:6.2f} s")

    page.locator(f"#hang-up-{DEMO_DEVICE}").click()
    page.locator(f"{CARD}[data-phase=idle]").wait_for()
    visit.note("hung up")


def _heard_at_the_door(house: House, visit: Visit) -> None:
    """The tone that the person says must come out of the door's loudspeaker."""
    door = house.sound.door
    if door is None:
        visit.note("the door's loudspeaker was not listened to")
        return
    raw = door.folder / "loudspeaker.raw"
    with door.record_speaker(raw):
        took = _until(
            "the person's voice did not come out of the door's loudspeaker",
            lambda: standing_out(read_raw(raw), VOICE_HZ) > STANDS_OUT_DB,
        )
    visit.note("the answer is heard at the door", f"{took:6.2f} s")


def _until(otherwise: str, check: Callable[[], bool]) -> float:
    try:
        return wait_until(otherwise, check, WITHIN_S)
    except TimeoutError as error:
        raise FailedError(f"{otherwise} within {WITHIN_S:.0f} s") from error
