"""A real Chromium that trusts a site's CA the way a person's browser would: by its certificate store."""

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from playwright.sync_api import BrowserContext, Playwright

QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
)
PERMITTED = "--use-fake-ui-for-media-stream"
FAKE_MEDIA = ("--use-fake-device-for-media-stream", PERMITTED)


def executable() -> str | None:
    """Debian's Chromium, or whatever DOORWARD_CHROMIUM names."""
    return os.environ.get("DOORWARD_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def missing() -> str | None:
    """Why no browser can be driven here; None if one can."""
    if executable() is None:
        return "chromium is not installed"
    if shutil.which("certutil") is None:
        return "certutil is not installed (libnss3-tools)"
    return None


@contextlib.contextmanager
def chromium(
    playwright: Playwright,
    ca: Path,
    prefix: Sequence[str] = (),
    extra: Sequence[str] = FAKE_MEDIA,
    phone: bool = False,
    sound: Mapping[str, str] | None = None,
) -> Iterator[BrowserContext]:
    """A headless browser with a home of its own, which trusts `ca`; `prefix` runs it in another namespace.

    `sound` is the environment of a sound server that it uses for real: then it is heard, and hears.
    """
    with tempfile.TemporaryDirectory(prefix="doorward-browser-", ignore_cleanup_errors=True) as home:
        folder = Path(home)
        trust(folder, ca)
        program = folder / "chromium"
        program.write_text(f'#!/bin/sh\nHOME="{folder}" exec {" ".join(prefix)} {executable()} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 800}
        context = playwright.chromium.launch_persistent_context(
            str(folder / "profile"),
            executable_path=str(program),
            headless=True,
            chromium_sandbox=os.geteuid() != 0,
            args=[*QUIET, *extra],
            env={**os.environ, **sound} if sound else None,
            ignore_default_args=["--mute-audio"] if sound else None,
            viewport={"width": size["width"], "height": size["height"]},
        )
        try:
            yield context
        finally:
            context.close()


def trust(home: Path, ca: Path) -> None:
    """Make `home` one whose browser believes every certificate of `ca`."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    where = ["-d", f"sql:{store}"]
    subprocess.run(["certutil", *where, "-N", "--empty-password"], check=True, capture_output=True)
    end = "-----END CERTIFICATE-----\n"
    for number, one in enumerate(ca.read_text(encoding="ascii").split(end)[:-1]):
        added = ["-A", "-a", "-t", "C,,", "-n", f"doorward-{number}"]
        subprocess.run(["certutil", *where, *added], input=(one + end).encode(), check=True, capture_output=True)
