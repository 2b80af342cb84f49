"""Published rosters on the server's disk: one file a device, each verified before it counts."""

from pathlib import Path

from protocol.codec import decode
from protocol.errors import ConfigError, PeerError
from protocol.keys import Jwk, PublicJwk
from protocol.roster import Held, SignedRoster, admit, verify_roster


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


class RosterFolder:
    """`state/rosters/*.jws`. Never goes back behind a serial that it has seen while it ran."""

    def __init__(self, folder: Path, roster_key: Jwk, site: str) -> None:
        self._folder = folder
        self._roster_key = roster_key
        self._site = site
        self._held: dict[str, Held] = {}

    def newer(self) -> tuple[list[SignedRoster], list[str]]:
        """Rosters that are new since the last call, and a sentence for each file that was refused."""
        found: list[SignedRoster] = []
        refused: list[str] = []
        for path in sorted(self._folder.glob("*.jws")):
            try:
                signed = verify_roster(path.read_text(encoding="ascii"), self._roster_key, self._site, path.stem)
                held = self._held.get(path.stem)
                admit(signed, held)
            except (PeerError, OSError, UnicodeDecodeError) as error:
                refused.append(f"{path.name}: {error}")
                continue
            if held != signed.held:
                self._held[path.stem] = signed.held
                found.append(signed)
        return found, refused
