"""What leans on private names of aiortc and aioice to keep strangers out.

Those of DTLS are in `certificate.py`, those of media in `media_fence.py`; `tests/contract/test_webrtc_fence.py` guards
each of them.

Plain aiortc can be ended by one datagram from anybody on the network, takes any data channel and any size of message,
and keeps what it receives without bound. The fence stands in front of it, one instance at a time: the libraries'
classes stay as they are.
"""

# ruff: noqa: SLF001 - private names are this module's whole purpose

import struct
from collections.abc import Callable, Sequence
from typing import Any

from aioice import ice
from aiortc import RTCCertificate, RTCDataChannel, RTCPeerConnection, RTCRtpSender
from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from aiortc.rtcsctptransport import DataChunk, RTCSctpTransport
from cryptography import x509

from protocol.certificates import fingerprint

QUEUED_DATAGRAMS = 256
"""Received and not yet read: some 0.3 MiB, a second of a call."""

HELD_DATAGRAMS = 4
"""Of one address whose check is still running: two DTLS flights of a browser."""

HELD_ADDRESSES = 4

CANDIDATE_PAIRS = 100
"""As many checks as RFC 8445 (6.1.2.5) lets a check list have."""

RECEIVE_WINDOW = 64 * 1024
"""Bytes of `control` that the peer is told it may send ahead."""

UNASSEMBLED = 32 * 1024
"""Bytes of `control` kept while waiting for the rest of a message: two of the largest size."""

Datagram = tuple[bytes, tuple[Any, ...]]


def replace(owner: object, name: str, function: Callable[..., object]) -> None:
    """Shadow a method on this one object; AttributeError where the library no longer has it."""
    getattr(owner, name)
    setattr(owner, name, function)


def present(connection: RTCPeerConnection, certificate: RTCCertificate) -> None:
    """Make `certificate` the DTLS certificate of a connection that has no transport yet."""
    name = "_RTCPeerConnection__certificates"
    if len(getattr(connection, name)) != 1:
        raise AttributeError(f"aiortc: {name} is no longer a list of one certificate")
    setattr(connection, name, [certificate])


def ice_of(sender: RTCRtpSender) -> ice.Connection:
    return sender.transport.transport._connection  # the ICE agent has no public name


class DatagramGate:
    """Judges every datagram of one connection before the library does.

    STUN goes through (aioice authenticates it); anything else only from an address that has passed a connectivity
    check, classified by its first byte (RFC 7983). `dropped` counts what was refused.
    """

    def __init__(self, connection: ice.Connection, addresses: Sequence[str] = ()) -> None:
        self.dropped = 0
        self._connection = connection
        self._addresses = list(addresses)
        self._valid: set[tuple[int, str, int]] = set()
        self._held: dict[tuple[int, str, int], list[bytes]] = {}
        self._check_state = connection.check_state
        self._check_incoming = connection.check_incoming
        replace(connection, "data_received", self._unjudged)
        replace(connection, "gather_candidates", self._gather)
        replace(connection, "check_state", self._state_changed)
        replace(connection, "check_incoming", self._checked)

    async def _gather(self) -> None:
        """Host candidates on the configured addresses; their sockets are guarded before anybody knows of them."""
        connection = self._connection
        if connection._local_candidates_start:
            return
        connection._local_candidates_start = True
        addresses = self._addresses or ice.get_host_addresses(use_ipv4=True, use_ipv6=True)
        connection._local_candidates += await connection.get_component_candidates(component=1, addresses=addresses)
        for protocol in connection._protocols:
            self._guard(protocol)
        connection._local_candidates_end = True

    def _guard(self, protocol: ice.StunProtocol) -> None:
        stun_received = protocol.datagram_received

        def received(data: bytes, addr: tuple[Any, ...]) -> None:
            first = data[0] if data else 255
            if first < 4:
                try:
                    stun_received(data, addr)
                except (struct.error, KeyError, AssertionError):  # what malformed STUN raises besides ValueError
                    self.dropped += 1
            elif 20 <= first < 64 or 128 <= first < 192:
                self._received(protocol, data, addr)
            else:
                self.dropped += 1

        replace(protocol, "datagram_received", received)

    def _unjudged(self, data: bytes, component: int) -> None:
        """What the library itself took for data: a socket not yet guarded, or bad STUN."""
        self.dropped += 1

    def _received(self, protocol: ice.StunProtocol, data: bytes, addr: tuple[Any, ...]) -> None:
        source = (protocol.id, addr[0], addr[1])
        if source in self._valid:
            if self._connection._queue.qsize() < QUEUED_DATAGRAMS:
                self._connection._queue.put_nowait((data, 1))
                return
        elif self._may_hold(protocol, source):
            self._held.setdefault(source, []).append(data)
            return
        self.dropped += 1

    def _may_hold(self, protocol: ice.StunProtocol, source: tuple[int, str, int]) -> bool:
        """A browser greets as soon as we have answered its check, which may be before we had its answer.

        Throwing that away would cost the link a retransmission. It is held until our own check has succeeded.
        """
        if source in self._held:
            return len(self._held[source]) < HELD_DATAGRAMS
        connection = self._connection
        checks = [(checked.id, addr[0], addr[1]) for _, addr, checked in connection._early_checks]
        pairs = [(pair.protocol.id, *pair.remote_addr) for pair in connection._check_list]
        return len(self._held) < HELD_ADDRESSES and (source in checks or source in pairs)

    def _state_changed(self, pair: ice.CandidatePair, state: ice.CandidatePair.State) -> None:
        self._check_state(pair, state)
        host, port = pair.remote_addr
        source = (pair.protocol.id, host, port)
        if state is ice.CandidatePair.State.SUCCEEDED:
            self._valid.add(source)
            for data in self._held.pop(source, []):
                self._connection._queue.put_nowait((data, 1))
        elif state is ice.CandidatePair.State.FAILED:
            self._valid.discard(source)
            self._held.pop(source, None)

    def _checked(self, message: Any, addr: tuple[str, int], protocol: ice.StunProtocol) -> None:
        """A recorded check can be replayed from any number of addresses: new pairs are bounded."""
        known = any(pair.protocol is protocol and pair.remote_addr == addr for pair in self._connection._check_list)
        if known or len(self._connection._check_list) < CANDIDATE_PAIRS:
            self._check_incoming(message, addr, protocol)
        else:
            self.dropped += 1


def guard_identity(transport: RTCDtlsTransport, expected: Callable[[], str | None]) -> None:
    """Compare the peer's certificate with the fingerprint that was proved, before any key is derived.

    The library compares too, with what stands in the first media section. `expected` answers None until there is one.
    """
    validate = transport._validate_peer_identity

    def check(parameters: Any) -> None:
        validate(parameters)
        if transport._state is not State.FAILED and peer_fingerprint(transport) != expected():
            transport._set_state(State.FAILED)

    replace(transport, "_validate_peer_identity", check)


def peer_fingerprint(transport: RTCDtlsTransport) -> str | None:
    """SHA-256 of the certificate that the peer has shown, or None before the handshake."""
    connection = transport._ssl
    shown = connection.get_peer_certificate(as_cryptography=True) if connection is not None else None
    return fingerprint(shown) if isinstance(shown, x509.Certificate) else None


def guard_control(transport: RTCSctpTransport, channel: RTCDataChannel, refuse: Callable[[str], None]) -> None:
    """Nothing but `channel`, and never more of it than UNASSEMBLED; `refuse` is told what was tried."""
    transport._advertised_rwnd = RECEIVE_WINDOW
    receive = transport._receive_data_chunk

    async def received(chunk: DataChunk) -> None:
        if chunk.stream_id != channel.id:
            refuse("a second data channel")
        elif RECEIVE_WINDOW - transport._advertised_rwnd + len(chunk.user_data) > UNASSEMBLED:
            refuse("a control message that is too long")
        else:
            await receive(chunk)

    replace(transport, "_receive_data_chunk", received)


def unsent(transport: RTCSctpTransport) -> bool:
    """Whether something said on `control` has not been acknowledged."""
    return bool(transport._data_channel_queue or transport._outbound_queue or transport._sent_queue)
