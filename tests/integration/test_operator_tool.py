"""`doorward-provision` as an operator meets it: passphrases, what is piped on, backups, and refusals with a remedy."""

import io
import json
import os
import pty
import re
import stat
import subprocess
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import click
import pytest

from protocol.ids import unb64url
from protocol.jws import typ_of
from protocol.keys import thumbprint
from provisioning.cli import main
from provisioning.commands.common import Operator
from provisioning.overview import as_text, expiries, overview
from tests.harness.world import BIN
from tests.unit.site_folders import DEVICE, OTHER, PASSPHRASE, Home, contents, home, now, provision, said

__all__ = ["home"]

FINGERPRINT = re.compile(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}")


def tool(home: Home, *words: str, fd: str | bytes | None = None, **env: str) -> "subprocess.CompletedProcess[str]":
    """The command as a process of its own, without a terminal; `fd` is what it finds at a descriptor."""
    ours, theirs = os.pipe()
    os.write(theirs, (fd or "").encode() if not isinstance(fd, bytes) else fd)
    os.close(theirs)
    clean = {name: value for name, value in os.environ.items() if name != "CREDENTIALS_DIRECTORY"}
    try:
        return subprocess.run(
            [str(BIN / "doorward-provision"), *words, *(["--passphrase-fd", str(ours)] if fd is not None else [])],
            env={**clean, "DOORWARD_SITE": str(home.path), **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            pass_fds=[ours],
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(ours)


# The passphrase

GRANT = ("answerer", "grant", "alice", "--may", "talk")


def test_the_passphrase_comes_from_a_descriptor_or_a_credential(home: Home, tmp_path: Path) -> None:
    assert tool(home, *GRANT, fd=f"{PASSPHRASE}\nand more").returncode == 0
    (tmp_path / "doorward-passphrase").write_text(PASSPHRASE + "\n")
    assert tool(home, *GRANT, CREDENTIALS_DIRECTORY=str(tmp_path)).returncode == 0
    assert home.folder.roster(DEVICE).roster.answerers["alice"].may == ["talk"]


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ("a wrong horse battery\n", 78, "the passphrase does not open it"),
        ("short\n", 1, "at least 12"),
        ("", 1, "at least 12"),
        (b"\xff\xfe passphrase\n", 1, "cannot be read"),
        (None, 1, "--passphrase-fd"),
    ],
)
def test_another_passphrase_or_none_changes_nothing(
    home: Home, given: str | bytes | None, code: int, words: str
) -> None:
    before = contents(home.path)
    done = tool(home, *GRANT, fd=given)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
    assert words in done.stderr
    assert contents(home.path) == before


def test_a_descriptor_or_credential_that_cannot_be_read_is_one_line(home: Home) -> None:
    credential = home.path.parent / "credentials" / "doorward-passphrase"
    home.run("site", "show")
    said(home.run(*GRANT, "--passphrase-fd", "987654"), 1, "987654", "cannot be read")
    assert home.run(*GRANT, "--passphrase-fd", "-1").exit_code == 2
    credential.write_bytes(b"\xff" * 20)
    said(home.run(*GRANT), 1, str(credential))


def options(command: click.Command) -> Iterator[click.Option]:
    yield from (one for one in command.params if isinstance(one, click.Option))
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        yield from options(part)


def test_no_option_takes_a_secret() -> None:
    secret = {name for one in options(main) for name in one.opts if re.search("pass|secret|key", name)}
    assert secret == {"--passphrase-fd", "--new-passphrase-fd", "--key", "--new-key"}
    kinds = {one.opts[0]: one for one in options(main)}
    assert isinstance(kinds["--passphrase-fd"].type, click.IntRange)
    assert isinstance(kinds["--new-passphrase-fd"].type, click.IntRange)
    assert kinds["--new-key"].is_flag
    assert "one lost phone" in (kinds["--key"].help or ""), "a thumbprint"


def test_a_new_passphrase_opens_everything_and_the_old_one_nothing(home: Home) -> None:
    said(home.run("site", "passphrase"), 1, "--new-passphrase-fd")
    (home.path.parent / "credentials" / "doorward-new-passphrase").write_text("too short")
    said(home.run("site", "passphrase"), 1, "at least 12")
    (home.path.parent / "credentials" / "doorward-new-passphrase").write_text("another horse battery")
    assert home.run("site", "passphrase").exit_code == 0
    said(home.run(*GRANT), 78, "passphrase")
    (home.path.parent / "credentials" / "doorward-passphrase").write_text("another horse battery")
    assert home.run(*GRANT).exit_code == 0
    assert home.run("server", "files").exit_code == 0


# What is shown

SHOWN = """\
site home   server door.example, 192.168.1.20   page https://door.example:8443/
CA 1  FINGERPRINT

front-door   roster 4, until DATE
  certificate  FINGERPRINT  until DATE (CA 1)
  button flat-1  'Flat 1' rings alice
  door main  'Street door'
  alice  'Alice' may talk, open
    key KEY

side-door   roster 1, until DATE
  certificate  FINGERPRINT  until DATE (CA 1)

ends:
  DATE       30 days  front-door: roster
  DATE       30 days  side-door: roster
  DATE      397 days  server certificate
  DATE     3650 days  front-door: certificate
  DATE     3650 days  side-door: certificate
  DATE     7300 days  CA 1"""


def test_the_site_is_shown(home: Home) -> None:
    at = home.folder.server_certificate().not_valid_before_utc + timedelta(hours=1)
    text = FINGERPRINT.sub("FINGERPRINT", as_text(overview(home.folder, at)))
    text = re.sub(r"key [\w-]{43}", "key KEY", re.sub(r"\d{4}-\d\d-\d\d", "DATE", text))
    assert text == SHOWN
    assert home.run("site", "show").exit_code == 0


def test_the_site_is_shown_to_programs_and_a_removed_device_is_still_there(home: Home) -> None:
    home.run("device", "remove", OTHER)
    view = json.loads(home.run("site", "show", "--json").stdout)
    assert [(one["device"], len(one["certificates"])) for one in view["devices"]] == [(DEVICE, 1), (OTHER, 0)]
    assert view["devices"][0]["answerers"]["alice"]["may"] == ["talk", "open"]
    assert "removed: no certificate of it is good" in home.run("site", "show").stdout
    key = thumbprint(home.folder.record().roster_key.as_dict())
    pins = f"--ca-fingerprint={view['ca_fingerprints'][0]} --roster-key={key}"
    assert home.run("ca", "pins").stdout.strip() == pins


@pytest.mark.parametrize(
    ("what", "days", "remedy"),
    [
        ("front-door: roster", 30 - 10, "publish"),
        ("server certificate", 397 - 30, "server renew"),
        ("front-door: certificate", 3650 - 90, f"device renew {DEVICE}"),
        ("CA 1", 7300 - 365, "ca introduce"),
    ],
)
def test_each_thing_is_due_in_time_and_not_before(home: Home, what: str, days: int, remedy: str) -> None:
    for hours, due in ((-2, False), (2, True), (24 * 400, True)):
        found = expiries(home.folder, now() + timedelta(days=days, hours=hours))
        (one,) = [expiry for expiry in found if expiry.what == what]
        assert (one.due, one.remedy) == (due, remedy)


def test_a_timer_hears_whether_anything_is_due(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for days, code, lines in ((0, 3, 0), (21, 0, 2), (31, 0, 2), (380, 0, 3)):
        at = now() + timedelta(days=days)
        monkeypatch.setattr(Operator, "now", at)
        done = home.run("needs-renewal")
        assert (done.exit_code, done.stdout.count("\n")) == (code, lines), done.output
    said(provision(tmp_path / "nowhere", "needs-renewal"), 78, "--site")
    (home.path / "server.pem").write_text("spoilt")
    said(home.run("needs-renewal"), 78, "server.pem")


# What is piped on


def packed(archive: bytes) -> Mapping[str, tuple[int, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {one.name: (one.mode, (tar.extractfile(one) or io.BytesIO()).read()) for one in tar.getmembers()}


def test_the_servers_key_goes_through_a_pipe_and_is_for_its_owner_alone(home: Home) -> None:
    found = packed(home.run("server", "files").stdout_bytes)
    settings = {"signaling.toml"}
    assert set(found) == {"ca.pem", "server.pem", "server-key.pem", "roster-key.json"} | settings
    assert {name for name, (mode, _) in found.items() if mode == 0o600} == {"server-key.pem"}
    assert [name for name, (_, data) in found.items() if b"PRIVATE KEY" in data] == ["server-key.pem"]
    assert all(mode in (0o600, 0o644) for mode, _ in found.values())
    assert set(packed(home.run("server", "files", "--no-settings").stdout_bytes)) == set(found) - settings


def test_the_servers_key_is_never_shown_at_a_terminal(home: Home) -> None:
    ours, theirs = pty.openpty()
    words = [str(BIN / "doorward-provision"), "server", "files", "--site", str(home.path)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    os.close(ours)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"pipe it on" in done.stderr


def test_an_invitation_is_printed_once_and_drawn_for_its_owner_alone(home: Home, tmp_path: Path) -> None:
    svg = tmp_path / "bob.svg"
    done = home.run("answerer", "invite", "bob", "--device", DEVICE, "--may", "talk", "--svg", svg)
    assert done.stdout.count("#i=") == 1
    assert "#i=" not in done.stderr
    secret = json.loads(unb64url(done.stdout.strip().partition("#i=")[2]))["key"]["d"]
    assert stat.S_IMODE(svg.stat().st_mode) == 0o600
    assert ET.fromstring(svg.read_text(encoding="utf-8")).tag == "{http://www.w3.org/2000/svg}svg"
    left = {path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()}
    assert left == set()


@pytest.mark.parametrize("where", ["home/bob.svg", "home/devices/bob.svg", "link/bob.svg", "home/../home/bob.svg"])
def test_an_invitation_is_not_drawn_into_the_sites_folder(home: Home, where: str) -> None:
    (home.path.parent / "link").symlink_to(home.path)
    before = contents(home.path)
    svg = home.path.parent / where
    said(home.run("answerer", "invite", "bob", "--device", DEVICE, "--may", "talk", "--svg", svg), 1, "elsewhere")
    assert contents(home.path) == before


def test_an_invitation_that_cannot_be_drawn_is_printed_all_the_same(home: Home) -> None:
    svg = home.path.parent / "no-folder" / "bob.svg"
    done = home.run("answerer", "invite", "bob", "--device", DEVICE, "--may", "talk", "--svg", svg)
    assert done.exit_code == 1
    assert done.stdout.count("#i=") == 1
    assert "no-folder" in done.stderr.splitlines()[-1]


def test_what_a_device_says_is_one_line_at_the_operators_terminal(home: Home, tmp_path: Path) -> None:
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\nprintf 'hello\\n\\033]0;owned\\007\\r%s' gone >&2; exit 3\n")
    program.chmod(0o755)
    done = home.run("device", "enroll", "door", "--device", "back-door", "--ssh", str(program))
    said(done, 1, "door: exit code 3", "gone")
    assert done.stderr.rstrip("\n").isprintable()


def test_rosters_on_a_stick_bring_the_way_to_their_key(home: Home, tmp_path: Path) -> None:
    home.run("roster-key", "introduce")
    home.run("roster-key", "introduce")
    done = home.run("publish", "--offline", tmp_path / "stick")
    assert done.stdout.split() == [str(tmp_path / "stick" / f"{one}.roster") for one in (DEVICE, OTHER)]
    for device in (DEVICE, OTHER):
        lines = (tmp_path / "stick" / f"{device}.roster").read_text().splitlines()
        assert [typ_of(line) for line in lines] == ["doorward-roster-key+jwt"] * 2 + ["doorward-roster+jwt"]
        assert lines == [*home.folder.successions(), home.folder.roster(device).jws]
    (tmp_path / "file").write_text("")
    said(home.run("publish", "--offline", tmp_path / "file" / "stick"), 1, "stick")


# The server's names, and the end of a CA


def test_the_server_moves_within_what_the_ca_may_vouch_for_and_nowhere_else(home: Home) -> None:
    for host in ("other.example", "backdoor.example", "door.example.org", "192.168.3.1", "example", "10.0.0.1"):
        before = contents(home.path)
        said(home.run("server", "renew", "--host", host), 78, host, "ca introduce")
        assert contents(home.path) == before
    for host in ("sub.door.example", "192.168.2.77", "192.168.1.20"):
        assert home.run("server", "renew", "--host", host).exit_code == 0
        assert home.folder.record().hosts == [host]


def test_a_ca_ends_when_nothing_depends_on_it_any_more(home: Home) -> None:
    said(home.run("ca", "retire"), 1, "ca introduce")
    assert home.run("ca", "introduce").exit_code == 0
    said(home.run("ca", "introduce"), 1, "ca retire")
    said(home.run("ca", "retire"), 1, "server renew")
    home.run("server", "renew")
    said(home.run("ca", "retire"), 1, DEVICE, OTHER, "device renew")
    home.run("device", "renew", DEVICE)
    home.run("device", "renew", OTHER)
    said(home.run("ca", "retire"), 1, DEVICE, "device settle")
    home.run("device", "settle", DEVICE)
    said(home.run("ca", "retire"), 1, OTHER)
    home.run("device", "remove", OTHER)
    first, second = home.folder.authorities()
    done = home.run("ca", "retire")
    assert done.exit_code == 0
    assert home.folder.authorities() == [second] != [first]
