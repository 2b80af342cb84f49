"""Every private name of aiortc and aioice that the fence uses is still there and still does what it did.

An upgrade that moves one must fail here, by name, and not at somebody's door.
"""

import ast
import asyncio
import importlib.metadata
import inspect
import pathlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from aioice import Candidate, ice, stun
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCDtlsTransport, State
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtcsctptransport import SCTP_DATA_FIRST_FRAG, DataChunk, RTCSctpTransport
from aiortc.rtp import HeaderExtensions, unpack_header_extensions
from OpenSSL import SSL

from device.adapters.webrtc import fence, media_fence
from device.adapters.webrtc.certificate import DeviceCertificate
from protocol.sdp import MID
from tests.integration.calls import handshake, new_identity

PACKAGE = pathlib.Path(fence.__file__).parent
ROOT = PACKAGE.parents[2]

NAMES = {
    RTCPeerConnection: {"_RTCPeerConnection__certificates"},
    ice.Connection: {
        "_check_list", "_early_checks", "_local_candidates", "_local_candidates_end", "_local_candidates_start",
        "_nominated", "_protocols", "_queue", "check_incoming", "check_state", "data_received", "gather_candidates",
        "get_component_candidates",
    },
    RTCDtlsTransport: {"_set_state", "_ssl", "_state", "_validate_peer_identity", "transport"},
    RTCSctpTransport: {
        "_advertised_rwnd", "_data_channel_queue", "_outbound_queue", "_receive_data_chunk", "_sent_queue",
    },
    RTCRtpSender: {
        "_RTCRtpSender__lsr", "_RTCRtpSender__lsr_time", "_RTCRtpSender__mid", "_RTCRtpSender__ntp_timestamp",
        "_RTCRtpSender__octet_count", "_RTCRtpSender__packet_count", "_RTCRtpSender__rtp_exited",
        "_RTCRtpSender__rtp_header_extensions_map", "_RTCRtpSender__rtp_history", "_RTCRtpSender__rtp_started",
        "_RTCRtpSender__rtp_timestamp", "_handle_rtcp_packet", "_run_rtp", "_send_rtcp", "_ssrc",
    },
    RTCRtpReceiver: {"_RTCRtpReceiver__jitter_buffer"},
}  # fmt: skip
"""Also what is not underlined but undocumented."""

ELSEWHERE = {"_connection", "_context", "_tx_srtp"}
"""Of RTCIceTransport, of pyOpenSSL, and of RTCDtlsTransport once it is connected; tested by what they do."""

FENCE = ("fence.py", "certificate.py", "media_fence.py")


@pytest.fixture
async def parts() -> Any:
    """One live object of each class, as a link has them."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    video = connection.addTransceiver("video", direction="sendonly")
    audio = connection.addTransceiver("audio")
    connection.createDataChannel("control")
    assert connection.sctp is not None
    found: list[object] = [
        connection, fence.ice_of(video.sender), video.sender.transport, connection.sctp, video.sender, audio.receiver,
    ]  # fmt: skip
    yield {type(part): part for part in found}
    await connection.close()


def _private_names(tree: ast.AST) -> Iterator[str]:
    """Attributes of anything but `self`, and names in strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            own = isinstance(node.value, ast.Name) and node.value.id == "self"
            inherited = isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "super"
            if not own or inherited:
                yield node.attr
        elif isinstance(node, ast.Constant) and str(node.value).startswith("_") and str(node.value).isidentifier():
            yield str(node.value)


def test_the_table_above_is_complete() -> None:
    used = {name for module in FENCE for name in _private_names(ast.parse((PACKAGE / module).read_text()))}
    listed = {name for names in NAMES.values() for name in names if name.startswith("_")} | ELSEWHERE
    assert used == listed


@pytest.mark.parametrize("module", [p.name for p in PACKAGE.glob("*.py") if p.name not in FENCE])
def test_private_names_stay_inside_the_fence(module: str) -> None:
    assert set(_private_names(ast.parse((PACKAGE / module).read_text()))) == set()


async def test_every_name_is_there(parts: dict[type, object]) -> None:
    missing = [f"{kind.__name__}.{n}" for kind, names in NAMES.items() for n in names if not hasattr(parts[kind], n)]
    assert missing == []


def test_the_versions_that_were_read_are_the_ones_installed() -> None:
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["device"]
    for library in ("aiortc", "aioice"):
        assert f"{library}=={importlib.metadata.version(library)}" in pins


@pytest.mark.parametrize(
    ("owner", "user", "call"),
    [
        (RTCDtlsTransport, "start", "self._validate_peer_identity("),
        (RTCDtlsTransport, "start", "certificate._create_ssl_context("),
        (RTCDtlsTransport, "_handle_rtcp_data", "recipient._handle_rtcp_packet("),
        (RTCSctpTransport, "_receive_chunk", "self._receive_data_chunk("),
        (RTCRtpSender, "_run_rtcp", "self._send_rtcp("),
        (RTCRtpSender, "send", "asyncio.ensure_future(self._run_rtp("),
        (RTCRtpSender, "stop", "self.__rtp_started.wait()"),
        (RTCRtpSender, "stop", "self.__rtp_exited.wait()"),
        (RTCRtpSender, "_retransmit", "self.__rtp_history.get(sequence_number % RTP_HISTORY_SIZE)"),
        (RTCRtpSender, "_run_rtcp", "ntp_timestamp=self.__ntp_timestamp"),
        (RTCRtpSender, "_run_rtcp", "octet_count=self.__octet_count"),
        (RTCDtlsTransport, "_send_rtp", "self._tx_srtp.protect(data)"),
        (ice.StunProtocol, "send_data", "self.transport.sendto(data, addr)"),
    ],
)
def test_the_library_still_goes_through_what_is_replaced(owner: type, user: str, call: str) -> None:
    assert call in inspect.getsource(getattr(owner, user))


def test_replacing_what_is_not_there_fails_loudly() -> None:
    with pytest.raises(AttributeError):
        fence.replace(object(), "_gone", print)


async def test_a_certificate_is_presented_instead_of_the_generated_one() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    ours = DeviceCertificate(*new_identity())
    fence.present(connection, ours)
    sender = connection.addTransceiver("video").sender
    assert sender.transport.getLocalParameters().fingerprints == ours.getFingerprints()
    assert [line.algorithm for line in ours.getFingerprints()] == ["sha-256"]
    await connection.close()


def test_the_context_speaks_aead_and_dtls_1_2() -> None:
    context = DeviceCertificate(*new_identity())._create_ssl_context(SRTP_PROFILES)
    offered = SSL.Connection(context).get_cipher_list()
    old = [name for name in offered if not ("GCM" in name or "CHACHA20" in name)]
    assert old == []
    assert any(name.startswith("ECDHE-ECDSA") for name in offered)


# PR_SET_MDWE of prctl(2) is what systemd asks for under MemoryDenyWriteExecute=, before anything else.
LOCKED_DOWN = """
import ctypes, sys
if ctypes.CDLL(None, use_errno=True).prctl(65, 1, 0, 0, 0):
    sys.exit(77)
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTP_PROFILES
from device.adapters.webrtc.certificate import DeviceCertificate
from tests.integration.calls import handshake, new_identity
ours = DeviceCertificate(*new_identity())._create_ssl_context(SRTP_PROFILES)
try:
    RTCCertificate(*new_identity())._create_ssl_context(SRTP_PROFILES)
except MemoryError:
    print("locked down")
theirs = DeviceCertificate(*new_identity())._create_ssl_context(SRTP_PROFILES)
print("greeted" if handshake(ours, theirs) else "refused")
"""


def test_the_device_greets_where_no_memory_may_be_written_and_executed() -> None:
    """As its systemd unit has it; plain aiortc cannot."""
    done = subprocess.run([sys.executable, "-c", LOCKED_DOWN], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("the kernel has no PR_SET_MDWE (Linux 6.3)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["locked down", "greeted"]


def test_a_peer_without_a_certificate_is_refused() -> None:
    ours = DeviceCertificate(*new_identity())._create_ssl_context(SRTP_PROFILES)
    nobody = SSL.Context(SSL.DTLS_METHOD)
    assert not handshake(ours, nobody)


def test_srtp_profiles_put_aead_first() -> None:
    names = [profile.openssl_profile for profile in SRTP_PROFILES]
    assert names[:2] == [b"SRTP_AEAD_AES_256_GCM", b"SRTP_AEAD_AES_128_GCM"]


class _Gated:
    """A gate with one socket, without a network; `arrive` is what the socket would do."""

    def __init__(self) -> None:
        self.connection = ice.Connection(ice_controlling=True)
        self.gate = fence.DatagramGate(self.connection, ["127.0.0.1"])

    async def open(self) -> None:
        await self.connection.gather_candidates()
        self.protocol = self.connection._protocols[0]
        peer = Candidate("1", 1, "udp", 1, "192.0.2.7", 5000, "host")
        self.pair = ice.CandidatePair(self.protocol, peer)
        self.connection._check_list.append(self.pair)

    def arrive(self, data: bytes, port: int = 5000) -> None:
        self.protocol.datagram_received(data, ("192.0.2.7", port))

    @property
    def queued(self) -> int:
        return self.connection._queue.qsize()


@pytest.fixture
async def gated() -> Any:
    made = _Gated()
    await made.open()
    yield made
    await made.connection.close()


DTLS = b"\x16" + bytes(50)


async def test_only_the_given_addresses_are_candidates(gated: _Gated) -> None:
    assert [candidate.host for candidate in gated.connection.local_candidates] == ["127.0.0.1"]


async def test_data_of_a_checked_address_is_read(gated: _Gated) -> None:
    gated.connection.check_state(gated.pair, ice.CandidatePair.State.SUCCEEDED)
    gated.arrive(DTLS)
    assert (gated.queued, gated.gate.dropped) == (1, 0)


async def test_data_of_an_address_under_check_waits_for_it(gated: _Gated) -> None:
    for _ in range(fence.HELD_DATAGRAMS + 3):
        gated.arrive(DTLS)
    assert (gated.queued, gated.gate.dropped) == (0, 3)
    gated.connection.check_state(gated.pair, ice.CandidatePair.State.SUCCEEDED)
    assert gated.queued == fence.HELD_DATAGRAMS


async def test_data_of_an_address_whose_check_failed_is_forgotten(gated: _Gated) -> None:
    gated.connection.check_state(gated.pair, ice.CandidatePair.State.SUCCEEDED)
    gated.connection.check_state(gated.pair, ice.CandidatePair.State.FAILED)
    for _ in range(fence.HELD_DATAGRAMS):
        gated.arrive(DTLS)
    gated.connection.check_state(gated.pair, ice.CandidatePair.State.FAILED)
    assert (gated.queued, gated.gate._held) == (0, {})


async def test_data_that_did_not_pass_the_guard_is_dropped(gated: _Gated) -> None:
    """What arrives between the making of a socket and its guard, or what the library takes for data itself."""
    gated.connection.data_received(DTLS, 1)
    assert (gated.queued, gated.gate.dropped) == (0, 1)


async def test_addresses_that_may_wait_are_few(gated: _Gated) -> None:
    for port in range(6000, 6000 + 3 * fence.HELD_ADDRESSES):
        peer = Candidate("1", 1, "udp", 1, "192.0.2.7", port, "host")
        gated.connection._check_list.append(ice.CandidatePair(gated.protocol, peer))
        gated.arrive(DTLS, port)
    assert len(gated.gate._held) == fence.HELD_ADDRESSES


async def test_data_of_a_stranger_is_dropped(gated: _Gated) -> None:
    gated.arrive(DTLS, port=5001)
    assert (gated.queued, gated.gate._held, gated.gate.dropped) == (0, {}, 1)


@pytest.mark.parametrize("data", [b"", b"\x04\x00", b"\x10zrtp", b"\x40\x00\x00\x00", b"\xc8"])
async def test_what_is_neither_stun_dtls_nor_rtp_is_dropped(gated: _Gated, data: bytes) -> None:
    gated.connection.check_state(gated.pair, ice.CandidatePair.State.SUCCEEDED)
    gated.arrive(data)
    assert (gated.queued, gated.gate.dropped) == (0, 1)


async def test_a_flood_from_the_peer_itself_is_bounded(gated: _Gated) -> None:
    gated.connection.check_state(gated.pair, ice.CandidatePair.State.SUCCEEDED)
    for _ in range(2 * fence.QUEUED_DATAGRAMS):
        gated.arrive(DTLS)
    assert gated.queued == fence.QUEUED_DATAGRAMS


async def test_a_replayed_check_makes_a_bounded_number_of_pairs(gated: _Gated) -> None:
    gated.connection.remote_username, gated.connection.remote_password = "peer", "x" * 22
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, attributes={"PRIORITY": 1})
    for port in range(6000, 6000 + 2 * fence.CANDIDATE_PAIRS):
        gated.connection.check_incoming(request, ("127.0.0.1", port), gated.protocol)
    assert len(gated.connection._check_list) == fence.CANDIDATE_PAIRS
    tasks = [pair.task for pair in gated.connection._check_list if pair.task is not None]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _chunk(stream: int, number: int, size: int) -> DataChunk:
    """The piece `number` of a message that never ends."""
    chunk = DataChunk(flags=SCTP_DATA_FIRST_FRAG if number == 0 else 0)
    chunk.stream_id, chunk.tsn, chunk.user_data = stream, number, bytes(size)
    return chunk


async def test_a_message_without_end_is_bounded(parts: dict[type, Any]) -> None:
    transport = parts[RTCSctpTransport]
    channel = RTCDataChannel(transport, RTCDataChannelParameters(id=1), send_open=False)
    refused: list[str] = []
    fence.guard_control(transport, channel, refused.append)
    transport._last_received_tsn = 2**32 - 1
    for number in range(100):
        await transport._receive_data_chunk(_chunk(1, number, 1000))
    kept = sum(len(chunk.user_data) for chunk in transport._inbound_streams[1].reassembly)
    assert kept == fence.UNASSEMBLED // 1000 * 1000
    assert len(refused) == 100 - kept // 1000


async def test_pieces_for_another_channel_are_not_kept(parts: dict[type, Any]) -> None:
    transport = parts[RTCSctpTransport]
    channel = RTCDataChannel(transport, RTCDataChannelParameters(id=1), send_open=False)
    refused: list[str] = []
    fence.guard_control(transport, channel, refused.append)
    await transport._receive_data_chunk(_chunk(0, 0, 10))
    assert refused == ["a second data channel"]
    assert transport._inbound_streams == {}


async def test_the_fingerprint_is_compared_before_keys_are_derived(parts: dict[type, Any]) -> None:
    transport = parts[RTCDtlsTransport]
    fence.replace(transport, "_validate_peer_identity", lambda _: None)
    fence.guard_identity(transport, lambda: "AA")
    transport._validate_peer_identity(None)
    assert transport._state is State.FAILED
    source = inspect.getsource(RTCDtlsTransport.start)
    assert source.index("_validate_peer_identity") < source.index("_setup_srtp")


def test_video_packets_ask_to_be_shown_at_once() -> None:
    """Playout delay 0/0: three bytes, twelve bits each; the library's own extensions stay as they are."""
    extensions = media_fence._ShownAtOnce(12)
    extensions.configure(RTCRtpParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(id=1, uri=MID)]))
    for _ in range(2):
        written = unpack_header_extensions(*extensions.set(HeaderExtensions(mid="0")))
        assert written == [(1, b"0"), (12, b"\x00\x00\x00")]
