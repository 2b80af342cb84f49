"""Certificates in real TLS handshakes, in memory, with the flags that Python sets by itself from 3.13 on."""

import ssl
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from device.adapters.wss import tls_context
from protocol.keys import private_key_pem
from provisioning.authority import Authority, pem
from tests.integration.test_certificates_openssl import CA, KEY, MADE, SAME_NAME
from tests.pki import Made, device_wish, make, server_wish


def client_context(ca: Authority, made: Made | None, folder: Path) -> ssl.SSLContext:
    """The device's own, or, of somebody without a certificate, as Python 3.13 makes it by default."""
    ca_pem = pem(ca.certificate)
    if made is None:
        context = ssl.create_default_context(cadata=ca_pem)
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        return context
    (folder / "client-key.pem").write_bytes(private_key_pem(made.key))
    return tls_context(ca_pem, made.pem, folder / "client-key.pem")


def server_context(ca: Authority, made: Made, folder: Path, *, mutual: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    (folder / "server.pem").write_text(made.with_key)
    context.load_cert_chain(folder / "server.pem")
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=pem(ca.certificate))
    return context


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> None:
    """A whole handshake in memory; ssl.SSLError of whichever end refuses."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(down, up, server_hostname=host),
        server.wrap_bio(up, down, server_side=True),
    ]
    waiting = list(ends)
    for _ in range(20):
        for end in list(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
        if not waiting:
            return
    pytest.fail("the handshake does not come to an end")


def made(certificate: x509.Certificate) -> Made:
    return Made(KEY, certificate)


SERVER_CASES: dict[str, tuple[Made, str, bool]] = {
    "right, by name": (made(MADE["server"]), "door.example", True),
    "right, by address": (made(MADE["server"]), "192.0.2.7", True),
    "right, by the other address": (made(MADE["server"]), "2001:db8::7", True),
    "another name": (made(MADE["server"]), "other.example", False),
    "the common name": (made(MADE["server"]), "Doorward server", False),
    "a device's": (made(MADE["device"]), "front-door", False),
    "an operator's": (made(MADE["operator"]), "door.example", False),
    "another CA of the same name": (make(server_wish(SAME_NAME, ["door.example"])), "door.example", False),
    "signed by itself": (make(server_wish(None, ["door.example"])), "door.example", False),
    "expired": (make(replace(server_wish(CA, ["door.example"]), ends=-timedelta(minutes=1))), "door.example", False),
    "not yet": (make(replace(server_wish(CA, ["door.example"]), begins=timedelta(hours=1))), "door.example", False),
    "outside the constraints": (
        make(replace(server_wish(CA, ["bank.example"]), common_name="x")),
        "bank.example",
        False,
    ),
}


@pytest.mark.parametrize("case", SERVER_CASES)
@pytest.mark.parametrize("who", ["device", "stranger"])
def test_servers_in_a_handshake(case: str, who: str, tmp_path: Path) -> None:
    server, host, right = SERVER_CASES[case]
    client = client_context(CA, made(MADE["device"]) if who == "device" else None, tmp_path)
    judge(client, server_context(CA, server, tmp_path, mutual=who == "device"), host, right=right)


CLIENT_CASES: dict[str, tuple[Made, bool]] = {
    "a device": (made(MADE["device"]), True),
    "the operator": (made(MADE["operator"]), True),
    "a server": (made(MADE["server"]), False),
    "another CA of the same name": (make(device_wish(SAME_NAME, "home", "front-door")), False),
    "signed by itself": (make(device_wish(None, "home", "front-door")), False),
    "expired": (make(replace(device_wish(CA, "home", "front-door"), ends=-timedelta(minutes=1))), False),
}


@pytest.mark.parametrize("case", CLIENT_CASES)
def test_clients_in_a_handshake(case: str, tmp_path: Path) -> None:
    client, right = CLIENT_CASES[case]
    server = server_context(CA, made(MADE["server"]), tmp_path, mutual=True)
    judge(client_context(CA, client, tmp_path), server, "door.example", right=right)


def judge(client: ssl.SSLContext, server: ssl.SSLContext, host: str, *, right: bool) -> None:
    if right:
        shake_hands(client, server, host)
        return
    with pytest.raises((ssl.SSLError, ssl.CertificateError)):
        shake_hands(client, server, host)


@pytest.mark.parametrize("strict", [False, True])
def test_the_flag_is_what_makes_it_strict(strict: bool, tmp_path: Path) -> None:
    """A certificate without an authority key identifier passes without the flag: ours pass with it."""
    lax = without_identifiers(CA)
    client = ssl.create_default_context(cadata=pem(CA.certificate))
    client.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if strict:
        client.verify_flags |= ssl.VERIFY_X509_STRICT
    judge(client, server_context(CA, lax, tmp_path, mutual=False), "door.example", right=not strict)


def without_identifiers(ca: Authority) -> Made:
    good = make(server_wish(ca, ["door.example"]))
    old = good.certificate
    builder = (
        x509.CertificateBuilder(issuer_name=old.issuer, subject_name=old.subject, public_key=old.public_key())
        .serial_number(old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for extension in old.extensions:
        if not isinstance(extension.value, x509.AuthorityKeyIdentifier | x509.SubjectKeyIdentifier):
            builder = builder.add_extension(extension.value, extension.critical)
    return Made(good.key, builder.sign(ca.key, hashes.SHA256()))
