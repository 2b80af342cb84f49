"""What the server keeps on its disk: published rosters, one file a device, and the successors of the roster key.

Each document is verified before it counts, when it is published as when it is read again.
"""

import os
from pathlib import Path

from protocol.codec import decode
from protocol.errors import ConfigError, PeerError
from protocol.keys import Jwk, PublicJwk
from protocol.roster import SignedRoster, admit, verify_roster
from protocol.roster_key import Pinned, follow


def load_roster_key(path: Path) -> Jwk:
    """The public roster key; ConfigError names what is wrong with the file."""
    try:
        return decode(path.read_bytes(), PublicJwk).as_dict()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; copy the site's public roster key there"
        ) from error
    except PeerError as error:
        raise ConfigError(f"{path}: not a public roster key: {error}") from error


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` whole or not at all: temporary file, fsync, rename, fsync of the folder. OSError if it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class KeyFolder:
    """`state/roster-keys/SEQUENCE.jws`: the way from the roster key of the configuration to the one believed now."""

    def __init__(self, folder: Path, first: Jwk, site: str) -> None:
        self._folder = folder
        self._site = site
        self._chain = [Pinned(first)]
        self._followed: list[str] = []

    @property
    def keys(self) -> list[Jwk]:
        """Every key of the chain, the one that is believed now first."""
        return [pinned.jwk for pinned in reversed(self._chain)]

    def introduce(self, jws: str) -> tuple[int, bool]:
        """Believe a successor from now on, once it is on the disk: its sequence, and whether it is news.

        PeerError if the key believed now did not sign it, OSError if it cannot be kept: then it does not count.
        """
        if jws in self._followed:
            return self._chain[self._followed.index(jws) + 1].sequence, False
        pinned = follow(jws, self._chain[-1], self._site)
        write_atomically(self._folder / f"{pinned.sequence:04}.jws", jws)
        self._take(jws, pinned)
        return pinned.sequence, True

    def newer(self) -> tuple[list[str], list[str]]:
        """Documents followed since the last call, oldest first, and a sentence for each file that was refused."""
        found: list[str] = []
        refused: list[str] = []
        for path in sorted(self._folder.glob("[0-9]*.jws"), key=lambda path: (len(path.stem), path.stem)):
            try:
                jws = path.read_text(encoding="ascii")
                if jws in self._followed:
                    continue
                self._take(jws, follow(jws, self._chain[-1], self._site))
            except (PeerError, OSError, UnicodeDecodeError) as error:
                refused.append(f"{path.name}: {error}")
                continue
            found.append(jws)
        return found, refused

    def _take(self, jws: str, pinned: Pinned) -> None:
        self._chain.append(pinned)
        self._followed.append(jws)


class RosterFolder:
    """`state/rosters/DEVICE.jws`. Never goes back behind a serial that it has seen while it ran, or that is kept.

    New rosters count by the key that is believed now. One that was already kept when the server started may be signed
    by an earlier key of the chain: it stays in force until a newer one comes (protocol section 8, rule 16).
    """

    def __init__(self, folder: Path, keys: KeyFolder, site: str) -> None:
        self._folder = folder
        self._keys = keys
        self._site = site
        self._held: dict[str, SignedRoster] = {}
        self._begun = False

    @property
    def devices(self) -> int:
        """How many devices have a roster."""
        return len(self._held)

    def publish(self, jws: str, most: int) -> tuple[SignedRoster, bool]:
        """Keep a roster that was handed in, as long as no more than `most` devices have one; and whether it is news.

        PeerError if it must be refused, OSError if it cannot be kept: then it does not count.
        """
        signed = verify_roster(jws, self._keys.keys[0], self._site)
        device = signed.roster.device
        held = self._held.get(device)
        admit(signed, held.held if held else None)
        if held is None and len(self._held) >= most:
            raise PeerError(f"roster: {most} devices have one already", "roster")
        if held is not None and held.held == signed.held:
            return held, False
        write_atomically(self._folder / f"{device}.jws", jws)
        self._held[device] = signed
        return signed, True

    def newer(self) -> tuple[list[SignedRoster], list[str]]:
        """Rosters that are new since the last call, and a sentence for each file that was refused."""
        found: list[SignedRoster] = []
        refused: list[str] = []
        for path in sorted(self._folder.glob("*.jws")):
            held = self._held.get(path.stem)
            try:
                jws = path.read_text(encoding="ascii")
                if held is not None and held.jws == jws:
                    continue
                signed = self._verified(jws, path.stem)
                admit(signed, held.held if held else None)
            except (PeerError, OSError, UnicodeDecodeError) as error:
                refused.append(f"{path.name}: {error}")
                continue
            if held is None or held.held != signed.held:
                self._held[path.stem] = signed
                found.append(signed)
        self._begun = True
        return found, refused

    def _verified(self, jws: str, device: str) -> SignedRoster:
        newest, *earlier = self._keys.keys
        try:
            return verify_roster(jws, newest, self._site, device)
        except PeerError:
            if self._begun:
                raise
            for key in earlier:
                try:
                    return verify_roster(jws, key, self._site, device)
                except PeerError:
                    continue
            raise
