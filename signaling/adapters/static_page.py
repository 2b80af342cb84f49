"""The answering page as files for a web server of its own (section 8, rule 3): written whole, or not at all."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from protocol.errors import ConfigError, DoorwardError
from signaling.adapters.page import FOLDER, NO_FRAMES, SHELL, content_policy, security_headers, shell

MARKER: Final = ".doorward-page"
"""By it an earlier output is known, which may be replaced."""

HEADERS: Final = "_headers"
"""The form that Netlify and Cloudflare Pages read."""

SNIPPETS: Final = ("nginx.conf", "Caddyfile")

CHARSET: Final = '    <meta charset="utf-8">\n'


def write_page(folder: Path, connect: Sequence[str]) -> None:
    """Write the page, which may connect to `connect` (at least one source), to a new or empty folder, or over an output
    of its own; ConfigError for any other folder, DoorwardError if it cannot be written. Then it is as it was.
    """
    folder = folder.resolve()
    ours = not folder.exists() or (folder.is_dir() and ((folder / MARKER).is_file() or not any(folder.iterdir())))
    if not ours:
        raise ConfigError(f"{folder}: holds something else; choose a new folder, or remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            made = Path(beside) / "new"
            _fill(made, connect)
            _put(made, folder, Path(beside) / "old")
    except OSError as error:
        raise DoorwardError(f"{folder}: the page cannot be written: {error.strerror or error}") from error


def _fill(folder: Path, connect: Sequence[str]) -> None:
    shutil.copytree(FOLDER, folder, copy_function=shutil.copyfile)
    index = folder / "index.html"
    text = index.read_text(encoding="utf-8")
    policy = content_policy(connect).replace(NO_FRAMES, "")
    meta = f'    <meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    if text.count(CHARSET) != 1:
        raise RuntimeError("index.html: there is no place for the policy")
    index.write_text(text.replace(CHARSET, CHARSET + meta), encoding="utf-8")
    (folder / SHELL).write_bytes(shell(folder, policy))
    # The service worker asks its own host for newer files; the policy in the document keeps the page itself from that.
    headers = security_headers(["'self'", *connect])
    (folder / HEADERS).write_text(_lines("/*\n", "  {name}: {value}\n", headers), encoding="utf-8")
    nginx, caddy = SNIPPETS
    (folder / nginx).write_text(
        _lines(
            "# For the page's own `server` block; a `location` with an `add_header` of its own needs these again.\n",
            'add_header {name} "{value}" always;\n',
            headers,
        ),
        encoding="utf-8",
    )
    (folder / caddy).write_text(
        _lines("# For the page's own site block.\nheader {{\n", '\t{name} "{value}"\n', headers) + "}\n",
        encoding="utf-8",
    )
    (folder / MARKER).write_text("written by `doorward-signaling page`, which may replace this folder\n")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # for whatever user the web server runs as


def _lines(head: str, line: str, headers: Mapping[str, str]) -> str:
    return head.format() + "".join(line.format(name=name, value=value) for name, value in headers.items())


def _put(made: Path, folder: Path, aside: Path) -> None:
    """Move `made` to where `folder` is; what is there goes `aside`, and comes back if that fails."""
    if folder.exists():
        folder.rename(aside)
    try:
        made.rename(folder)
    except OSError:
        if aside.exists():
            aside.rename(folder)
        raise
