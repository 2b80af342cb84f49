"""Web Push: wakes a browser whose page is closed, by the push service that the browser names.

RFC 8030 (the request), RFC 8291 (its body, which the service cannot read), RFC 8292 (who asks). What a service learns
is that this server wakes that browser now; the endpoint is a secret of the browser's, and is never logged.
"""

import asyncio
import contextlib
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from py_vapid import Vapid02
from pywebpush import WebPusher

from protocol.codec import decode, encode
from protocol.errors import ConfigError, PeerError
from protocol.ids import b64url
from protocol.keys import new_key, private_key_pem
from protocol.messages import Subscription
from signaling.adapters.store import write_atomically
from signaling.adapters.words import Words
from signaling.config import PushConfig
from signaling.core.effects import KeepKeys, Notify, Subscribe

WORKERS: Final = 8
"""Requests at a time."""

WAITING: Final = 256
"""Requests that wait; more are dropped, the newest: a house has few people, and a ring is over soon."""

WITHIN_S: Final = 10.0
AGAIN_S: Final = 2.0
"""A service that is busy or away is asked once more."""

SIGNED_FOR_S: Final = 12 * 3600
"""RFC 8292 allows a day."""

log = structlog.get_logger()


class PushServices:
    """Keeps subscriptions, one file a key, and wakes who is to be woken while it is `running`."""

    def __init__(self, folder: Path, config: PushConfig, tls: ssl.SSLContext | None = None) -> None:
        self._folder = folder
        self._config = config
        self._tls = tls or ssl.create_default_context()
        self._vapid = _own_key(folder / "server-key.pem")
        self._kept: dict[str, Subscription] = _read(folder)
        self._words = Words()

    @property
    def key(self) -> str:
        """What a browser binds its subscription to: the public point, base64url."""
        numbers = self._vapid.public_key.public_numbers()
        return b64url(b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))

    def perform(self, effect: Subscribe | Notify | KeepKeys) -> None:
        """Keep, delete, or wake; waking happens in time, and never holds anybody up."""
        match effect:
            case Subscribe(key, None):
                self._forget(key)
            case Subscribe(key, subscription) if subscription is not None:
                self._keep(key, subscription)
            case KeepKeys(keys):
                for key in set(self._kept) - keys:
                    self._forget(key)
            case Notify(keys):
                for key in keys:
                    if key in self._kept:
                        self._later(key, effect)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Wakes people while inside."""
        resolver = ThreadedResolver() if self._config.private_services else PublicOnly()
        connector = aiohttp.TCPConnector(ssl=self._tls, resolver=resolver)
        timeout = aiohttp.ClientTimeout(total=WITHIN_S)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http,
            asyncio.TaskGroup() as tasks,
        ):
            workers = [tasks.create_task(self._work(http)) for _ in range(WORKERS)]
            try:
                yield
            finally:
                for worker in workers:
                    worker.cancel()

    # What is kept

    def _keep(self, key: str, subscription: Subscription) -> None:
        try:
            self._judge(subscription.endpoint)
            if self._kept.get(key) == subscription:
                return
            path = self._folder / f"{key}.json"
            write_atomically(path, encode(subscription))
            path.chmod(0o600)
        except (PeerError, OSError, ValueError) as error:  # ValueError: an address that is none, such as https://[a
            log.warning("push-subscription-refused", why=str(error)[:200])
            return
        self._kept[key] = subscription
        log.info("push-subscribed", service=urlsplit(subscription.endpoint).hostname)

    def _forget(self, key: str) -> None:
        if self._kept.pop(key, None) is None:
            return
        (self._folder / f"{key}.json").unlink(missing_ok=True)
        log.info("push-unsubscribed")

    def _judge(self, endpoint: str) -> None:
        """PeerError for an endpoint that is no place of a push service (section 8, rule 15)."""
        parts = urlsplit(endpoint)
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise PeerError("endpoint: not a plain https address")
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(parts.hostname)
            if not self._config.private_services and not is_public(address):
                raise PeerError("endpoint: not a public address")

    # Waking

    def _later(self, key: str, notify: Notify) -> None:
        if not self._words.put(key, notify, WAITING):
            log.warning("push-dropped", why="too many are waiting")

    async def _work(self, http: aiohttp.ClientSession) -> None:
        while True:
            async for key, notify in self._words.of_one():
                await self._say(http, key, notify)

    async def _say(self, http: aiohttp.ClientSession, key: str, notify: Notify) -> None:
        """Ask the browser's service, and once more where it is busy, unless something newer is to be said by then."""
        for last in (False, True):
            subscription = self._kept.get(key)
            if subscription is None:
                return
            service = urlsplit(subscription.endpoint).hostname
            try:
                status = await self._ask(http, subscription, notify)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                status, why = 0, type(error).__name__
            else:
                why = f"status {status}"
            if status in {404, 410}:  # RFC 8030, section 7.3: the subscription is no more
                self._forget(key)
                return
            if 200 <= status < 300:
                log.info("pushed", service=service, ringing=notify.ringing)
                return
            if last or 300 <= status < 429:
                log.warning("push-failed", service=service, why=why)
                return
            if await self._words.newer(key, notify, AGAIN_S):
                return

    async def _ask(self, http: aiohttp.ClientSession, subscription: Subscription, notify: Notify) -> int:
        """RFC 8030, section 5: the status of the answer."""
        self._judge(subscription.endpoint)
        payload = {"v": 1, "device": notify.device, "call": notify.call, "ringing": notify.ringing}
        pusher = WebPusher({"endpoint": subscription.endpoint, "keys": _keys(subscription)})
        body = pusher.encode(json.dumps(payload, separators=(",", ":")).encode())["body"]
        parts = urlsplit(subscription.endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(time.time()) + SIGNED_FOR_S,
            "sub": self._config.contact,
        }
        headers = {
            **self._vapid.sign(claims),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(self._config.ttl_s),
            "Urgency": "high",
            "Topic": notify.call,  # what was not delivered yet is replaced by the withdrawal
        }
        async with http.post(subscription.endpoint, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status


class PublicOnly(AbstractResolver):
    """Names lead to public addresses, or nowhere: who subscribes cannot have the server knock at its neighbours."""

    def __init__(self) -> None:
        self._real = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._real.resolve(host, port, family)
        public = [one for one in found if is_public(ipaddress.ip_address(one["host"].partition("%")[0]))]
        if not public:
            raise OSError(f"{host}: no public address")
        return public

    async def close(self) -> None:
        await self._real.close()


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it is of the whole internet, and of one machine there (IANA's special-purpose registries)."""
    inner = getattr(address, "ipv4_mapped", None)
    return (inner or address).is_global and not (inner or address).is_multicast


def _keys(subscription: Subscription) -> dict[str, str]:
    return {"p256dh": subscription.keys.p256dh, "auth": subscription.keys.auth}


def _own_key(path: Path) -> Any:
    """The key by which push services know this server, made once; ConfigError if it can be neither read nor made."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        if not path.exists():
            write_atomically(path, private_key_pem(new_key()).decode("ascii"))
        path.chmod(0o600)
        return Vapid02.from_pem(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: the key for push cannot be kept: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not a private key; remove it, and everybody has to subscribe again") from error


def _read(folder: Path) -> dict[str, Subscription]:
    kept: dict[str, Subscription] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            kept[path.stem] = decode(path.read_bytes(), Subscription)
        except (PeerError, OSError) as error:
            log.warning("push-subscription-unreadable", why=str(error)[:200])
    return kept
