"""All links of the device, by their ids."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from device.adapters.webrtc.certificate import DeviceCertificate
from device.adapters.webrtc.choice import floors
from device.adapters.webrtc.link import Link, LinkSetup
from device.core.events import Event
from device.ports import Sound, Stream, StreamFormat, VideoSource
from protocol.candidates import Candidate
from protocol.messages import IceServer

WORTH_TELLING: Mapping[Stream, float] = {"main": 0.1, "small": 0.1, "vp8": 0.3}
"""Changes of the bitrate smaller than this part of it are not passed on; one of VP8 costs a key frame."""


log = structlog.get_logger()


class AiortcPeers:
    """The port `Peers` on aiortc.

    `key` and `certificate` are the device's own and become its DTLS certificate. `host_addresses` restricts the
    candidates offered to those addresses; empty means every address of the machine except loopback. `formats` is what
    the camera's streams are at most. Construction needs no event loop; everything else is called on it.
    """

    def __init__(
        self,
        key: EllipticCurvePrivateKey,
        certificate: x509.Certificate,
        video: VideoSource,
        sound: Sound,
        formats: Mapping[Stream, StreamFormat],
        post: Callable[[Event], None],
        *,
        host_addresses: Sequence[str] = (),
    ) -> None:
        self._setup = LinkSetup(DeviceCertificate(key, certificate), video, sound, post, tuple(host_addresses), formats)
        self._floors = floors(formats)
        self._bitrates = {stream: wanted.bitrate_bps for stream, wanted in formats.items()}
        self._links: dict[str, Link] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def open_link(self, link: str, ice_servers: Sequence[IceServer]) -> None:
        """Offers host candidates alone: `ice_servers` are not asked yet, and that is logged."""
        if ice_servers:
            log.warning("ice-servers-not-asked", link=link, count=len(ice_servers))
        self._links[link] = Link(link, self._setup, self._fit_bitrates)
        self._links[link].offer()

    def accept(self, link: str, answer_sdp: str, fingerprint: str) -> None:
        if link in self._links:
            self._links[link].accept(answer_sdp, fingerprint)

    def add_candidate(self, link: str, candidate: Candidate | None) -> None:
        if candidate is not None and link in self._links:
            self._links[link].add_candidate(candidate.candidate)

    def send(self, link: str, text: str) -> None:
        if link in self._links:
            self._links[link].send(text)

    async def send_bytes(self, link: str, data: bytes) -> None:
        if link in self._links:
            await self._links[link].send_bytes(data)

    def show_video(self, link: str, on: bool) -> None:
        if link in self._links:
            self._links[link].show_video(on)

    def talk(self, link: str, on: bool) -> None:
        if link in self._links:
            self._links[link].talk(on)

    def close_link(self, link: str) -> None:
        closing = self._links.pop(link, None)
        if closing is None:
            return
        closing.close()
        task = asyncio.get_running_loop().create_task(closing.closed())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """End every link and wait until their sockets and tasks are gone."""
        for link in list(self._links):
            self.close_link(link)
        while self._closing:
            await asyncio.wait(self._closing)

    def _fit_bitrates(self) -> None:
        """Of each stream, the slowest viewer decides, between its floor and its ceiling: they get the same packets."""
        viewing = [link.viewing for link in self._links.values()]
        for stream, known in self._bitrates.items():
            ceiling = self._setup.formats[stream].bitrate_bps
            limits = [seen[1] for seen in viewing if seen is not None and seen[0] == stream and seen[1] is not None]
            fitting = min(ceiling, max(self._floors[stream], min(limits, default=ceiling)))
            worth = fitting == ceiling or abs(fitting - known) > WORTH_TELLING[stream] * known
            if fitting != known and worth:
                self._bitrates[stream] = fitting
                self._setup.video.set_bitrate(fitting, stream)
