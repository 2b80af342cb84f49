"""What the server keeps: rosters and successors of the roster key, verified, whole, and found again."""

import errno
import os
from pathlib import Path

import pytest

from protocol.errors import PeerError
from protocol.keys import PrivateKey, PublicJwk, new_key, public_jwk
from protocol.roster import Roster, sign_roster
from protocol.roster_key import RosterKey, sign_roster_key
from signaling.adapters.store import KeyFolder, RosterFolder

FIRST, SECOND, THIRD = new_key(), new_key(), new_key()


def roster(serial: int, key: PrivateKey = FIRST, device: str = "front", site: str = "home", expires: int = 10) -> str:
    made = Roster(
        site=site, device=device, serial=serial, issued=1, expires=expires, fingerprints=[], buttons={}, doors={},
        answerers={},
    )  # fmt: skip
    return sign_roster(made, key)


def succession(sequence: int, old: PrivateKey, new: PrivateKey, site: str = "home") -> str:
    key = PublicJwk(**public_jwk(new))
    return sign_roster_key(RosterKey(site=site, sequence=sequence, key=key, issued=1), old)


class Disk:
    """The server's state folder, as it is found at a start."""

    def __init__(self, folder: Path) -> None:
        self.keys = KeyFolder(folder / "roster-keys", public_jwk(FIRST), "home")
        self.rosters = RosterFolder(folder / "rosters", self.keys, "home")
        self.keys.newer()
        self.found = {signed.roster.device: signed.jws for signed in self.rosters.newer()[0]}

    def publish(self, jws: str, most: int = 64) -> bool:
        return self.rosters.publish(jws, most)[1]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_published_roster_is_found_again_at_the_next_start(tmp_path: Path) -> None:
    jws = roster(3)
    assert Disk(tmp_path).publish(jws)
    assert files(tmp_path) == ["rosters/front.jws"]
    again = Disk(tmp_path)
    assert again.found == {"front": jws}
    with pytest.raises(PeerError, match="older than 3"):
        again.publish(roster(2))
    with pytest.raises(PeerError, match="other contents"):
        again.publish(roster(3, expires=11))
    assert Disk(tmp_path).found == {"front": jws}


def test_the_same_contents_again_are_no_news(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    kept = roster(1)
    assert disk.publish(kept)
    assert not disk.publish(kept)
    assert not disk.publish(roster(1)), "signatures differ each time, contents do not"
    assert Disk(tmp_path).found == {"front": kept}


@pytest.mark.parametrize(
    ("jws", "why"),
    [
        (roster(1, SECOND), "another key"),
        (roster(1, site="elsewhere"), "for site 'elsewhere'"),
        (succession(1, FIRST, SECOND), "not a 'doorward-roster\\+jwt'"),
        ("nonsense", "not a compact JWS"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(jws: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=why):
        Disk(tmp_path).publish(jws)
    assert files(tmp_path) == []


def test_more_devices_than_a_site_may_have_are_refused(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    assert disk.publish(roster(1), most=1)
    with pytest.raises(PeerError, match="1 devices have one already"):
        disk.publish(roster(1, device="back"), most=1)
    assert disk.publish(roster(2), most=1)


def test_a_full_disk_leaves_the_old_roster_whole_and_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(tmp_path)
    kept = roster(1)
    disk.publish(kept)
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", _full)
        for attempt in (lambda: disk.publish(roster(2)), lambda: disk.keys.introduce(succession(1, FIRST, SECOND))):
            with pytest.raises(OSError, match="No space left"):
                attempt()
    assert files(tmp_path) == ["rosters/front.jws"]
    assert Disk(tmp_path).found == {"front": kept}
    assert disk.publish(roster(2)), "what was refused for want of space may be published again"
    assert disk.keys.introduce(succession(1, FIRST, SECOND)) == (1, True)


def _full(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# Successors of the roster key


def test_a_successor_is_believed_from_then_on_and_after_a_start(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    jws = succession(7, FIRST, SECOND)
    assert disk.keys.introduce(jws) == (7, True)
    assert disk.keys.introduce(jws) == (7, False)
    for found in (disk, Disk(tmp_path)):
        with pytest.raises(PeerError, match="another key"):
            found.publish(roster(1, FIRST))
        assert found.keys.introduce(jws) == (7, False)
    assert disk.publish(roster(1, SECOND))


@pytest.mark.parametrize(
    ("jws", "why"),
    [
        (succession(8, FIRST, THIRD), "another key"),
        (succession(8, THIRD, THIRD), "another key"),
        (succession(7, SECOND, THIRD), "sequence 7 after 7"),
        (succession(8, SECOND, THIRD, site="elsewhere"), "for site 'elsewhere'"),
        (roster(8, SECOND), "not a 'doorward-roster-key\\+jwt'"),
    ],
)
def test_only_the_key_that_is_believed_introduces_the_next(jws: str, why: str, tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.keys.introduce(succession(7, FIRST, SECOND))
    with pytest.raises(PeerError, match=why):
        disk.keys.introduce(jws)
    assert files(tmp_path) == ["roster-keys/0007.jws"]


def test_the_chain_is_followed_in_the_order_of_its_sequence(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    keys = [FIRST, SECOND, THIRD, new_key(), new_key()]
    chain = [
        succession(number, old, new) for number, old, new in zip([9, 10, 9999, 10000], keys[:-1], keys[1:], strict=True)
    ]
    for jws in chain:
        disk.keys.introduce(jws)
    again = KeyFolder(tmp_path / "roster-keys", public_jwk(FIRST), "home")
    assert again.newer() == (chain, [])
    assert again.newer() == ([], [])
    assert again.keys == [public_jwk(key) for key in reversed(keys)]


def test_a_file_that_does_not_continue_the_chain_is_passed_over(tmp_path: Path) -> None:
    Disk(tmp_path).keys.introduce(succession(2, FIRST, SECOND))
    (tmp_path / "roster-keys/0003.jws").write_text(succession(3, FIRST, THIRD))
    (tmp_path / "roster-keys/0001.jws").write_bytes(b"\xff")
    keys = KeyFolder(tmp_path / "roster-keys", public_jwk(FIRST), "home")
    found, refused = keys.newer()
    assert len(found) == 1
    assert [why.split(":")[0] for why in refused] == ["0001.jws", "0003.jws"]
    assert keys.keys[0] == public_jwk(SECOND)


def test_a_kept_roster_of_an_earlier_key_stays_in_force_over_a_start_until_it_is_replaced(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    old = roster(1)
    disk.publish(old)
    disk.keys.introduce(succession(1, FIRST, SECOND))
    disk.keys.introduce(succession(2, SECOND, THIRD))
    assert disk.rosters.newer() == ([], []), "and reading it again is nothing new"
    again = Disk(tmp_path)
    assert again.found == {"front": old}
    new = roster(2, THIRD)
    assert again.publish(new)
    assert Disk(tmp_path).found == {"front": new}


def test_an_earlier_key_signs_nothing_new(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.publish(roster(1))
    disk.keys.introduce(succession(1, FIRST, SECOND))
    with pytest.raises(PeerError, match="another key"):
        disk.publish(roster(2))
    for name in ("front", "back"):
        (tmp_path / f"rosters/{name}.jws").write_text(roster(2, device=name))
    found, refused = disk.rosters.newer()
    assert found == []
    assert len(refused) == 2
