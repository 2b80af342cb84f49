"""The answering page: static files, with headers that allow it nothing but itself and its server."""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from signaling.config import Config

FOLDER: Final = Path(__file__).parent.parent / "web"

NO_FRAMES: Final = "frame-ancestors 'none'; "
"""The one directive that means nothing outside a header (CSP level 3, section 3.3)."""

WORKER_POLICY: Final = "doorward-worker"
"""The one Trusted Types policy there may be: it makes the service worker's address and nothing else (updates.js)."""

SHELL: Final = "shell.json"
"""What the service worker keeps, by digest; made from the files, of which it is not one."""

NOT_KEPT: Final = ("sw.js", "style/")
"""The browser keeps the worker itself; the style page is for whoever works on the page."""

TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


def servers(config: Config) -> list[str]:
    """Where a page may connect to, by this configuration."""
    return [f"wss://{host}" for host in config.people.hosts] + list(config.people.connect)


def headers(config: Config) -> dict[str, str]:
    """Security headers of every answer. `connect-src` names the WebSocket by host: Safari's 'self' leaves it out."""
    return security_headers(["'self'", *servers(config)])


def content_policy(connect: Sequence[str]) -> str:
    """The Content-Security-Policy of a page that may connect to these sources."""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        f"connect-src {' '.join(connect)}; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
        f"form-action 'none'; {NO_FRAMES}require-trusted-types-for 'script'; trusted-types {WORKER_POLICY}"
    )


def security_headers(connect: Sequence[str]) -> dict[str, str]:
    """Headers for every file of the page.

    No HSTS: it would bind the whole host, whose other ports are not ours, to a CA that a visitor may not have.
    """
    policy = content_policy(connect)
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }


def shell(folder: Path, policy: str) -> bytes:
    """What a browser keeps, so that the page opens without its server: each file's digest, and a version that changes
    with any of them and with the page's policy, which is kept beside them (sw.js).
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in TYPES)
    names = [(path.relative_to(folder).as_posix(), path) for path in paths]
    files = {name: _integrity(path.read_bytes()) for name, path in names if not name.startswith(NOT_KEPT)}
    version = hashlib.sha256(json.dumps([files, policy]).encode()).hexdigest()[:16]
    return json.dumps({"version": version, "files": files}, indent=1).encode()


def _integrity(data: bytes) -> str:
    """As W3C Subresource Integrity writes it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(data).digest()).decode()}"


def add_page(app: web.Application, config: Config) -> None:
    """Serve every file of the page under its own path, read anew each time: there are few, and they are small."""
    extra = headers(config)

    async def serve(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name == SHELL:
            kept = shell(FOLDER, extra["Content-Security-Policy"])
            return web.Response(body=kept, content_type="application/json", headers=extra)
        if name == "style":
            raise web.HTTPPermanentRedirect("style/", headers=extra)
        path = (FOLDER / (f"{name}index.html" if name in {"", "style/"} else name)).resolve()
        if not path.is_relative_to(FOLDER) or path.suffix not in TYPES or not path.is_file():
            raise web.HTTPNotFound(headers=extra)
        return web.FileResponse(path, headers={**extra, "Content-Type": TYPES[path.suffix]})

    app.router.add_get("/{name:[a-zA-Z0-9/_.-]*}", serve)
