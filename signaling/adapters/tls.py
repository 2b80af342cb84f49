"""TLS as the server speaks it: 1.3 only; on the devices' port a certificate of the site's CA is required."""

import contextlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from protocol.errors import ConfigError
from signaling.config import Config


def people_context(config: Config) -> ssl.SSLContext:
    """For pages: never asks for a client certificate, since some browsers would prompt for one."""
    people = config.people
    return _context(people.certificate or config.certificate, people.key or config.key)


def take_up(context: ssl.SSLContext, config: Config) -> None:
    """The people's certificate as its file is now: a public one changes every few weeks. ConfigError if it is bad."""
    _load(context, config.people.certificate or config.certificate, config.people.key or config.key)


def devices_context(config: Config) -> ssl.SSLContext:
    """Mutual TLS. What the library leaves unchecked (purpose, names) is `protocol.certificates`' to judge."""
    context = _context(config.certificate, config.key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(config.ca)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"{config.ca}: cannot be used as the site's CA: {error}") from error
    return context


def _context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # Tickets cost a third of a new connection's time, and connections here last for days.
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    _load(context, certificate, key)
    return context


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Both or neither: OpenSSL takes a certificate before it notices that the key is not its own."""
    try:
        pair = Path(certificate).read_bytes(), Path(key).read_bytes()
        with _in_memory(pair[0]) as chain, _in_memory(pair[1]) as secret:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, secret)
            context.load_cert_chain(chain, secret)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"{certificate}, {key}: cannot be used: {error}; renew them") from error


@contextlib.contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """A file for the library, which reads nothing else, that no disk ever sees and nobody changes meanwhile."""
    with os.fdopen(os.memfd_create("pem"), "wb") as file:
        file.write(data)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"
