"""A push service and a browser that it wakes: RFC 8030, 8291, 8292 by hand, so that it is a second opinion."""

import asyncio
import base64
import hmac
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from protocol.ids import b64url
from protocol.keys import new_key, private_key_pem
from protocol.messages import PushKeys, Subscription

AUTH = b"authentication 1"


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def service_certificate(folder: Path) -> Path:
    """Certificate and key of a service on `localhost`, which vouches for itself."""
    key, now = new_key(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "push service")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )  # fmt: skip
    path = folder / "service.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM) + private_key_pem(key))
    return path


def _hkdf(salt: bytes, ikm: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 for at most one block."""
    prk = hmac.new(salt, ikm, sha256).digest()
    return hmac.new(prk, info + b"\x01", sha256).digest()[:length]


@dataclass
class Browser:
    """What a browser keeps of its subscription, and how it reads a push."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self, endpoint: str) -> Subscription:
        return Subscription(endpoint=endpoint, keys=PushKeys(p256dh=b64url(self.point), auth=b64url(AUTH)))

    def read(self, body: bytes) -> Any:
        """RFC 8188 and 8291: one record, whose key comes from both ends' keys and the shared secret."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, record = body[21 : 21 + length], body[21 + length :]
        assert length == 65
        assert len(record) <= size <= 4096
        peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = self.key.exchange(ec.ECDH(), peer)
        ikm = _hkdf(AUTH, shared, b"WebPush: info\x00" + self.point + sender, 32)
        key = _hkdf(salt, ikm, b"Content-Encoding: aes128gcm\x00", 16)
        nonce = _hkdf(salt, ikm, b"Content-Encoding: nonce\x00", 12)
        plain = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\x00")
        assert plain.endswith(b"\x02"), "the last record is marked"
        return json.loads(plain[:-1])


@dataclass
class Asked:
    """One request, as the service judged it."""

    body: bytes
    ttl: int
    urgency: str
    topic: str
    subject: str


class PushService:
    """Accepts what a push service must accept; `answers` are statuses to give first, one a request."""

    def __init__(self, server_key: str) -> None:
        self._server_key = server_key
        self.asked: list[Asked] = []
        self.waiting: dict[tuple[str, str], Asked] = {}
        self.wrong: list[str] = []
        self.answers: list[int] = []
        self.origin = ""
        self.slow: set[str] = set()
        """Whose pushes wait for `go_on`; `held` counts them."""
        self.held = 0
        self.go_on = asyncio.Event()

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/push/{name}", self._push)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        self.origin = f"https://localhost:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            await runner.cleanup()

    async def _elsewhere(self, _: web.Request) -> web.Response:
        self.wrong.append("followed a redirect")
        return web.Response(status=201)

    async def _push(self, request: web.Request) -> web.Response:
        try:
            asked = self._judge(request, await request.read())
        except (AssertionError, ValueError, KeyError, IndexError) as error:
            self.wrong.append(f"{type(error).__name__}: {error}")
            return web.Response(status=400)
        if request.match_info["name"] in self.slow:
            self.held += 1
            await self.go_on.wait()
        status = self.answers.pop(0) if self.answers else 201
        if 300 <= status < 400:
            return web.Response(status=status, headers={"Location": f"{self.origin}/elsewhere"})
        if status == 201:
            self.asked.append(asked)
            # RFC 8030, section 5.4: a message of the same topic that was not delivered is replaced.
            self.waiting[request.match_info["name"], asked.topic] = asked
        return web.Response(status=status, headers={"Location": f"{self.origin}/message/1"})

    def _judge(self, request: web.Request, body: bytes) -> Asked:
        assert request.headers["Content-Encoding"] == "aes128gcm"
        topic = request.headers["Topic"]
        assert len(topic) <= 32
        assert unb64(topic)
        scheme, _, rest = request.headers["Authorization"].partition(" ")
        assert scheme.lower() == "vapid"
        parts = dict(one.strip().split("=", 1) for one in rest.split(","))
        assert parts["k"] == self._server_key, "another server than the one subscribed to"
        claims = self._verified(parts["t"], unb64(parts["k"]))
        assert claims["aud"] == self.origin
        assert time.time() < claims["exp"] <= time.time() + 24 * 3600
        assert claims["sub"].startswith(("mailto:", "https:"))
        return Asked(body, int(request.headers["TTL"]), request.headers["Urgency"], topic, claims["sub"])

    @staticmethod
    def _verified(token: str, point: bytes) -> Any:
        """RFC 8292, section 2: a JWT by ES256."""
        head, payload, signature = token.split(".")
        assert json.loads(unb64(head))["alg"] == "ES256"
        raw = unb64(signature)
        assert len(raw) == 64
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        key.verify(der, f"{head}.{payload}".encode(), ec.ECDSA(SHA256()))
        return json.loads(unb64(payload))
