"""A backup is the whole site and nothing else, and is taken up whole or not at all."""

from pathlib import Path

import pytest

from protocol.codec import encode
from provisioning.seal import seal
from tests.unit.site_folders import PASSPHRASE, Home, contents, home, provision, said

__all__ = ["home"]


def test_a_backup_brings_back_every_file_and_does_not_grow(home: Home, tmp_path: Path) -> None:
    before = contents(home.path)
    sizes = []
    for _ in range(3):
        assert home.run("site", "export", home.path / "home.jwe").exit_code == 0
        sizes.append((home.path / "home.jwe").stat().st_size)
    assert len(set(sizes)) == 1, "a backup holds no backups"
    (home.path / "photo.png").write_bytes(b"\xff\xd8")
    assert home.run("site", "export", tmp_path / "backup.jwe").exit_code == 0
    assert provision(tmp_path / "again", "site", "import", tmp_path / "backup.jwe").exit_code == 0
    assert contents(tmp_path / "again") == before
    said(provision(tmp_path / "again", "site", "import", tmp_path / "backup.jwe"), 78, "not empty")


@pytest.mark.parametrize("name", ["thesis.txt", "devices/thesis.txt", ".change.json"])
def test_a_backup_is_taken_up_in_an_empty_folder_alone(home: Home, tmp_path: Path, name: str) -> None:
    home.run("site", "export", tmp_path / "backup.jwe")
    there = tmp_path / "again" / name
    there.parent.mkdir(parents=True)
    there.write_text("precious")
    said(provision(tmp_path / "again", "site", "import", tmp_path / "backup.jwe"), 78, "not empty")
    assert contents(tmp_path / "again") == {name: b"precious"}


def test_a_backup_is_of_the_folders_own_passphrase(home: Home, tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir(exist_ok=True)
    (tmp_path / "credentials" / "doorward-passphrase").write_text("a wrong horse battery")
    said(home.run("site", "export", tmp_path / "backup.jwe"), 78, "passphrase")
    assert not (tmp_path / "backup.jwe").exists()


def test_a_spoilt_backup_is_refused_and_makes_nothing(home: Home, tmp_path: Path) -> None:
    backup = tmp_path / "backup.jwe"
    home.run("site", "export", backup)
    good = backup.read_text().strip()
    parts = good.split(".")
    for number, part in enumerate(parts):
        at = len(part) // 2
        other = part[:at] + ("A" if part[at] != "A" else "B") + part[at + 1 :]
        backup.write_text(".".join([*parts[:number], other, *parts[number + 1 :]]))
        said(provision(tmp_path / "again", "site", "import", backup), 78, str(backup))
    for text in (good[:-1], good[:99], "", "x", "é", good.replace(".", "..", 1)):
        backup.write_text(text)
        said(provision(tmp_path / "again", "site", "import", backup), 78, str(backup))
    said(provision(tmp_path / "again", "site", "import", tmp_path / "none"), 78, "none")
    assert not (tmp_path / "again").exists()


OUTSIDE = ("../x", "x", "devices/../../x", "/tmp/x", "devices/a/b.pem", ".change.json", ".lock", "devices/A.pem",
           "rosters/front-door.pem", "", "devices/.pem", "site.json/x", "./site.json")  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_backup_with_a_file_out_of_place_is_refused_and_makes_nothing(home: Home, tmp_path: Path, name: str) -> None:
    backup, again = tmp_path / "backup.jwe", tmp_path / "deep" / "again"
    backup.write_text(seal(encode({**home.folder.everything(), name: "x"}).encode(), PASSPHRASE))
    (tmp_path / "deep").mkdir()
    before = contents(tmp_path)
    said(provision(again, "site", "import", backup), 78, "has no place in one")
    assert {path for path in contents(tmp_path) if "credentials" not in path} == set(before)
    assert not again.exists()


@pytest.mark.parametrize("name", ["site.json", "ca.pem", "ca-key.jwe", "roster-key.jwe"])
def test_a_backup_that_lacks_something_is_refused_and_a_whole_one_taken_afterwards(
    home: Home, tmp_path: Path, name: str
) -> None:
    backup, again = tmp_path / "backup.jwe", tmp_path / "again"
    files = {other: text for other, text in home.folder.everything().items() if other != name}
    backup.write_text(seal(encode(files).encode(), PASSPHRASE))
    said(provision(again, "site", "import", backup), 78, name)
    assert contents(again) == {}
    home.run("site", "export", backup)
    assert provision(again, "site", "import", backup).exit_code == 0
