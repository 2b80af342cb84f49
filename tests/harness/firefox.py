"""A real Firefox ESR, driven by WebDriver BiDi, that trusts a site's CA and has a fake microphone.

Without the plugin that it downloads elsewhere it has no H.264: what it shows is VP8.
"""

import contextlib
import json
import os
import queue
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.harness.bidi import Bidi
from tests.harness.processes import SCALE, wait_until

VOICE_HZ = 700
"""What its fake microphone says."""

PREFERENCES: dict[str, bool | int | str] = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "extensions.update.enabled": False,
    "intl.accept_languages": "en-US, en",
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.gmp-manager.updateEnabled": False,
    "media.navigator.audio.fake_frequency": VOICE_HZ,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
DAILY = re.compile(r"WebSocket|wss://|NetworkError|Failed to fetch")
"""What a browser says where a server is away; the page tells the person itself."""

SEEN = """(selector) =>
  [...document.querySelectorAll(selector)].some((one) => one.checkVisibility({ visibilityProperty: true }))"""
READY = """async (selector) => {
  const place = () => {
    const one = document.querySelector(selector);
    if (!one?.checkVisibility({ visibilityProperty: true }) || one.disabled) return null;
    one.scrollIntoView({ block: "center" });
    const { left, top, width, height } = one.getBoundingClientRect();
    const at = { x: Math.round(left + width / 2), y: Math.round(top + height / 2) };
    return one.contains(document.elementFromPoint(at.x, at.y)) ? at : null;
  };
  const first = place();
  for (let look = 0; first && look < 5; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 40));
    const again = place();
    if (again?.x !== first.x || again?.y !== first.y) return null;
  }
  return first;
}"""
"""Where to press; null until it can be reached and has come to rest: a notice that goes moves what is below it."""


def missing() -> str | None:
    """Why no Firefox can be driven here; None if one can."""
    if shutil.which("firefox-esr") is None:
        return "firefox-esr is not installed"
    if shutil.which("certutil") is None:
        return "certutil is not installed (libnss3-tools)"
    return None


class FirefoxPage:
    """A window of its own, with a storage of its own: of `person.Screen`, what Chromium's page does."""

    def __init__(self, bidi: Bidi, user: str, context: str) -> None:
        self._bidi = bidi
        self.user = user
        self.context = context
        self.errors: list[str] = []

    def goto(self, url: str) -> None:
        self._bidi.command("browsingContext.navigate", {"context": self.context, "url": url, "wait": "complete"})

    def reload(self) -> None:
        self._bidi.command("browsingContext.reload", {"context": self.context, "wait": "complete"})

    def add_init_script(self, script: str) -> None:
        parameters = {"functionDeclaration": f"() => {{ {script} }}", "contexts": [self.context]}
        self._bidi.command("script.addPreloadScript", parameters)

    def evaluate(self, expression: str, arg: object = None) -> Any:
        """The value of an expression, or of a function called with `arg`; a promise is awaited. As JSON has it."""
        function = f"""async (text) => {{
          const made = ({expression});
          const value = typeof made === "function" ? await made(JSON.parse(text)) : await made;
          return JSON.stringify(value ?? null);
        }}"""
        answer = self._bidi.command(
            "script.callFunction",
            {
                "functionDeclaration": function,
                "arguments": [{"type": "string", "value": json.dumps(arg)}],
                "target": {"context": self.context},
                "awaitPromise": True,
            },
        )
        if answer["type"] != "success":
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']['text']}")
        return json.loads(answer["result"]["value"])

    def wait_for_selector(self, selector: str, *, timeout: float = 15_000 * SCALE) -> None:
        """Until it is there to see; `timeout` in milliseconds, as elsewhere."""
        wait_until(f"{selector} in Firefox", lambda: self.evaluate(SEEN, selector) is True, timeout / 1000 / SCALE)

    def click(self, selector: str) -> None:
        """A finger on it: a real event of the pointer, once it can be reached."""
        where: list[dict[str, int]] = []

        def there() -> bool:
            found = self.evaluate(READY, selector)
            where[:] = [found] if found else []
            return bool(found)

        wait_until(f"{selector} to be pressed in Firefox", there, 15)
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        finger = {"type": "pointer", "id": "finger", "actions": [{"type": "pointerMove", **where[0]}, *press]}
        self._bidi.command("input.performActions", {"context": self.context, "actions": [finger]})


class Firefox:
    """A running browser; people come and go."""

    def __init__(self, profile: Path, url: str, prefix: Sequence[str]) -> None:
        self._profile = profile
        self._pages: dict[str, FirefoxPage] = {}
        self.bidi = Bidi(url, prefix, self._heard)
        self.bidi.command("session.subscribe", {"events": ["log.entryAdded"]})

    def trust(self, ca: Path) -> None:
        """Believe every certificate of `ca` from now on."""
        name = f"doorward-{ca.read_bytes().hex()[-80:]}"
        add = ["certutil", "-d", f"sql:{self._profile}", "-A", "-a", "-t", "C,,", "-n", name]
        subprocess.run(add, input=ca.read_bytes(), check=True, capture_output=True)

    @contextlib.contextmanager
    def page(self) -> Iterator[FirefoxPage]:
        user = self.bidi.command("browser.createUserContext", {})["userContext"]
        window = {"type": "window", "userContext": user}
        made = FirefoxPage(self.bidi, user, self.bidi.command("browsingContext.create", window)["context"])
        self._pages[made.context] = made
        try:
            yield made
        finally:
            del self._pages[made.context]
            self.bidi.command("browser.removeUserContext", {"userContext": user})

    def _heard(self, method: str, parameters: dict[str, Any]) -> None:
        page = self._pages.get(parameters.get("source", {}).get("context", ""))
        wrong = method == "log.entryAdded" and parameters["level"] == "error"
        if page and wrong and not DAILY.search(str(parameters["text"])):
            page.errors.append(parameters["text"])


@contextlib.contextmanager
def firefox(prefix: Sequence[str], sound: Mapping[str, str]) -> Iterator[Firefox]:
    """A headless browser with a profile of its own; `prefix` runs it in another network namespace.

    `sound` is the environment of a sound server: without one nothing that a page plays or analyses runs.
    """
    with tempfile.TemporaryDirectory(prefix="doorward-firefox-", ignore_cleanup_errors=True) as home:
        profile = Path(home) / "profile"
        profile.mkdir()
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines))
        store = ["certutil", "-d", f"sql:{profile}", "-N", "--empty-password"]
        subprocess.run(store, check=True, capture_output=True)
        program = [*prefix, "env", f"HOME={home}", "firefox-esr", "--headless", "--no-remote"]
        command = [*program, "--profile", str(profile), "--remote-debugging-port", "0", "about:blank"]
        env = {**os.environ, **sound}
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env)
        found: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_look_for_address, args=(browser, found), daemon=True)
        reader.start()
        made: Firefox | None = None
        try:
            made = Firefox(profile, f"{found.get(timeout=60 * SCALE)}/session", prefix)
            yield made
        finally:
            if made is not None:
                made.bidi.close()
            browser.terminate()
            browser.wait(20)
            reader.join(5)
            if browser.stderr is not None:
                browser.stderr.close()


def _look_for_address(browser: "subprocess.Popen[str]", found: "queue.Queue[str]") -> None:
    assert browser.stderr is not None
    for line in browser.stderr:  # read to the end: a full pipe would hold the browser up
        if match := LISTENING.search(line):
            found.put(match[1])
