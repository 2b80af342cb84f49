"""The real page in a real Chromium: one browser for all attacks, a profile for each person, a tab for each attack."""

import contextlib
import os
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from tests.harness.chromium import FAKE_MEDIA, QUIET, executable, trust
from tests.harness.namespaces import DOOR_ADDRESS
from tests.harness.processes import SCALE

SPY = (Path(__file__).parent / "spy.js").read_text(encoding="utf-8")
ORIGIN = f"https://{DOOR_ADDRESS}:8443/"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page was made to do: `frames` decoded, by the certificate they came from; tracks that came alive; pictures
    shown; packets of its microphone sent.
    """

    frames: dict[str, int]
    unmuted: int
    shown: int
    sent: int

    def foreign(self, true: str | None) -> int:
        """Frames from anybody but the holder of this certificate."""
        return sum(count for certificate, count in self.frames.items() if certificate != true)


@dataclass
class Tab:
    """One page of one person."""

    person: str
    page: Page
    console: list[str] = field(default_factory=list)

    def hears(self, message: ConsoleMessage) -> None:
        self.console.append(message.text)

    async def seen(self) -> Seen:
        found: dict[str, Any] = await self.page.evaluate("() => window.__spy.look()")
        return Seen(**found)

    async def refusals(self) -> int:
        """How many refusals the page has counted."""
        return int(await self.page.evaluate("() => document.documentElement.dataset.refusals"))


class Browsing:
    """The people's browser. `invitation` is asked for at somebody's first visit."""

    def __init__(self, browser: Browser, invitation: Callable[[str], str]) -> None:
        self.version = browser.version
        self._browser = browser
        self._invitation = invitation
        self._contexts: dict[str, BrowserContext] = {}

    @contextlib.asynccontextmanager
    async def tab(self, person: str, *, fresh: bool = False) -> AsyncIterator[Tab]:
        """A new tab at the site, closed afterwards; with `fresh` in a browser that was never there."""
        known = person in self._contexts and not fresh
        if not known:
            if person in self._contexts:
                await self._contexts.pop(person).close()
            self._contexts[person] = await self._browser.new_context(
                viewport={"width": 800, "height": 600},
                user_agent=person,  # by which the relay knows who connects, before anybody has logged in
            )
        page = await self._contexts[person].new_page()
        page.set_default_timeout(15_000 * SCALE)
        tab = Tab(person, page)
        page.on("console", tab.hears)
        await page.add_init_script(SPY)
        try:
            await page.goto(ORIGIN if known else self._invitation(person))
            if not known:
                await page.click("#confirm-invitation")
            yield tab
        finally:
            await page.close()


@contextlib.asynccontextmanager
async def browsing(ca: Path, prefix: Sequence[str], invitation: Callable[[str], str]) -> AsyncIterator[Browsing]:
    """Chromium, which trusts `ca`, run behind `prefix` (in another network)."""
    with tempfile.TemporaryDirectory(prefix="doorward-browser-", ignore_cleanup_errors=True) as home:
        folder = Path(home)
        trust(folder, ca)
        program = folder / "chromium"
        program.write_text(f'#!/bin/sh\nHOME="{folder}" exec {" ".join(prefix)} {executable()} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=str(program),
                headless=True,
                chromium_sandbox=os.geteuid() != 0,
                args=[*QUIET, *FAKE_MEDIA],
            )
            try:
                yield Browsing(browser, invitation)
            finally:
                await browser.close()
