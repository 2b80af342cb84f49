"""The attacker's own ends of a connection, and what they got out of it."""

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

from aiortc import RTCCertificate, RTCDataChannel, RTCSessionDescription
from aiortc.rtcdtlstransport import RTCDtlsTransport
from cryptography import x509

from device.adapters.webrtc import AiortcPeers
from device.adapters.webrtc.fence import replace
from device.core.events import Event, LinkLost, LinkMessage, LinkOffered, LinkOpened
from protocol.candidates import Candidate
from protocol.certificates import fingerprint
from protocol.sdp import vet_answer
from tests.fakes.media import FORMATS, FakeSound, FakeVideoSource
from tests.harness.namespaces import DOOR_ADDRESS
from tests.integration.calls import Page as PlainPage
from tests.integration.calls import new_identity


@dataclass
class Haul:
    """What one attack got: media packets that it could decrypt, words on `control`, commands that were obeyed."""

    video: int = 0
    audio: int = 0
    words: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        return not (self.video or self.audio or self.words)

    def __str__(self) -> str:
        kinds = ", ".join(sorted(set(self.words)))
        return f"{self.video} video and {self.audio} audio packets, {len(self.words)} words ({kinds})"


def own_certificate() -> tuple[RTCCertificate, str]:
    """A self-made DTLS certificate and its fingerprint."""
    key, certificate = new_identity()
    return RTCCertificate(key, certificate), fingerprint(certificate)


def tap(transport: RTCDtlsTransport, haul: Haul, sdp: str) -> None:
    """Count what this end can decrypt: the library calls this after SRTP has been authenticated and opened."""
    handle = transport._handle_rtp_data
    opus = {int(number) for number in re.findall(r"a=rtpmap:(\d+) opus", sdp)}

    async def opened(data: bytes, arrival_time_ms: int) -> None:
        if data[1] & 0x7F in opus:
            haul.audio += 1
        else:
            haul.video += 1
        await handle(data, arrival_time_ms=arrival_time_ms)

    replace(transport, "_handle_rtp_data", opened)


class FakePage(PlainPage):
    """A page with a certificate of its own, which takes whatever a door gives it."""

    def __init__(self, haul: Haul) -> None:
        certificate, self.fingerprint = own_certificate()
        super().__init__(certificate)
        self.haul = haul
        self._opened = asyncio.Event()

    async def answer(self, offer: str, voice: Any = None, video: str = "") -> str:
        sdp = await super().answer(offer, voice, video)
        tap(self.dtls, self.haul, offer)
        return sdp

    async def impersonate(self, offer: str, credentials: tuple[str, str]) -> str:
        """Answer with somebody else's ICE credentials, so that the door's checks are answered in their place."""
        await self.pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        ice = self.dtls.transport._connection
        ice._local_username, ice._local_password = credentials
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        tap(self.dtls, self.haul, offer)
        return str(self.pc.localDescription.sdp)

    def _got_channel(self, channel: RTCDataChannel) -> None:
        super()._got_channel(channel)
        self._opened.set()

    async def plunder(self, names: dict[str, Any]) -> None:
        """Everything that a link can be used for: greet as `names`, see who rings, answer, open the door."""
        await self._opened.wait()
        commands = 0
        answered = False
        self.control.send(json.dumps({"type": "hello", "v": 1, "serial": 3, **names}))
        while True:
            message = json.loads(str(await self._messages.get()))
            self.haul.words.append(message["type"])
            if message["type"] != "state" or answered:
                continue
            answered = True
            call = message["call"] or "A" * 22
            for command in (
                {"type": "answer", "call": call},
                {"type": "open-door", "door": "main", "call": call},
                {"type": "view", "on": True},
            ):
                commands += 1
                self.control.send(json.dumps({**command, "id": commands}))


class FakeDoor:
    """A door with a certificate of its own, which rings, shows a picture and listens to whoever believes it.

    It is the real adapter with other keys: what it offers looks as a door's offer does.
    """

    link = "fake"

    def __init__(self, haul: Haul, key: Any = None, certificate: x509.Certificate | None = None) -> None:
        if key is None or certificate is None:
            key, certificate = new_identity()
        self.fingerprint = fingerprint(certificate)
        self.haul = haul
        self.lost = ""
        self._video, self._sound = FakeVideoSource(), FakeSound()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._peers = AiortcPeers(
            key, certificate, self._video, self._sound, FORMATS, self._events.put_nowait, host_addresses=(DOOR_ADDRESS,)
        )

    async def offer(self) -> str:
        self._peers.open_link(self.link, ())
        event = await self._events.get()
        if not isinstance(event, LinkOffered):
            raise TypeError(f"the fake door made no offer, but {event}")
        tap(self._peers._links[self.link]._sender.transport, self.haul, event.sdp)
        return event.sdp

    def accept(self, sdp: str) -> None:
        self._peers.accept(self.link, sdp, vet_answer(sdp).fingerprint)

    def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        if candidate is not None:
            self._peers.add_candidate(self.link, Candidate(**candidate))

    async def plunder(self, names: dict[str, Any]) -> None:
        """Greet as `names`, show a picture, ring, say that the person has answered, and listen."""
        while not isinstance(event := await self._events.get(), LinkOpened):
            if isinstance(event, LinkLost):
                self.lost = event.why
                return
        self._say({"type": "hello", "v": 1, "serial": 3, **names})
        showing = asyncio.create_task(self._show())
        try:
            while not isinstance(event := await self._events.get(), LinkLost):
                if isinstance(event, LinkMessage):
                    self._heard(json.loads(event.text))
            self.lost = event.why
        finally:
            showing.cancel()

    def _heard(self, message: dict[str, Any]) -> None:
        self.haul.words.append(message["type"])
        if message["type"] == "hello":
            state = {"phase": "talking", "call": "A" * 22, "button": "flat-1", "since": 1790000000, "video": True}
            you = {"may": ["talk", "open", "view"]}
            mine = {"answered_by": message["answerer"], "audio": True, "doors": {}, "you": you, "faults": []}
            self._say({"type": "state", **state, **mine})
        elif "id" in message:
            self._say({"type": "done", "id": message["id"]})

    def _say(self, message: dict[str, Any]) -> None:
        self._peers.send(self.link, json.dumps(message))

    async def _show(self) -> None:
        self._peers.show_video(self.link, on=True)
        self._peers.talk(self.link, on=True)
        while True:
            self._video.show()
            self._sound.speak()
            await asyncio.sleep(1 / 50)

    async def close(self) -> None:
        await self._peers.close()
