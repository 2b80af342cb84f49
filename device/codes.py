"""The keypad's codes: Argon2id hashes (RFC 9106) in one file of the state folder, which never leaves this device.

All codes share one salt, so that a try costs one hash however many codes there are, takes the same time whether it
matches or not, and a code that somebody has already can be refused to the next. What that gives away to whoever reads
the file is nothing: a handful of digits can be tried out whatever the salt (docs/panel.md does the sum). Argon2id is
`cryptography`'s, which is here anyway.
"""

import asyncio
import hmac
import itertools
import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Meta, Struct

from device.adapters.store import write_atomically
from device.core.events import CodeJudged, Event, HardwareFault, Warned
from protocol.errors import DoorwardError
from protocol.ids import Id, is_id

FILE = "codes.json"
SHORTEST, LONGEST = 6, 12
"""Digits of a code: what six are worth against the keypad's back-off is in docs/panel.md."""

ITERATIONS, MEMORY_KIB = 2, 19 * 1024
"""OWASP's least for Argon2id: 19 MiB, two passes, one lane; a part of a second on a Zero 2 W, and memory it has."""

CODES = 64


class _Code(Struct, frozen=True, forbid_unknown_fields=True):
    name: Id
    hash: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    added: int


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    salt: Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    iterations: Annotated[int, Meta(ge=1, le=16)]
    memory_kib: Annotated[int, Meta(ge=8, le=64 * 1024)]  # more than the service can spare would end it
    codes: Annotated[list[_Code], Meta(max_length=CODES)]


class FileCodes:
    """In the state folder. Reads the file anew each time: a code that was removed is gone."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def match(self, code: str) -> str | None:
        """The name of the code, or None; blocks for as long as a hash takes. DoorwardError if the file is no good."""
        kept = self._load()
        typed = _hash(kept, code)
        found = None
        for one in kept.codes:  # all of them, whatever was found: how long it takes tells nothing
            if hmac.compare_digest(typed, bytes.fromhex(one.hash)):
                found = one.name
        return found

    def names(self) -> list[tuple[str, int]]:
        """Each code's name, and when it was added (seconds UTC)."""
        return [(one.name, one.added) for one in self._load().codes]

    def add(self, name: str, code: str) -> None:
        """Keep a code. DoorwardError for one that is easily guessed, taken, or under a name that is."""
        if not is_id(name):
            raise DoorwardError(f"{name}: a name is lower-case letters, digits and hyphens, 32 at most")
        _check(code)
        kept = self._load()
        if any(one.name == name for one in kept.codes):
            raise DoorwardError(f"{name}: has a code already; remove it first")
        if self.match(code) is not None:
            raise DoorwardError("that code is somebody's already; choose another")
        if len(kept.codes) >= CODES:
            raise DoorwardError(f"there are {CODES} codes; each one makes guessing easier: remove some")
        new = _Code(name, _hash(kept, code).hex(), int(time.time()))
        self._keep(msgspec.structs.replace(kept, codes=[*kept.codes, new]))

    def remove(self, name: str) -> None:
        """DoorwardError if there is none of that name."""
        kept = self._load()
        left = [one for one in kept.codes if one.name != name]
        if len(left) == len(kept.codes):
            known = ", ".join(one.name for one in kept.codes) or "none"
            raise DoorwardError(f"{name}: no code of that name; there are: {known}")
        self._keep(msgspec.structs.replace(kept, codes=left))

    def _load(self) -> _File:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_File)
        except FileNotFoundError:
            return _File(1, os.urandom(16).hex(), ITERATIONS, MEMORY_KIB, [])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:  # text that is none is an error of its own
            raise DoorwardError(f"{self._path}: cannot be read: {error}; remove it and add the codes again") from error

    def _keep(self, kept: _File) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self._path, json.dumps(msgspec.to_builtins(kept), indent=1).encode() + b"\n")


def new_code() -> str:
    """Eight digits that nobody has chosen."""
    while True:
        code = f"{secrets.randbelow(10**8):08d}"
        try:
            _check(code)
        except DoorwardError:
            continue
        return code


async def judge(codes: FileCodes, code: str, post: Callable[[Event], None]) -> None:
    """Find out whose code it is, on a thread, and post CodeJudged; a file that is no good is a fault, and nobody's."""
    name = None
    try:
        name = await asyncio.to_thread(codes.match, code)
    except DoorwardError as error:
        post(HardwareFault("codes", str(error)))
    else:
        post(Warned("codes", on=False))
    post(CodeJudged(name))


def _hash(kept: _File, code: str) -> bytes:
    """DoorwardError if it cannot be had: no memory, or an OpenSSL without Argon2 (before 3.2)."""
    try:
        return Argon2id(
            salt=bytes.fromhex(kept.salt), length=32, iterations=kept.iterations, lanes=1, memory_cost=kept.memory_kib
        ).derive(code.encode())
    except (MemoryError, UnsupportedAlgorithm) as error:
        raise DoorwardError(f"codes cannot be judged: {error}; free memory, or update cryptography") from error


def _check(code: str) -> None:
    """What a thief tries first is not taken."""
    if not (code.isascii() and code.isdigit() and SHORTEST <= len(code) <= LONGEST):
        raise DoorwardError(f"a code is {SHORTEST} to {LONGEST} digits")
    steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(code)}
    half = len(code) // 2
    if len(steps) == 1 or len(set(code)) < 3 or (len(code) % 2 == 0 and code[:half] == code[half:]):
        raise DoorwardError("that code is among the first that anybody tries; choose another, or use --generate")
