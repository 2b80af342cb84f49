"""What leans on private names of aiortc and aioice to pass media through: feedback, packet headers, the socket itself.

`tests/contract/test_webrtc_fence.py` guards each name; one instance at a time, as in `fence.py`.
"""

# ruff: noqa: SLF001 - private names are this module's whole purpose

import asyncio
import secrets
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

import av
from aioice import ice
from aiortc import RTCRtpCodecParameters, RTCRtpReceiver, RTCRtpSender
from aiortc import rtp as rtp_codec
from aiortc.codecs import get_encoder
from aiortc.rtcdtlstransport import State

from device.adapters.webrtc.fence import ice_of, replace
from device.adapters.webrtc.tracks import PacketTrack

WRITE_BACKLOG = 256 * 1024
"""Bytes waiting for the network card; more, and a link is too slow for its video."""


NTP_EPOCH_S = 2_208_988_800
"""From 1900 to 1970 (RFC 868)."""


class Outlet:
    """Packs what is encoded into RTP and sends it at once, under the library's own numbers.

    What it sent is in the library's history and counts, from which that retransmits and reports.
    """

    def __init__(self, sender: RTCRtpSender, codec: RTCRtpCodecParameters) -> None:
        library: Any = sender
        self._sender = library
        self._connection = ice_of(sender)
        self._encoder = get_encoder(codec)
        self._type = int(codec.payloadType or 0)
        self._number = secrets.randbelow(1 << 15)  # the lower half: early packets around a wrap cannot be decrypted
        self._origin = secrets.randbits(32)
        self._extensions = rtp_codec.HeaderExtensions(mid=library._RTCRtpSender__mid)
        profile, value = library._RTCRtpSender__rtp_header_extensions_map.set(self._extensions)
        self._header = struct.pack("!HH", profile, len(value) // 4) + value

    def send(self, packet: "av.Packet[Any]") -> None:
        """One access unit or Opus packet; it is lost if there is no connection."""
        sender = self._sender
        transport = sender.transport
        pair = self._connection._nominated.get(1)
        if pair is None or transport._state is not State.CONNECTED:
            return
        payloads, pts = self._encoder.pack(packet)
        timestamp = (self._origin + pts) & 0xFFFFFFFF
        for count, payload in enumerate(payloads, 1):
            marker = count == len(payloads)
            sent = rtp_codec.RtpPacket(self._type, marker, self._number, timestamp, sender._ssrc, payload)
            sent.extensions = self._extensions
            sender._RTCRtpSender__rtp_history[self._number % rtp_codec.RTP_HISTORY_SIZE] = sent
            first = struct.pack("!BBHLL", 0x90, marker << 7 | self._type, self._number, timestamp, sender._ssrc)
            data = transport._tx_srtp.protect(first + self._header + payload)
            pair.protocol.transport.sendto(data, pair.remote_addr)
            self._number = (self._number + 1) & 0xFFFF
        sender._RTCRtpSender__ntp_timestamp = int((time.time() + NTP_EPOCH_S) * (1 << 32))
        sender._RTCRtpSender__rtp_timestamp = timestamp
        sender._RTCRtpSender__octet_count += sum(map(len, payloads))
        sender._RTCRtpSender__packet_count += len(payloads)


def send_at_once(sender: RTCRtpSender, track: PacketTrack) -> None:
    """Let what is put into `track` leave within that call.

    The library would be woken for it, pull it, and ask for the time twice for each packet: a tenth of what a call
    costs a board that encodes in hardware.
    """

    async def run(codec: RTCRtpCodecParameters) -> None:
        library: Any = sender
        library._RTCRtpSender__rtp_started.set()
        try:
            track.attach(Outlet(sender, codec).send)
            await asyncio.get_running_loop().create_future()
        finally:  # the sender was stopped
            track.stop()
            library._RTCRtpSender__rtp_exited.set()

    replace(sender, "_run_rtp", run)


def hear_feedback(
    sender: RTCRtpSender,
    on_key_frame: Callable[[], None],
    on_bitrate: Callable[[int], None],
    on_report: Callable[[float, float | None], None],
) -> None:
    """Pass on what the receiver asks for: PLI and FIR (RFC 4585, 5104), and REMB in bits a second.

    `on_report` gets, of its reports on what we send (RFC 3550, 6.4), the part of the packets that was lost, and the
    round trip in seconds or None. The library keeps all that to its own encoder, which passed-through packets do not
    use.
    """
    handle: Callable[[Any], Awaitable[None]] = sender._handle_rtcp_packet

    async def heard(packet: Any) -> None:
        if isinstance(packet, rtp_codec.RtcpPsfbPacket):
            if packet.fmt in (rtp_codec.RTCP_PSFB_PLI, rtp_codec.RTCP_PSFB_FIR):
                on_key_frame()
            elif packet.fmt == rtp_codec.RTCP_PSFB_APP:
                _hear_bitrate(packet.fci, on_bitrate)
            return
        await handle(packet)
        if isinstance(packet, rtp_codec.RtcpRrPacket | rtp_codec.RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == sender._ssrc:
                    on_report(report.fraction_lost / 256, _round_trip(sender, report))

    replace(sender, "_handle_rtcp_packet", heard)


def _round_trip(sender: RTCRtpSender, report: Any) -> float | None:
    """Seconds from our last report to this one that speaks of it, less what the receiver took in between."""
    private: Any = sender
    sent_at = private._RTCRtpSender__lsr_time
    if sent_at is None or report.lsr != private._RTCRtpSender__lsr or not report.dlsr:
        return None
    return float(time.time() - sent_at - report.dlsr / 65536)


class _ShownAtOnce(rtp_codec.HeaderExtensionsMap):
    """Adds a playout delay of zero to what the library writes into each packet's header."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def set(self, values: Any) -> tuple[int, bytes]:
        extensions = rtp_codec.unpack_header_extensions(*super().set(values))
        return rtp_codec.pack_header_extensions([*extensions, (self._number, bytes(3))])


def show_at_once(sender: RTCRtpSender, number: int) -> None:
    """Let the browser show frames as they come: minimal and maximal playout delay 0, under this extension number.

    Otherwise it waits for what it learned of the network's jitter from the calls before, several times what the
    frame's own way takes.
    """
    name = "_RTCRtpSender__rtp_header_extensions_map"
    getattr(sender, name)
    setattr(sender, name, _ShownAtOnce(number))


def report_only_news(sender: RTCRtpSender) -> None:
    """Send a report only if media went out since the last one.

    Otherwise a standing link would never be silent, and the first report, before any media, would say that the
    media's clock was zero in the year 1900.
    """
    send = sender._send_rtcp
    reported = 0

    async def report(packets: list[Any]) -> None:
        nonlocal reported
        first = packets[0]
        if isinstance(first, rtp_codec.RtcpSrPacket):
            if first.sender_info.packet_count == reported:
                return
            reported = first.sender_info.packet_count
        await send(packets)

    replace(sender, "_send_rtcp", report)


def _hear_bitrate(fci: bytes, on_bitrate: Callable[[int], None]) -> None:
    try:
        bitrate, _ = rtp_codec.unpack_remb_fci(fci)
    except (ValueError, struct.error, IndexError):
        return  # some other application's feedback
    on_bitrate(bitrate)


def take_over_receiving(receiver: RTCRtpReceiver, buffer: object) -> None:
    """Let `buffer.add(packet)` have the packets that the library's jitter buffer would have had.

    It returns `(False, None)`, so nothing reaches the library's decoder thread; statistics and receiver reports go on.
    """
    name = "_RTCRtpReceiver__jitter_buffer"
    getattr(receiver, name)
    setattr(receiver, name, buffer)


def backlog(connection: ice.Connection) -> int:
    """Bytes that the operating system has not taken yet on the path in use."""
    pair = connection._nominated.get(1)
    if pair is None:
        return 0
    size: int = pair.protocol.transport.get_write_buffer_size()  # type: ignore[attr-defined] # typeshed lacks it
    return size
