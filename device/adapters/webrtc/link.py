"""One connection to one page, from its offer to its end."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiortc import (
    RTCBundlePolicy,
    RTCCertificate,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp

from device.adapters.webrtc import fence, media_fence
from device.adapters.webrtc.description import (
    BASELINE,
    LEVELS,
    MESSAGE_LIMIT,
    PLAYOUT_DELAY_ID,
    publish_offer,
    split_answer,
)
from device.adapters.webrtc.media import LinkMedia
from device.core.events import Event, LinkLost, LinkMessage, LinkOffered, LinkOpened
from device.media.h264 import level
from device.ports import Sound, Stream, StreamFormat, VideoSource
from protocol.candidates import PER_LINK
from protocol.errors import PeerError
from protocol.sdp import PLAYOUT_DELAY, vet_answer, vet_offer

CONTROL = "control"
CONTROL_PROTOCOL = "doorward.v1"

OPEN_S = 30.0
"""From the offer until `control` is open; nobody may keep an attempt pending for longer (protocol section 8, 9)."""

LAST_WORDS_S = 1.5
"""How long closing waits for the page to acknowledge what was said last: SCTP repeats after 1 s (RFC 9260, 16)."""

UNREAD_LIMIT = 256 * 1024
"""Bytes of control messages a page may leave unread."""

WINDOW = 16 * 1024
"""Bytes of a picture that may be under way: what is said meanwhile waits no longer than they take."""

UNREAD_S = 20.0
"""How long a page may take for as much."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LinkSetup:
    """What all links of a device have in common: `formats` is what the camera's streams are at most."""

    certificate: RTCCertificate
    video: VideoSource
    sound: Sound
    post: Callable[[Event], None]
    host_addresses: tuple[str, ...]
    formats: Mapping[Stream, StreamFormat]

    @property
    def profile(self) -> str:
        """H.264's profile-level-id of the full size."""
        return LEVELS[level(self.formats["main"].width, self.formats["main"].height)]


class Link:
    """Posts LinkOffered, LinkOpened, LinkMessage, and LinkLost at most once, after which it is closed.

    Methods are called on the event loop's thread. `on_limit` is called when `viewing` may have changed.
    """

    def __init__(self, name: str, setup: LinkSetup, on_limit: Callable[[], None]) -> None:
        self._name = name
        self._setup = setup
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False
        self._opened = False
        self._room = asyncio.Event()
        self._fingerprint: str | None = None
        self._candidates = 0
        self._early_candidates: list[str] = []
        self._described = False
        self._media = LinkMedia(name, setup.video, setup.sound, setup.formats, on_limit)
        # An empty list: with none at all the library would ask a stranger's public server.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        fence.present(self._connection, setup.certificate)
        self._sender = self._add_media()
        self._ice = fence.ice_of(self._sender)
        self._gate = fence.DatagramGate(self._ice, setup.host_addresses)
        self._control = self._add_control()
        fence.guard_identity(self._sender.transport, lambda: self._fingerprint)
        self._connection.on("connectionstatechange", self._state_changed)
        self._deadline = self._loop.call_later(OPEN_S, self.lose, "timeout: not open in time")

    @property
    def viewing(self) -> tuple[Stream, int | None] | None:
        """See `LinkMedia.viewing`."""
        return self._media.viewing

    # Making the connection

    def _add_media(self) -> RTCRtpSender:
        video = self._connection.addTransceiver(self._media.video, direction="sendonly")
        audio = self._connection.addTransceiver(self._media.audio, direction="sendrecv")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        h264 = [codec for codec in codecs if codec.parameters.get("profile-level-id") == BASELINE]
        video.setCodecPreferences(h264 + [codec for codec in codecs if codec.mimeType in ("video/VP8", "video/rtx")])
        audio.setCodecPreferences(
            [codec for codec in RTCRtpSender.getCapabilities("audio").codecs if codec.mimeType == "audio/opus"]
        )
        self._media.join(video, audio)
        return video.sender

    def _add_control(self) -> RTCDataChannel:
        control = self._connection.createDataChannel(CONTROL, ordered=True, protocol=CONTROL_PROTOCOL)
        fence.guard_control(control.transport, control, lambda what: self.lose(f"error: {what}"))
        control.bufferedAmountLowThreshold = WINDOW
        control.on("bufferedamountlow", self._room.set)
        control.on("open", self._control_open)
        control.on("close", lambda: self.lose("control closed by the page"))
        control.on("message", self._heard)
        return control

    def offer(self) -> None:
        self._own(self._offer())

    async def _offer(self) -> None:
        await self._connection.setLocalDescription(await self._connection.createOffer())
        sdp = publish_offer(self._connection.localDescription.sdp, self._setup.profile)
        vet_offer(sdp)
        self._setup.post(LinkOffered(self._name, sdp))

    def accept(self, answer_sdp: str, fingerprint: str) -> None:
        """Take an answer that was vetted, once; what it says of its certificate must be `fingerprint`."""
        if self._fingerprint is not None:
            self.lose("error: a second answer")
            return
        self._fingerprint = fingerprint.upper()
        self._own(self._accept(answer_sdp))

    async def _accept(self, sdp: str) -> None:
        vetted = vet_answer(sdp)
        if vetted.fingerprint != self._fingerprint:
            raise PeerError("the answer has another fingerprint than its proof", "fingerprint")
        if f"a=extmap:{PLAYOUT_DELAY_ID} {PLAYOUT_DELAY}" in sdp:
            media_fence.show_at_once(self._sender, PLAYOUT_DELAY_ID)
        self._media.agree(vetted.video)
        answer = split_answer(sdp)
        await self._connection.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
        self._described = True
        for line in (*answer.candidates, *self._early_candidates):
            await self._try(line)
        self._early_candidates.clear()

    def add_candidate(self, line: str) -> None:
        if self._described:
            self._own(self._try(line))
        elif len(self._early_candidates) < PER_LINK:
            self._early_candidates.append(line)

    async def _try(self, line: str) -> None:
        """Check a candidate of the page.

        mDNS names are not resolved: the page checks our addresses before its answer even arrives, and is then known
        by the address it really has, so resolving could only cost time and a socket on the multicast port. For the
        same reason the end of candidates is of no interest: the deadline ends an attempt.
        """
        words = line.removeprefix("candidate:").split()
        self._candidates += 1
        if self._candidates > PER_LINK or words[4].lower().endswith(".local") or words[1] != "1":
            return
        candidate = candidate_from_sdp(" ".join(words))
        await self._sender.transport.transport.addRemoteCandidate(candidate)

    def _state_changed(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self.lose(f"connection {self._connection.connectionState}")

    def _control_open(self) -> None:
        if self._over or fence.peer_fingerprint(self._sender.transport) != self._fingerprint:
            self.lose("fingerprint: the peer's certificate is another")
            return
        self._deadline.cancel()
        self._opened = True
        self._setup.post(LinkOpened(self._name))

    # Speaking

    def _heard(self, message: str | bytes) -> None:
        if self._over:
            return
        if not isinstance(message, str) or len(message.encode()) > MESSAGE_LIMIT:
            self.lose("error: a control message that is binary or too long")
            return
        self._setup.post(LinkMessage(self._name, message))

    def send(self, text: str) -> None:
        if self._control.readyState != "open":
            return
        if self._control.bufferedAmount > UNREAD_LIMIT:
            self.lose("error: the page does not read")
            return
        self._control.send(text)

    async def send_bytes(self, data: bytes) -> None:
        """In pieces, each once the page has all but WINDOW of those before: commands pass on a slow link, too."""
        for start in range(0, len(data), MESSAGE_LIMIT):
            if not await self._page_reads():
                return
            self._control.send(data[start : start + MESSAGE_LIMIT])

    async def _page_reads(self) -> bool:
        """Wait for room; False when the link is over, which a page that stops reading ends."""
        while not self._over and self._control.readyState == "open":
            self._room.clear()
            if self._control.bufferedAmount <= WINDOW:
                return True
            try:
                await asyncio.wait_for(self._room.wait(), UNREAD_S)
            except TimeoutError:
                self.lose("error: the page does not read")
        return False

    def show_video(self, on: bool) -> None:
        if not self._over:
            self._media.show_video(on)

    def talk(self, on: bool) -> None:
        if not self._over:
            self._media.talk(on)

    # Ending

    def lose(self, why: str) -> None:
        """End the link for a reason of its own."""
        if self._over:
            return
        self._end()
        self._setup.post(LinkLost(self._name, why))

    def close(self) -> None:
        """End the link because we were told to."""
        if not self._over:
            self._end()

    def _end(self) -> None:
        self.show_video(False)
        self.talk(False)
        self._over = True
        self._room.set()
        self._deadline.cancel()
        if self._gate.dropped:
            log.info("datagrams-refused", link=self._name, count=self._gate.dropped)
        running = [task for task in self._tasks if task is not asyncio.current_task()]
        self._own(self._close(running))

    async def _close(self, running: Sequence[asyncio.Task[None]]) -> None:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._opened:
            await self._last_words()
        await self._connection.close()

    async def _last_words(self) -> None:
        """Closing aborts the association, so wait a little until what was said last has arrived."""
        until = self._loop.time() + LAST_WORDS_S
        while fence.unsent(self._control.transport) and self._loop.time() < until:  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(0.01)

    async def closed(self) -> None:
        """Wait until nothing of a link that was ended is left."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        """Whatever the library raises ends this link and nothing else: on bad SDP it raises seven kinds."""
        try:
            await work
        except PeerError as error:
            self.lose(f"{error.reason}: {error}")
        except Exception as error:  # noqa: BLE001 - see above
            if self._over:
                log.warning("link-close", link=self._name, why=f"{type(error).__name__}: {error}")
            self.lose(f"error: {type(error).__name__}: {error}")
