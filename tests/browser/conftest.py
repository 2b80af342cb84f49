"""The real page in real Chromium, with real media."""

from tests.harness.fixtures import make_browser, make_person, make_world, net, playwright, pulse

__all__ = ["make_browser", "make_person", "make_world", "net", "playwright", "pulse"]
