"""The device's own certificate for DTLS, and how it greets; leans on private names as `fence.py` does."""

# ruff: noqa: SLF001 - see there

import ctypes
from typing import Any

from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTPProtectionProfile
from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL

DTLS1_2_VERSION = 0xFEFD
"""The wire's number for DTLS 1.2 (RFC 6347, 4.1); OpenSSL counts down from there."""

CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305"
"""AEAD only, forward secret only (RFC 9325, 4.2); ECDSA because every device key is P-256."""

_VERIFY = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
_ANY_CERTIFICATE = _VERIFY(lambda verified, store: 1)
"""For SSL_CTX_set_verify(3): whoever signed it. It is kept as long as any context may call it: for ever."""


class DeviceCertificate(RTCCertificate):
    """Named in SDP by its SHA-256 fingerprint alone; its context has DTLS 1.2 as its minimum and no CBC."""

    def getFingerprints(self) -> list[Any]:  # noqa: N802 - the library's name
        return [line for line in super().getFingerprints() if line.algorithm == "sha-256"]

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        """The library's own cannot be made where no memory may be written and executed (MemoryDenyWriteExecute= of
        systemd.exec(5)): pyOpenSSL's callbacks need such memory, those of ctypes do not.
        """
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_options(SSL.OP_NO_TICKET)
        context.set_min_proto_version(DTLS1_2_VERSION)
        context.set_cipher_list(CIPHERS)
        context.set_tlsext_use_srtp(b":".join(profile.openssl_profile for profile in srtp_profiles))
        context.use_certificate(self._cert)
        context.use_privatekey(self._key)
        _ask_for_a_certificate(context)
        return context


def _ask_for_a_certificate(context: SSL.Context) -> None:
    """The peer must have one, and hold its key; whose it is, is judged by its fingerprint."""
    openssl = Binding()
    mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    address = ctypes.cast(_ANY_CERTIFICATE, ctypes.c_void_p).value
    callback = openssl.ffi.cast("int (*)(int, X509_STORE_CTX *)", address)
    openssl.lib.SSL_CTX_set_verify(context._context, mode, callback)
