"""Composition root of the server: two listeners, one hub, and what is published from a folder."""

import asyncio
import contextlib
import functools
import gc
import signal
import ssl
from collections.abc import Sequence
from pathlib import Path

import structlog
from aiohttp import web

from protocol.errors import ConfigError
from protocol.ids import new_token
from signaling.adapters.gate import Gate
from signaling.adapters.page import add_page
from signaling.adapters.publishing import Publishing
from signaling.adapters.push import PushServices
from signaling.adapters.service import SystemdService
from signaling.adapters.store import KeyFolder, RosterFolder, load_roster_key
from signaling.adapters.tls import devices_context, people_context, take_up
from signaling.adapters.wss import Endpoints
from signaling.config import Config, LimitsConfig
from signaling.core.hub import Hub

log = structlog.get_logger()


async def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads rosters and the people's certificate again.

    ConfigError before anything listens.
    """
    state = Path(config.state)
    keys = KeyFolder(state / "roster-keys", load_roster_key(Path(config.roster_key)), config.site)
    rosters = RosterFolder(state / "rosters", keys, config.site)
    people_tls, devices_tls = people_context(config), devices_context(config)
    push = PushServices(state / "push", config.push) if config.push.contact else None
    hub = Hub(config.site, config.people.hosts, new_token, push.key if push else None)
    publishing = Publishing(keys, rosters, hub)
    endpoints = Endpoints(config, hub, publishing, push.perform if push else lambda _: None)
    endpoints.perform(publishing.read())

    devices = web.Application(client_max_size=0)
    devices.router.add_get("/device", endpoints.device)
    devices.router.add_get("/operator", endpoints.operator)
    people = web.Application(client_max_size=0)
    people.router.add_get("/answerer", endpoints.answerer)
    add_page(people, config)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _read_again, config, people_tls, endpoints, publishing)
    async with contextlib.AsyncExitStack() as stack:
        if push:
            await stack.enter_async_context(push.running())
        listen = functools.partial(_listen, stack, config.limits)
        devices_port = await listen(devices, config.devices.listen, config.devices.port, devices_tls)
        people_port = await listen(people, config.people.listen, config.people.port, people_tls)
        gc.freeze()
        log.info("listening", devices_port=devices_port, people_port=people_port, site=config.site)
        service = SystemdService()
        service.tell("READY=1", f"STATUS={config.site}: devices on port {devices_port}, people on port {people_port}")
        alive = asyncio.create_task(service.stay_alive())
        await stop.wait()
        alive.cancel()
        service.tell("STOPPING=1")
        await endpoints.close()
    log.info("stopped")


def _read_again(config: Config, people_tls: ssl.SSLContext, endpoints: Endpoints, publishing: Publishing) -> None:
    """Rosters, and the people's certificate; what is wrong with it is logged, and the present one stays."""
    endpoints.perform(publishing.read())
    try:
        take_up(people_tls, config)
    except ConfigError as error:
        log.error("certificate-not-taken", why=str(error))


async def _listen(
    stack: contextlib.AsyncExitStack,
    limits: LimitsConfig,
    app: web.Application,
    hosts: Sequence[str],
    port: int,
    tls: ssl.SSLContext,
) -> int:
    """Listen on every address with one port; the port, which 0 lets the system choose."""
    app.on_response_prepare.append(_say_no_version)
    # Whoever asks for nothing gets as long as a login does.
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=0.5, handle_signals=False, keepalive_timeout=limits.login_s
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    if runner.server is None:
        raise RuntimeError("aiohttp: no server after setup")
    gate = Gate(runner.server, tls, limits.unauthenticated_per_s, limits.login_s, limits.ping_s)
    stack.push_async_callback(gate.close)
    for host in hosts:
        try:
            port = await gate.open(host, port)
        except OSError as error:
            raise ConfigError(f"{host}:{port}: cannot listen: {error.strerror}; is another server running?") from error
    return port


async def _say_no_version(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall("Server", None)
