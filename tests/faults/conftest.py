"""Things that go wrong: pulled, killed, stopped. Nobody is left with nothing."""

from tests.harness.fixtures import make_browser, make_person, make_world, net, playwright, pulse

__all__ = ["make_browser", "make_person", "make_world", "net", "playwright", "pulse"]
