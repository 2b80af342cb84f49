"""All links of the device, by their ids."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from device.adapters.webrtc.description import BASELINE
from device.adapters.webrtc.fence import DeviceCertificate
from device.adapters.webrtc.link import Link, LinkSetup
from device.adapters.webrtc.media import FLOOR_BPS
from device.core.events import Event
from device.ports import Sound, VideoSource
from protocol.candidates import Candidate
from protocol.messages import IceServer

WORTH_TELLING = 0.1
"""Changes of the bitrate smaller than this part of it are not passed on."""


log = structlog.get_logger()


class AiortcPeers:
    """The port `Peers` on aiortc.

    `key` and `certificate` are the device's own and become its DTLS certificate. `host_addresses` restricts the
    candidates offered to those addresses; empty means every address of the machine except loopback. `bitrate_bps` is
    the most that the camera is asked for. Construction needs no event loop; everything else is called on it.
    """

    def __init__(
        self,
        key: EllipticCurvePrivateKey,
        certificate: x509.Certificate,
        video: VideoSource,
        sound: Sound,
        post: Callable[[Event], None],
        *,
        host_addresses: Sequence[str] = (),
        bitrate_bps: int = 2_000_000,
        level: str = BASELINE,
    ) -> None:
        self._setup = LinkSetup(
            DeviceCertificate(key, certificate), video, sound, post, tuple(host_addresses), bitrate_bps, level
        )
        self._bitrate_bps = bitrate_bps
        self._links: dict[str, Link] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def open_link(self, link: str, ice_servers: Sequence[IceServer]) -> None:
        """Offers host candidates alone: `ice_servers` are not asked yet, and that is logged."""
        if ice_servers:
            log.warning("ice-servers-not-asked", link=link, count=len(ice_servers))
        self._links[link] = Link(link, self._setup, self._fit_bitrate)
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

    def _fit_bitrate(self) -> None:
        """The slowest viewer decides, between the floor and the ceiling: everybody gets the same packets."""
        limits = [link.limit_bps for link in self._links.values() if link.limit_bps is not None]
        fitting = max(FLOOR_BPS, min(limits, default=self._setup.bitrate_bps))
        worth = (
            fitting == self._setup.bitrate_bps or abs(fitting - self._bitrate_bps) > WORTH_TELLING * self._bitrate_bps
        )
        if fitting != self._bitrate_bps and worth:
            self._bitrate_bps = fitting
            self._setup.video.set_bitrate(fitting)
