"""Fixtures of the lanes that need a whole house. A lane imports what it needs into its conftest.py."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Playwright, sync_playwright

from tests.harness import chromium as browser
from tests.harness import firefox as other_browser
from tests.harness import namespaces
from tests.harness import pulse as sound
from tests.harness.ears import write_tone
from tests.harness.person import Person, Someone
from tests.harness.world import DeviceOptions, World, world

VOICE_HZ = other_browser.VOICE_HZ
"""What the person at the page says, through the browser's fake microphone."""

MakeWorld = Callable[..., World]
MakePerson = Callable[..., Person]
MakeSomeone = Callable[..., Someone]


@pytest.fixture(scope="session")
def net() -> Iterator[namespaces.Network]:
    if reason := namespaces.missing():
        pytest.skip(reason)
    with namespaces.network() as made:
        yield made


@pytest.fixture(scope="session")
def pulse() -> Iterator[sound.PulseDoor]:
    if reason := sound.missing():
        pytest.skip(reason)
    with sound.pulse_door() as made:
        yield made


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if reason := browser.missing():
        pytest.skip(reason)
    with sync_playwright() as made:
        yield made


@pytest.fixture
def make_world(tmp_path: Path, net: namespaces.Network, pulse: sound.PulseDoor) -> Iterator[MakeWorld]:
    """Starts a house with the given DeviceOptions; everything is stopped at the end of the test."""
    with ExitStack() as stack:

        def make(**options: object) -> World:
            return stack.enter_context(world(tmp_path, net, pulse, DeviceOptions(**options)))  # type: ignore[arg-type] # passed through

        yield make


@pytest.fixture
def make_browser(
    tmp_path: Path, net: namespaces.Network, playwright: Playwright
) -> Iterator[Callable[..., BrowserContext]]:
    """Starts a browser in the home's network, with a fake microphone that says `VOICE_HZ`, or none at all."""
    voice = write_tone(tmp_path / "voice.wav", VOICE_HZ, 2.0)
    with ExitStack() as stack:

        def make(home: World, *, microphone: bool = True, phone: bool = False) -> BrowserContext:
            flags = (*browser.FAKE_MEDIA, f"--use-file-for-fake-audio-capture={voice}") if microphone else (
                "--deny-permission-prompts",
            )  # fmt: skip
            context = browser.chromium(playwright, home.site.ca_path, net.at_home(), flags, phone)
            return stack.enter_context(context)

        yield make


@contextmanager
def no_errors() -> Iterator[list[Someone]]:
    """At the end no page of those who were put into this may have had an error."""
    people: list[Someone] = []
    yield people
    for person in people:
        assert person.errors == [], f"{person.name}'s page"


@pytest.fixture
def make_person(make_browser: Callable[..., BrowserContext]) -> Iterator[MakePerson]:
    """A person with a browser of their own, invited and connected; at the end no page may have had an error."""
    with no_errors() as people:

        def make(home: World, name: str, *, script: str = "", **options: bool) -> Person:
            person = Person(make_browser(home, **options), home, name, script)
            person.accept_invitation()
            people.append(person)
            return person

        yield make


@pytest.fixture(scope="module")
def firefox(net: namespaces.Network) -> Iterator[other_browser.Firefox]:
    """One Firefox in the home's network for all tests of a file: it takes longer to start than they take."""
    if reason := other_browser.missing() or sound.missing():
        pytest.skip(reason)
    with sound.pulse_door(home=True) as loudspeaker, other_browser.firefox(net.at_home(), loudspeaker.env) as made:
        yield made


@pytest.fixture
def make_firefox_person(firefox: other_browser.Firefox) -> Iterator[MakeSomeone]:
    """A person at a Firefox, with a storage of their own."""
    with no_errors() as people, ExitStack() as stack:

        def make(home: World, name: str, *, script: str = "") -> Someone:
            firefox.trust(home.site.ca_path)
            screen = stack.enter_context(firefox.page())
            person = Someone(screen, home, name, script)
            person.errors, person.picture = screen.errors, ("video/VP8", 640)
            person.accept_invitation()
            people.append(person)
            return person

        yield make


@pytest.fixture(params=["chromium", "firefox"])
def make_someone(request: pytest.FixtureRequest) -> MakeSomeone:
    """A person at the one browser, and the same test again with one at the other."""
    named = {"chromium": "make_person", "firefox": "make_firefox_person"}
    made: MakeSomeone = request.getfixturevalue(named[request.param])
    return made
