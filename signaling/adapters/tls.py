"""TLS as the server speaks it: 1.3 only; on the devices' port a certificate of the site's CA is required."""

import ssl

from protocol.errors import ConfigError
from signaling.config import Config


def people_context(config: Config) -> ssl.SSLContext:
    """For pages: never asks for a client certificate, since some browsers would prompt for one."""
    return _context(config)


def devices_context(config: Config) -> ssl.SSLContext:
    """Mutual TLS. What the library leaves unchecked (purpose, names) is `protocol.certificates`' to judge."""
    context = _context(config)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(config.ca)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"{config.ca}: cannot be used as the site's CA: {error}") from error
    return context


def _context(config: Config) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # Tickets cost a third of a new connection's time, and connections here last for days.
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(config.certificate, config.key)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"{config.certificate}, {config.key}: cannot be used: {error}; renew them") from error
    return context
