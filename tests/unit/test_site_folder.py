"""A change of the site's folder takes effect whole or not at all, and nothing in it is for others to read."""

import base64
import fcntl
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from protocol.errors import ConfigError
from protocol.ids import unb64url
from protocol.keys import load_private_key, new_key, private_key_pem
from provisioning import seal
from provisioning.folder import CHANGE, SiteFolder
from provisioning.house import SEALED, change_passphrase, export_site
from provisioning.seal import unseal
from tests.harness.processes import wait_until
from tests.unit.interrupted import GONE
from tests.unit.site_folders import DEVICE, OTHER, PASSPHRASE, Home, contents, home, provision, request, said

__all__ = ["home"]

ROOT = Path(__file__).parents[2]
ANOTHER = "another horse battery"
INVITE = ("answerer", "invite", "bob", "--device", DEVICE, "--device", OTHER, "--may", "talk")
COMMANDS = {
    "roster key introduced": ("roster-key", "introduce"),
    "CA introduced": ("ca", "introduce"),
    "device signed": ("device", "sign", "back-door"),
    "answerer invited to two": INVITE,
    "backup taken up": ("site", "import", "backup.jwe"),
    "passphrase changed": ("site", "passphrase"),
}
ONCE = {"CA introduced", "device signed", "backup taken up", "answerer invited to two"}
"""What a repeat refuses, or takes for something else, once it was done."""


@dataclass(frozen=True)
class Scene:
    """A folder with the site, or none, and what a command needs beside it."""

    path: Path

    def folder(self) -> SiteFolder:
        return SiteFolder(self.path / "home")

    @property
    def state(self) -> dict[str, bytes]:
        """What the folder reads as: whatever was interrupted is finished, and whatever was not begun is ignored."""
        self.folder().devices()
        found = contents(self.path / "home")
        return {name: data for name, data in found.items() if not name.startswith(".")}

    def opens(self) -> bool:
        """Whether every secret is there, under one passphrase."""
        for passphrase in (PASSPHRASE, ANOTHER):
            try:
                self.folder().keys(passphrase)
                self.folder().open_key("server-key.jwe", passphrase)
            except ConfigError:
                continue
            return True
        return False


def scene(home: Home, path: Path, command: str) -> Scene:
    path.mkdir()
    (path / "stdin").write_bytes(request(new_key(), "back-door"))
    (path / "credentials").mkdir()
    (path / "credentials" / "doorward-passphrase").write_text(PASSPHRASE)
    (path / "credentials" / "doorward-new-passphrase").write_text(ANOTHER)
    (path / "backup.jwe").write_text(export_site(home.folder, PASSPHRASE))
    if command != "backup taken up":
        home.copy(path / "home")
    return Scene(path)


def interrupted(before: Scene, how: str, command: str) -> tuple[list[int], list[Scene]]:
    """The exit codes and what is left behind, of each attempt; the last one came to its end."""
    target = before.path.with_name("attempts")
    target.mkdir()
    words = [sys.executable, "-m", "tests.unit.interrupted", str(before.path), str(target), how, *COMMANDS[command]]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True)
    codes = [int(code) for code in done.stdout.split()]
    assert codes[-1] == 0, f"{codes}\n{done.stderr[-2000:]}"
    return codes, [Scene(target / str(number)) for number in range(len(codes))]


def changed(before: Scene, after: Scene) -> set[str]:
    old, new = before.state if (before.path / "home").exists() else {}, after.state
    return {name for name in {*old, *new} if old.get(name) != new.get(name)}


def check(before: Scene, left: list[Scene], command: str) -> None:
    everything = changed(before, left[-1])
    assert len(everything) > 1
    seen: list[bool] = []
    for after in left:
        if not (after.path / "home").exists():
            continue
        here = changed(before, after)
        assert here in (set(), everything), "a part of the change"
        seen.append(bool(here))
        if after.state:
            assert after.opens()
            assert set(after.folder().rosters()) >= {DEVICE, OTHER}
            said_well = provision(after.path / "home", "site", "show")
            assert said_well.exit_code == 0, said_well.output
        repeat(after, command, done=bool(here))
        assert private_keys(after.path / "home") == []
    assert seen == sorted(seen), "it happens at one moment"


def repeat(after: Scene, command: str, *, done: bool) -> None:
    """The command once more: it works, or says that it was done."""
    if command == "passphrase changed" and done:
        return
    words = [str(after.path / word) if word == "backup.jwe" else word for word in COMMANDS[command]]
    result = provision(after.path / "home", *words, data=(after.path / "stdin").read_bytes())
    assert result.exit_code == 0 or (done and command in ONCE), result.output
    if result.exit_code == 0:
        hidden = {path.name for path in (after.path / "home").rglob(".*")}
        assert hidden == {".lock"}, "nothing of an interruption is left"


def private_keys(path: Path) -> list[str]:
    """Files that hold a private key in clear, as PEM or as JWK, also inside base64url."""
    found = []
    for name, data in contents(path).items():
        texts = [data, *(unpadded(word) for word in re.findall(rb"[A-Za-z0-9_-]{40,}", data))]
        if any(b"PRIVATE KEY" in text or re.search(rb'"d"\s*:\s*"', text) for text in texts):
            found.append(name)
    return found


def unpadded(word: bytes) -> bytes:
    return base64.urlsafe_b64decode(word[: len(word) // 4 * 4])


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_any_call_the_folder_is_the_old_one_or_the_new_one(home: Home, tmp_path: Path, command: str) -> None:
    before = scene(home, tmp_path / "before", command)
    codes, left = interrupted(before, "calls", command)
    assert len(codes) > 10
    assert set(codes[:-1]) == {GONE}
    check(before, left, command)


@pytest.mark.parametrize("command", COMMANDS)
def test_on_a_full_disk_the_folder_is_the_old_one_and_the_error_one_of_ours(
    home: Home, tmp_path: Path, command: str
) -> None:
    before = scene(home, tmp_path / "before", command)
    codes, left = interrupted(before, "bytes", command)
    assert set(codes[:-1]) == {1}
    check(before, left, command)


# Two at a time


@contextmanager
def at_work(home: Home) -> Iterator[None]:
    with (home.path / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@pytest.mark.parametrize("words", [INVITE, ("roster-key", "introduce"), ("ca", "introduce"), ("site", "passphrase"),
                                   ("server", "renew"), ("publish", "--offline", "rosters"), ("ca", "retire"),
                                   ("roster-key", "replace"), ("device", "remove", DEVICE)])  # fmt: skip
def test_while_another_is_at_work_a_change_is_refused_and_reading_is_not(home: Home, words: tuple[str, ...]) -> None:
    (home.path.parent / "credentials").mkdir()
    (home.path.parent / "credentials" / "doorward-new-passphrase").write_text(ANOTHER)
    before = contents(home.path)
    with at_work(home):
        said(home.run(*words), 78, "another doorward-provision is at work", str(home.path))
        assert home.run("site", "show").exit_code == 0
    assert contents(home.path) == before


@pytest.mark.parametrize("words", [INVITE, ("roster-key", "introduce"), ("server", "renew"),
                                   ("device", "renew", DEVICE), ("publish", "--offline", "rosters")])  # fmt: skip
def test_keys_are_opened_when_nobody_can_change_them_any_more(
    home: Home, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A roster signed with the key before would be worth nothing."""
    monkeypatch.chdir(home.path.parent)
    opened: list[str] = []
    true = SiteFolder.open_key

    def watched(folder: SiteFolder, name: str, passphrase: str) -> object:
        with pytest.raises(BlockingIOError), at_work(home):
            pass
        opened.append(name)
        return true(folder, name, passphrase)

    monkeypatch.setattr(SiteFolder, "open_key", watched)
    assert home.run(*words).exit_code == 0
    assert opened


def test_reading_waits_for_a_change_that_is_being_written(home: Home) -> None:
    """Whoever wrote it a second time could write it over a later one."""
    (home.path / CHANGE).write_text(json.dumps({"successions.jws": "begun\n"}))
    read = (
        "import sys; from pathlib import Path; from provisioning.folder import SiteFolder; "
        "print(SiteFolder(Path(sys.argv[1])).successions())"
    )
    with at_work(home):
        words = [sys.executable, "-c", read, str(home.path)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        waiting = re.compile(rf"-> FLOCK .* {process.pid} ")
        wait_until("the reader to wait", lambda: waiting.search(Path("/proc/locks").read_text()) is not None)
        (home.path / CHANGE).write_text(json.dumps({"successions.jws": "whole\n"}))
    assert process.communicate()[0] == "['whole']\n"


def test_an_error_in_the_middle_of_a_change_leaves_everything(home: Home) -> None:
    before = contents(home.path)
    said(home.run("answerer", "invite", "bob", "--device", DEVICE, "--device", "no-door", "--may", "talk"), 78, OTHER)
    assert contents(home.path) == before


# Nothing for others


def test_every_file_is_for_its_owner_alone_whatever_the_umask(home: Home) -> None:
    old = os.umask(0)
    try:
        for words in (INVITE, ("ca", "introduce"), ("server", "renew"), ("roster-key", "introduce")):
            assert home.run(*words).exit_code == 0
        backup = home.path.parent / "backup.jwe"
        assert home.run("site", "export", backup).exit_code == 0
        again = home.path.parent / "again"
        assert provision(again, "site", "import", backup).exit_code == 0
    finally:
        os.umask(old)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    modes = {
        path: stat.S_IMODE(path.stat().st_mode)
        for folder in (home.path, again)
        for path in (folder, *folder.rglob("*"))
    }
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items())


def test_no_private_key_lies_in_the_folder_in_clear_after_any_command(home: Home) -> None:
    link = home.run(*INVITE).stdout.strip()
    secret = json.loads(unb64url(link.partition("#i=")[2]))["key"]["d"]
    for words in (("ca", "introduce"), ("server", "renew"), ("server", "files"), ("roster-key", "introduce")):
        assert home.run(*words).exit_code == 0
    assert private_keys(home.path) == []
    everything = b"".join(contents(home.path).values())
    assert secret.encode() not in everything
    for name in SEALED:
        key = load_private_key(unseal((home.path / name).read_text(), PASSPHRASE, name))
        assert private_key_pem(key) not in everything


def test_the_search_for_private_keys_finds_them(home: Home) -> None:
    link = home.run(*INVITE).stdout
    (home.path / "link").write_text(link)
    (home.path / "key.pem").write_bytes(private_key_pem(new_key()))
    assert private_keys(home.path) == ["key.pem", "link"]


def test_sealing_costs_a_thief_what_it_should(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with home.folder.change():
        change_passphrase(home.folder, PASSPHRASE, ANOTHER)
    for name in SEALED:
        header = json.loads(unb64url((home.path / name).read_text().split(".")[0]))
        assert (header["alg"], header["enc"]) == ("PBES2-HS512+A256KW", "A256GCM")
        assert header["p2c"] >= 210_000


def test_a_key_that_is_not_the_one_that_is_published_signs_nothing(home: Home) -> None:
    for name, other in (("ca-key.jwe", "not the key of the CA"), ("roster-key.jwe", "not the key of site.json")):
        good = (home.path / name).read_text()
        (home.path / name).write_text(seal.seal(private_key_pem(new_key()), PASSPHRASE))
        with pytest.raises(ConfigError, match=other):
            home.folder.keys(PASSPHRASE)
        (home.path / name).write_text(good)
    home.folder.keys(PASSPHRASE)


def test_a_roster_that_was_edited_by_hand_is_not_signed_again(home: Home) -> None:
    path = home.path / "rosters" / f"{DEVICE}.jws"
    header, payload, signature = path.read_text().split(".")
    path.write_text(f"{header}.{payload[:-2]}AA.{signature}")
    said(home.run("button", "set", DEVICE, "flat-2"), 78, f"rosters/{DEVICE}.jws", "backup")
