"""Secrets at rest: sealed with the operator's passphrase, as a JWE that any JOSE tool can open (RFC 7516, RFC 7518)."""

import os
from collections.abc import Callable
from pathlib import Path

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from protocol.errors import ConfigError, DoorwardError

ALG, ENC = "PBES2-HS512+A256KW", "A256GCM"

ITERATIONS = 250_000
"""OWASP asks for 210,000 of PBKDF2-HMAC-SHA512 (Password Storage Cheat Sheet); joserfc allows fewer than 300,000."""

SHORTEST = 12
"""Characters of a passphrase."""

CREDENTIAL, NEW_CREDENTIAL = "doorward-passphrase", "doorward-new-passphrase"
"""The names of the systemd credentials (`LoadCredential=`, systemd.exec(5))."""


def seal(secret: bytes, passphrase: str) -> str:
    """`secret` as a compact JWE."""
    header = {"alg": ALG, "enc": ENC, "p2c": ITERATIONS}
    return jwe.encrypt_compact(header, secret, OctKey.import_key(passphrase.encode()), algorithms=[ALG, ENC])


def unseal(sealed: str, passphrase: str, where: str) -> bytes:
    """What `seal` was given; ConfigError names `where` it was kept if the passphrase is another or it was damaged."""
    try:
        opened = jwe.decrypt_compact(sealed.strip(), OctKey.import_key(passphrase.encode()), algorithms=[ALG, ENC])
    except (JoseError, ValueError) as error:
        raise ConfigError(f"{where}: the passphrase does not open it, or it was damaged") from error
    if opened.plaintext is None:
        raise ConfigError(f"{where}: holds nothing")
    return opened.plaintext


def read_passphrase(descriptor: int | None, ask: Callable[[], str], name: str = CREDENTIAL) -> str:
    """The passphrase: from a file descriptor, else the systemd credential `name`, else `ask`. Never from an argument.

    DoorwardError if it is too short to be one.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(folder, name) if folder else None
    source = f"--passphrase-fd {descriptor}" if descriptor is not None else str(credential)
    try:
        if descriptor is not None:
            with os.fdopen(descriptor, encoding="utf-8", closefd=False) as stream:
                passphrase = stream.readline().rstrip("\n")
        elif credential is not None and credential.exists():
            passphrase = credential.read_text(encoding="utf-8").rstrip("\n")
        else:
            passphrase = ask()
    except (OSError, UnicodeDecodeError) as error:
        raise DoorwardError(f"{source}: cannot be read: {error}") from error
    if len(passphrase) < SHORTEST:
        raise DoorwardError(f"passphrase: {len(passphrase)} characters; at least {SHORTEST} are needed")
    return passphrase
