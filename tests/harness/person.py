"""A person at a page: opens the invitation, sees, hears, and presses what is on the screen."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from playwright.sync_api import BrowserContext, Locator, Page

from device.media.timecode import decode_time_code
from tests.harness import seeing
from tests.harness.processes import SCALE, wait_until
from tests.harness.world import DEVICE, World

# Reaches getStats without the page's help; nothing of the page is replaced.
_SPY = """
window.__connections = [];
const Original = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Original {
  constructor(...given) { super(...given); window.__connections.push(this); }
};
"""

_STATS = """async () => {
  const out = {framesDecoded: 0, audioIn: 0, audioPackets: 0, frameWidth: 0, audioSent: 0, codec: "", port: 0, lost: 0};
  for (const connection of window.__connections) {
    if (connection.connectionState === 'closed') continue;
    const rows = await connection.getStats();
    for (const row of rows.values()) {
      if (row.type === 'transport') out.port = rows.get(rows.get(row.selectedCandidatePairId)?.localCandidateId)?.port;
      if (row.type === 'inbound-rtp' && row.kind === 'video') {
        out.framesDecoded += row.framesDecoded ?? 0; out.codec = rows.get(row.codecId)?.mimeType;
        out.frameWidth = row.frameWidth ?? out.frameWidth; out.lost += row.packetsLost ?? 0;
      }
      if (row.type === 'inbound-rtp' && row.kind === 'audio') {
        out.audioIn += row.totalAudioEnergy ?? 0; out.audioPackets += row.packetsReceived ?? 0;
      }
      if (row.type === 'outbound-rtp' && row.kind === 'audio') out.audioSent += row.packetsSent ?? 0;
    }
  }
  return out;
}"""

# The loudest frequency (Hz) in what the page plays, over some windows of its sound, and how far it stands out (dB).
_LISTEN = """async (hz) => {
  const audio = document.querySelector('audio[data-device]');
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(audio.srcObject).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  const width = context.sampleRate / analyser.fftSize;
  const best = {hz: 0, level: -200, at: -200};
  for (let turn = 0; turn < 25; turn += 1) {
    await new Promise((done) => setTimeout(done, 80));
    analyser.getFloatFrequencyData(bins);
    bins.forEach((level, index) => {
      if (index > 3 && level > best.level) { best.level = level; best.hz = index * width; }
    });
    best.at = Math.max(best.at, bins[Math.round(hz / width)]);
  }
  await context.close();
  return best;
}"""


class Screen(Protocol):
    """What a person needs of a browser: a page that is opened, looked at and pressed. Times in milliseconds."""

    def goto(self, url: str) -> object: ...

    def reload(self) -> object: ...

    def add_init_script(self, script: str) -> object: ...

    def evaluate(self, expression: str, arg: object = None) -> Any: ...

    def wait_for_selector(self, selector: str, *, timeout: float = ...) -> object: ...

    def click(self, selector: str) -> None: ...


class Someone:
    """A person at a page, whichever browser shows it. `device` is the door that is meant, where there are several."""

    picture: tuple[str, int] = ("video/H264", 1280)
    """What this browser is sent while nothing is wrong: the codec, and the width in pixels."""

    def __init__(self, screen: Screen, world: World, name: str, script: str = "") -> None:
        """`script` runs in the page before its own."""
        self.screen = screen
        self.world = world
        self.name = name
        self.errors: list[str] = []
        screen.add_init_script(_SPY)
        if script:
            screen.add_init_script(script)

    def accept_invitation(self) -> None:
        self.screen.goto(self.world.site.invitation(self.name))
        self.screen.click("#confirm-invitation")
        self.wait_for_phase("idle")

    def wait_for_phase(self, phase: str, timeout: float = 15.0, device: str = DEVICE) -> None:
        """Until the card shows this phase."""
        self.see(f'#door-{device}[data-phase="{phase}"]', timeout)

    def answer(self) -> None:
        """Once it rings, until they talk."""
        self.wait_for_phase("ringing")
        self.click("answer")
        self.wait_for_phase("talking")

    def see(self, selector: str, timeout: float = 15.0) -> None:
        """Until this is there to see."""
        self.screen.wait_for_selector(selector, timeout=timeout * 1000 * SCALE)

    def says(self, device: str = DEVICE) -> str:
        """What the card says now."""
        text: str = self.screen.evaluate("(id) => document.getElementById(id).innerText", f"door-{device}")
        return text

    def phase(self, device: str = DEVICE) -> str | None:
        found: str | None = self.screen.evaluate("(id) => document.getElementById(id)?.dataset.phase", f"door-{device}")
        return found

    def click(self, deed: str, device: str = DEVICE) -> None:
        """`answer`, `decline`, `hang-up`, `mute`, `look-in`."""
        self.screen.click(f"#{deed}-{device}")

    def open_door(self, door: str = "main", device: str = DEVICE) -> None:
        self.screen.click(f"#open-{device}-{door}")

    def stats(self) -> dict[str, Any]:
        """Sums over this page's connections; `codec` of the video, `port` that this end is reached at; see `_STATS`."""
        found: dict[str, Any] = self.screen.evaluate(_STATS)
        return found

    def wait_for_picture(self, more: int = 10) -> None:
        """Until `more` further video frames have been decoded."""
        before = self.stats()["framesDecoded"]
        wait_until(f"{more} frames decoded by {self.name}", lambda: self.stats()["framesDecoded"] >= before + more)

    def listen(self, hz: float) -> dict[str, float]:
        """What the page hears for two seconds: the loudest frequency, its level, and the level `at` hz."""
        heard: dict[str, float] = self.screen.evaluate(_LISTEN, hz)
        return heard

    def listen_for(self, hz: float, tries: int = 4) -> dict[str, float]:
        """`listen`, until `hz` is what is loudest; what was heard last if it never is."""
        heard = self.listen(hz)
        while abs(heard["hz"] - hz) > 30 and tries > 1:
            tries -= 1
            heard = self.listen(hz)
        return heard

    def time_code(self) -> float | None:
        """When the picture on the screen was drawn, read from the screen; None where no code can be read."""
        shown = self.luma()
        rows = np.array(shown["rows"], dtype=np.uint8)
        luma = np.zeros((shown["height"], rows.shape[1]), dtype=np.uint8)
        luma[-len(rows) :] = rows
        return decode_time_code(luma)

    @contextlib.contextmanager
    def watching(self) -> Iterator[list[seeing.Frame]]:
        """Notes every frame that is shown; the list is filled when the block ends."""
        seen: list[seeing.Frame] = []
        self.screen.evaluate(f"() => {{ {seeing.script()} }}")
        self.screen.evaluate("() => window.watching.start('video[data-device]')")
        yield seen
        seen += seeing.frames(self.screen.evaluate("() => window.watching.stop()"), 0.0)

    def luma(self) -> Any:
        """The picture now shown, as grey rows: what a person sees."""
        return self.screen.evaluate(
            """() => {
              const video = document.querySelector('video[data-device]');
              const canvas = document.createElement('canvas');
              canvas.width = video.videoWidth; canvas.height = video.videoHeight;
              const pen = canvas.getContext('2d'); pen.drawImage(video, 0, 0);
              const row = pen.getImageData(0, 0, canvas.width, canvas.height).data;
              const out = [];
              for (let y = 0; y < canvas.height; y += 1) {
                if (y < canvas.height - 80) continue;
                const line = [];
                for (let x = 0; x < canvas.width; x += 1) line.push(row[(y * canvas.width + x) * 4 + 1]);
                out.push(line);
              }
              return {height: canvas.height, rows: out};
            }"""
        )


class Person(Someone):
    """At a page of Chromium, of which a test may want more than `Screen`."""

    def __init__(self, context: BrowserContext, world: World, name: str, script: str = "") -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(15_000 * SCALE)
        super().__init__(self.page, world, name, script)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)

    @property
    def card(self) -> Locator:
        return self.page.locator(f"#door-{DEVICE}")

    def _console(self, message: Any) -> None:
        if message.type == "error" and not re.search(r"WebSocket connection|net::ERR", message.text):
            self.errors.append(message.text)
