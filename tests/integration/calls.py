"""Two ends of a connection on 127.0.0.1: the device's adapter, or plain aiortc in its place, and a page."""

import asyncio
import datetime as dt
import socket
from collections.abc import Callable
from typing import Any, TypeVar

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCCertificate,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.rtcdtlstransport import RTCDtlsTransport
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from device.adapters.webrtc import AiortcPeers
from device.adapters.webrtc.fence import present
from device.adapters.webrtc.link import Link
from device.core.events import Event, LinkLost, LinkMessage, LinkOffered, LinkOpened
from protocol.sdp import vet_answer, vet_offer
from tests.fakes.media import FORMATS, FakeSound, FakeVideoSource, tone

LOOPBACK = "127.0.0.1"
SOON_S = 10.0
"""Long enough for what happens at once, on a busy machine."""

NEVER_S = 1.0
"""How long is waited for what must not happen: fifty times what it takes otherwise."""

E = TypeVar("E", bound=Event)


def new_identity() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "front-door")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    return key, builder.sign(key, hashes.SHA256())


class GuardedDoor:
    """The adapter with fake media; one link, `link`."""

    name = "link"

    def __init__(self) -> None:
        self.key, self.certificate = new_identity()
        self.video, self.sound = FakeVideoSource(), FakeSound()
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.peers = AiortcPeers(
            self.key,
            self.certificate,
            self.video,
            self.sound,
            FORMATS,
            self.events.put_nowait,
            host_addresses=(LOOPBACK,),
        )

    @property
    def link(self) -> Link:
        return self.peers._links[self.name]

    async def offer(self) -> str:
        self.peers.open_link(self.name, ())
        sdp = (await self.next(LinkOffered)).sdp
        vet_offer(sdp)
        return sdp

    async def accept(self, sdp: str, fingerprint: str | None = None) -> None:
        self.peers.accept(self.name, sdp, fingerprint or vet_answer(sdp).fingerprint)

    async def opened(self, within_s: float = SOON_S) -> bool:
        """Whether the link opens in that time; what closed it instead is kept in `lost`."""
        try:
            event = await asyncio.wait_for(self.events.get(), within_s)
        except TimeoutError:
            return False
        return isinstance(event, LinkOpened)

    async def lost(self, within_s: float = SOON_S) -> str:
        """Why the link was lost."""
        async with asyncio.timeout(within_s):
            while not isinstance(event := await self.events.get(), LinkLost):
                pass
        return event.why

    async def next(self, kind: type[E]) -> E:
        event = await asyncio.wait_for(self.events.get(), SOON_S)
        assert isinstance(event, kind), event
        return event

    async def alive(self, page: "Page") -> bool:
        """Whether a word gets through in both directions."""
        self.peers.send(self.name, "are you there")
        if await page.heard(NEVER_S) != "are you there":
            return False
        page.control.send("I am")
        try:
            event = await asyncio.wait_for(self.events.get(), NEVER_S)
        except TimeoutError:
            return False
        return isinstance(event, LinkMessage)

    async def close(self) -> None:
        await self.peers.close()


class PlainDoor:
    """What the library does by itself with the same offer."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.pc.addTransceiver("video", direction="sendonly")
        self.pc.addTransceiver("audio", direction="sendrecv")
        self.control = self.pc.createDataChannel("control", protocol="doorward.v1")
        self.messages: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.channels: asyncio.Queue[RTCDataChannel] = asyncio.Queue()
        self._open = asyncio.Event()
        self.control.on("open", self._open.set)
        self.control.on("message", self.messages.put_nowait)
        self.pc.on("datachannel", self.channels.put_nowait)

    @property
    def ice(self) -> Any:
        assert self.pc.sctp is not None
        return self.pc.sctp.transport.transport._connection

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def accept(self, sdp: str, fingerprint: str | None = None) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def opened(self, within_s: float = SOON_S) -> bool:
        try:
            await asyncio.wait_for(self._open.wait(), within_s)
        except TimeoutError:
            return False
        return True

    async def alive(self, page: "Page") -> bool:
        if self.control.readyState != "open":
            return False
        self.control.send("are you there")
        return await page.heard(NEVER_S) == "are you there"

    async def close(self) -> None:
        await self.pc.close()


Door = GuardedDoor | PlainDoor


class ToneTrack(MediaStreamTrack):
    """A voice: 660 Hz, as fast as it is real."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._start = asyncio.get_running_loop().time()
        self._samples = 0

    async def recv(self) -> Any:
        due = self._start + self._samples / 48_000
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        self._samples += 960
        return tone(660, self._samples - 960)


class Page:
    """A page played by plain aiortc."""

    def __init__(self, certificate: RTCCertificate | None = None) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        if certificate is not None:
            present(self.pc, certificate)
        self.tracks: dict[str, MediaStreamTrack] = {}
        self._channels: asyncio.Queue[RTCDataChannel] = asyncio.Queue()
        self._messages: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._control: RTCDataChannel | None = None
        self.pc.on("track", lambda track: self.tracks.update({track.kind: track}))
        self.pc.on("datachannel", self._got_channel)

    def _got_channel(self, channel: RTCDataChannel) -> None:
        self._control = channel
        channel.on("message", self._messages.put_nowait)

    @property
    def control(self) -> RTCDataChannel:
        assert self._control is not None
        return self._control

    async def answer(self, offer: str, voice: MediaStreamTrack | None = None, video: str = "") -> str:
        """`video` is the one codec that this page decodes; otherwise it takes what is offered."""
        if video:
            known: Any = RTCRtpReceiver.getCapabilities("video")
            only = [codec for codec in known.codecs if codec.mimeType in (f"video/{video}", "video/rtx")]
            self.pc.addTransceiver("video", direction="recvonly").setCodecPreferences(only)
        await self.pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        for transceiver in self.pc.getTransceivers():
            if transceiver.kind == "audio":
                transceiver.direction = "sendrecv"
                transceiver.sender.replaceTrack(voice)
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return only_sha256(self.pc.localDescription.sdp)

    @property
    def dtls(self) -> RTCDtlsTransport:
        assert self.pc.sctp is not None
        return self.pc.sctp.transport

    async def heard(self, within_s: float = SOON_S) -> str | bytes | None:
        """The next message on `control`, None if there is none in that time."""
        try:
            return await asyncio.wait_for(self._messages.get(), within_s)
        except TimeoutError:
            return None

    async def close(self) -> None:
        await self.pc.close()


async def connect(door: Door, page: Page, voice: MediaStreamTrack | None = None, video: str = "") -> bool:
    """Offer, answer, and whether it opened."""
    await door.accept(await page.answer(await door.offer(), voice, video))
    return await door.opened()


def only_sha256(sdp: str) -> str:
    return "\r\n".join(
        line for line in sdp.split("\r\n") if not line.startswith(("a=fingerprint:sha-3", "a=fingerprint:sha-5"))
    )


def port_of(sdp: str) -> int:
    """Where the door listens, as anybody who scans for it may find."""
    line = next(line for line in sdp.split("\r\n") if line.startswith("a=candidate:"))
    return int(line.split(" ")[5])


def stranger() -> socket.socket:
    """Somebody on the network who is no party to the call."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((LOOPBACK, 0))
    return sock


def hidden(owner: object, name: str) -> Any:
    """A private attribute of the class that `owner` is of."""
    return getattr(owner, f"_{type(owner).__name__}__{name}")


async def until(condition: Callable[[], bool], within_s: float = SOON_S) -> None:
    """Wait for something that has no event of its own; TimeoutError otherwise."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - counters of a library have no events
            await asyncio.sleep(0.005)


def handshake(server: SSL.Context, client: SSL.Context) -> bool:
    """Whether the two agree."""
    ends = [SSL.Connection(server), SSL.Connection(client)]
    ends[0].set_accept_state()
    ends[1].set_connect_state()
    for _ in range(10):
        done = 0
        for end, other in (ends, ends[::-1]):
            try:
                end.do_handshake()
                done += 1
            except SSL.WantReadError:
                pass
            except SSL.Error:
                return False
            while True:
                try:
                    other.bio_write(end.bio_read(4096))
                except SSL.WantReadError:
                    break
        if done == len(ends):
            return True
    return False
