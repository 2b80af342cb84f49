"""Who is behind the door: a site, its signaling server where the door can reach it, and people with real browsers."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace
from playwright.sync_api import Playwright

from provisioning.site import Site, make_site
from tests.harness import chromium as browser
from tests.harness.ears import write_tone
from tests.harness.fixtures import VOICE_HZ
from tests.harness.person import Person
from tests.harness.processes import Process
from tests.harness.world import BIN, DEVICE, house_plan

At = Callable[..., list[str]]


def new_site(folder: Path, host: str) -> Site:
    """alice and bob live in flat 1, dave in flat 2; the server is `host`."""
    return make_site(folder, house_plan((host,)))


@dataclass
class House:
    """The server, as far as it runs, and the people who came in. It stands for `World` towards a `Person`."""

    site: Site
    at_home: At
    playwright: Playwright
    folder: Path
    server: Process | None = None
    people: list[Person] = field(default_factory=list)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def start_server(self) -> Process:
        command = [str(BIN / "doorward-signaling"), "run", "--config", str(self.site.signaling_config)]
        self.server = Process(self.at_home(*command))
        self.server.wait_for("listening")
        return self.server

    def stop_server(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None

    def publish(self, serial: int) -> None:
        """The roster of before under another serial; the server is told to read it."""
        if self.server is None:
            raise RuntimeError("the server is not running")
        self.site.publish(replace(self.site.rosters[DEVICE], serial=serial))
        self.server.send(signal.SIGHUP)

    def invite(self, name: str) -> Person:
        """A person with a browser of their own at the page; the door is connected."""
        voice = write_tone(self.folder / "voice.wav", VOICE_HZ, 2.0)
        flags = (*browser.FAKE_MEDIA, f"--use-file-for-fake-audio-capture={voice}")
        context = self._stack.enter_context(browser.chromium(self.playwright, self.site.ca_path, self.at_home(), flags))
        person = Person(context, self, name)  # type: ignore[arg-type] # it asks for the invitation only
        person.page.set_default_timeout(120_000)  # an emulated door takes its time
        person.accept_invitation()
        self.people.append(person)
        return person

    def close(self) -> None:
        self._stack.close()
        self.stop_server()


@contextlib.contextmanager
def house(site: Site, at_home: At, playwright: Playwright, folder: Path) -> Iterator[House]:
    """Nobody is there and nothing runs at first; at the end everything is stopped."""
    made = House(site, at_home, playwright, folder)
    try:
        yield made
    except BaseException:
        if made.server is not None:
            sys.stderr.write(f"--- server\n{made.server.tail()}\n")
        raise
    finally:
        made.close()


__all__ = ["DEVICE", "House", "house", "new_site"]
