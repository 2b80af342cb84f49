"""The real page in real browsers, with real media."""

from tests.harness.fixtures import (
    firefox,
    make_browser,
    make_firefox_person,
    make_person,
    make_someone,
    make_world,
    net,
    playwright,
    pulse,
)

__all__ = [
    "firefox",
    "make_browser",
    "make_firefox_person",
    "make_person",
    "make_someone",
    "make_world",
    "net",
    "playwright",
    "pulse",
]
