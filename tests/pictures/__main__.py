"""Draws the pictures of docs/page/ and the page's icons, from the style page's recorded states.   make pictures"""

import argparse
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from signaling.adapters.page import FOLDER
from tests.browser.page.stand import Server, certificate
from tests.harness.chromium import QUIET, executable

PICTURES = Path("docs/page")

SIZES = {"phone": (390, 844), "tablet": (1024, 768), "desktop": (1440, 900)}

ICONS = {
    "icons/180.png": (180, 0.0),
    "icons/192.png": (192, 0.0),
    "icons/512.png": (512, 0.0),
    "icons/maskable.png": (512, 0.1),
}
"""Pixels, and the margin that a mask may cut away (W3C manifest: the safe zone is the middle 80 %)."""


def shell_of(page: Page, origin: str, name: str) -> None:
    """Draw one state, and wait until it stands."""
    page.goto(f"{origin}/style/?state={name}")
    page.locator("html[data-drawn=true]").wait_for()
    if page.locator(".card.showing").count() and name not in {"ringing-before-picture", "no-camera"}:
        page.locator(".card.showing[data-picture=live]").wait_for()


@contextmanager
def browser() -> Iterator[tuple[Browser, str]]:
    """A Chromium, and the origin of a server with the page."""
    with tempfile.TemporaryDirectory(prefix="doorward-pictures-") as folder, sync_playwright() as playwright:
        context: ssl.SSLContext = certificate(Path(folder))
        server = Server(context)
        chromium = playwright.chromium.launch(
            executable_path=executable(), args=[*QUIET, "--no-sandbox", "--ignore-certificate-errors"], headless=True
        )
        yield chromium, server.origin
        chromium.close()
        server.close()


def names(chromium: Browser, origin: str) -> list[str]:
    """Every recorded state."""
    page = chromium.new_page(ignore_https_errors=True)
    page.goto(f"{origin}/blank.html")
    found: list[str] = page.evaluate("async () => Object.keys((await import('/style/states.js')).STATES)")
    page.close()
    return found


def draw(chromium: Browser, origin: str, states: Sequence[str], sizes: Sequence[str]) -> None:
    for size in sizes:
        width, height = SIZES[size]
        for scheme in ("light", "dark"):
            context = chromium.new_context(
                ignore_https_errors=True, viewport={"width": width, "height": height}, color_scheme=scheme,
                reduced_motion="reduce", service_workers="block",
            )  # fmt: skip
            page = context.new_page()
            for name in states:
                shell_of(page, origin, name)
                path = PICTURES / f"{name}-{size}-{scheme}.png"
                page.screenshot(path=path, animations="disabled")
                shrink(path)
            context.close()


def shrink(path: Path) -> None:
    """Fewer colours: the pictures are looked at, not measured."""
    if shutil.which("pngquant"):
        subprocess.run(
            ["pngquant", "--force", "--skip-if-larger", "--strip", "--output", path, "96", path], check=False
        )


def icons(chromium: Browser) -> None:
    drawing = (FOLDER / "icon.svg").read_text(encoding="utf-8")
    page = chromium.new_page()
    for name, (pixels, margin) in ICONS.items():
        ground = "#17694a" if margin else "transparent"
        inner = round(pixels * (1 - 2 * margin))
        sized = drawing.replace("<svg ", f'<svg width="{inner}" height="{inner}" ', 1)
        page.set_viewport_size({"width": pixels, "height": pixels})
        page.set_content(
            f'<body style="margin:0;height:100vh;display:grid;place-items:center;background:{ground}">{sized}</body>'
        )
        page.screenshot(path=FOLDER / name, omit_background=True)
        shrink(FOLDER / name)
    badge = (
        '<svg width="96" height="96" viewBox="0 0 24 24" fill="none" stroke="#fff" stroke-width="2" '
        'stroke-linecap="round" stroke-linejoin="round"><path d="M6 16.500V11a6 6 0 0 1 12 0v5.500l1.500 1.500h-15z"/>'
        '<path d="M10 20.500a2.200 2.200 0 0 0 4 0"/></svg>'
    )
    page.set_viewport_size({"width": 96, "height": 96})
    page.set_content(f'<body style="margin:0">{badge}</body>')
    page.screenshot(path=FOLDER / "icons/badge.png", omit_background=True)
    page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--icons", action="store_true", help="the icons as well")
    parser.add_argument("--size", action="append", choices=SIZES, default=[])
    parser.add_argument("states", nargs="*")
    arguments = parser.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with browser() as (chromium, origin):
        if arguments.icons:
            icons(chromium)
        draw(chromium, origin, arguments.states or names(chromium, origin), arguments.size or list(SIZES))


if __name__ == "__main__":
    main()
