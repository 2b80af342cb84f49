"""Every recorded state of the page: drawn, and held to WCAG 2.2 AA by axe-core, in light and in dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.page.stand import WITHIN_S, Server

AXE = Path("node_modules/axe-core/axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = {"phone": (390, 844), "desktop": (1440, 900)}
JUDGE = """async (tags) => {
  const only = { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] };
  const { violations } = await axe.run(document, only);
  return violations.map(({ id, help, nodes }) => [id, help, nodes.map(({ html }) => html.slice(0, 160))]);
}"""
NARROW = "() => [document.documentElement.scrollWidth, innerWidth]"


@pytest.fixture(scope="module")
def states(browser: Browser, server: Server) -> list[str]:
    page = browser.new_page(ignore_https_errors=True)
    page.goto(f"{server.origin}/blank.html")
    found: list[str] = page.evaluate("async () => Object.keys((await import('/style/states.js')).STATES)")
    page.close()
    return found


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids="-".join)
def gallery(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    size, scheme = request.param
    width, height = SIZES[size]
    context = browser.new_context(
        ignore_https_errors=True, viewport={"width": width, "height": height}, color_scheme=scheme,
        reduced_motion="reduce", service_workers="block",
    )  # fmt: skip
    context.set_default_timeout(WITHIN_S * 1000)
    if AXE.is_file():
        context.add_init_script(path=AXE)
    yield context.new_page()
    context.close()


def draw(page: Page, server: Server, name: str) -> None:
    page.goto(f"{server.origin}/style/?state={name}")
    page.locator("html[data-drawn=true]").wait_for()


@pytest.mark.timeout(300)
def test_every_state_is_accessible_and_fits(gallery: Page, server: Server, states: list[str]) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: run make setup")
    wrong: dict[str, Any] = {}
    for name in states:
        draw(gallery, server, name)
        found = gallery.evaluate(JUDGE, RULES)
        wide, screen = gallery.evaluate(NARROW)
        if wide > screen:
            found.append(["wider than the screen", wide, screen])
        if found:
            wrong[name] = found
    assert wrong == {}


def test_the_judge_judges(gallery: Page, server: Server) -> None:
    """A button without a name is noticed."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: run make setup")
    draw(gallery, server, "idle")
    gallery.evaluate("() => document.querySelector('main').append(document.createElement('button'))")
    assert [rule for rule, *_ in gallery.evaluate(JUDGE, RULES)] == ["button-name"]


def test_the_overview_shows_all_of_them(gallery: Page, server: Server, states: list[str]) -> None:
    gallery.goto(f"{server.origin}/style/")
    gallery.locator("html[data-drawn=true]").wait_for()
    assert gallery.locator(".gallery nav a").count() == len(states)
    assert gallery.locator(".gallery .card").count() > len(states) / 2


@pytest.mark.parametrize(
    ("name", "said"),
    {
        "viewing-together": "Bob and Grandma see the picture, too.",
        "ringing-together": "Grandma sees the picture, too.",
        "somebody-looks-in": "Bob sees the picture now.",
        "doors-closed": "",
    }.items(),
)
def test_who_sees_no_picture_is_not_told_of_others_as_if_they_did(
    gallery: Page, server: Server, name: str, said: str
) -> None:
    draw(gallery, server, name)
    line = gallery.locator("[id^=watching-]")
    assert (line.text_content(), line.is_visible()) == (said, said != "")


RENAMED = """async () => {
  const { CardView } = await import("/view/card.js");
  const { cardAt, NOW, STATES } = await import("/style/states.js");
  const { DEFAULTS } = await import("/settings.js");
  const [door] = STATES["doors-closed"].doors;
  const deeds = new Proxy({}, { get: () => () => null });
  const view = new CardView({ site: door.site, device: door.device, name: door.device, deeds });
  const card = cardAt(door);
  const labels = [];
  for (const label of ["Garden gate", "Back gate"]) {
    const contacts = [{ ...card.contacts[0], label }];
    const tracks = { video: null, audio: null };
    view.update({ ...card, contacts }, tracks, { now: NOW, settings: DEFAULTS, changed() {} });
    labels.push(view.element.querySelector("[data-contact]").textContent);
  }
  return labels;
}"""


def test_a_door_that_is_renamed_has_its_new_name_beside_how_it_stands(blank: Page) -> None:
    assert blank.evaluate(RENAMED) == ["Garden gate: closed", "Back gate: closed"]
