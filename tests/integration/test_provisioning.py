"""The demonstration site, as the command makes it and as openssl judges it."""

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from device.identity import load_identity
from protocol.ids import unb64url
from protocol.keys import load_private_key, public_jwk
from protocol.roster import verify_roster
from signaling.config import load_config

COMMAND = Path(sys.executable).parent / "doorward-provision"


def provision(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [str(COMMAND), "demo-site", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def invitation(text: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(unb64url(text.strip().partition("#i=")[2]))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    done = provision(tmp_path / "site")
    assert done.returncode == 0, done.stderr
    return tmp_path / "site"


def test_a_new_site_says_that_its_keys_are_not_encrypted_and_gives_the_invitation(tmp_path: Path) -> None:
    done = provision(tmp_path / "site", "--host", "10.0.0.7", "--people-port", "9443")
    assert done.returncode == 0
    assert "not encrypted" in done.stderr
    assert done.stdout.startswith("https://10.0.0.7:9443/#i=")
    assert invitation(done.stdout)["signaling"] == "wss://10.0.0.7:9443/answerer"


def test_the_device_and_the_server_take_what_was_made(folder: Path) -> None:
    identity = load_identity(folder / "devices" / "front-door")
    config = load_config(folder / "server" / "signaling.toml")
    assert (identity.device, identity.site) == ("front-door", config.site)
    assert identity.signaling == "wss://localhost:8444/device"


@pytest.mark.parametrize(
    ("name", "purpose", "right"),
    [
        ("server", "sslserver", True),
        ("server", "sslclient", False),
        ("device", "sslclient", True),
        ("device", "sslserver", False),
    ],
)
def test_openssl_takes_each_certificate_for_its_purpose_only(
    folder: Path, name: str, purpose: str, right: bool
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("the command `openssl` is not installed")
    certificate = folder / "server" / "server.pem"
    if name == "device":
        certificate = folder / "device.pem"
        bundle = json.loads((folder / "devices" / "front-door" / "bundle.json").read_text())
        certificate.write_text(bundle["certificate"])
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        purpose,
        "-CAfile",
        str(folder / "ca.pem"),
        str(certificate),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is right, done.stderr


def test_every_private_key_is_for_its_owner_alone(folder: Path) -> None:
    keys = [path for path in folder.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert {path.name for path in keys} == {"ca-key.pem", "roster-key.pem", "server-key.pem", "alice.pem", "key.pem"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


def test_a_site_is_taken_up_again_with_its_keys_and_a_newer_roster(folder: Path) -> None:
    first, again = provision(folder), provision(folder, "--host", "192.168.7.7")
    before, after = invitation(first.stdout), invitation(again.stdout)
    assert (before["site"], before["roster_key"], before["key"]) == (after["site"], after["roster_key"], after["key"])
    assert (before["serials"], after["serials"]) == ({"front-door": 2}, {"front-door": 3})
    key = public_jwk(load_private_key((folder / "roster-key.pem").read_bytes()))
    jws = (folder / "server" / "state" / "rosters" / "front-door.jws").read_text()
    assert verify_roster(jws, key, str(after["site"]), "front-door").roster.serial == 3


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        ("site.json", "site.json"),
        ("roster-key.pem", "roster-key.pem"),
        ("server/state/rosters/front-door.jws", "roster"),
        ("ca.pem", "ca.pem"),
        ("people/alice.pem", "alice.pem"),
    ],
)
def test_a_spoiled_site_is_one_line_and_nothing_changes(folder: Path, spoil: str, names: str) -> None:
    (folder / spoil).write_text("spoiled")
    before = contents(folder)
    done = provision(folder)
    assert done.returncode == 78
    assert done.stderr.startswith("doorward-provision: ")
    assert done.stderr.count("\n") == 1
    assert names in done.stderr
    assert contents(folder) == before


@pytest.mark.parametrize("host", ["", "no spaces", "UPPER.example", 'quote"', "-dash", "a..b"])
def test_a_host_that_is_none_is_one_line_and_makes_nothing(tmp_path: Path, host: str) -> None:
    done = provision(tmp_path / "site", "--host", host)
    assert done.returncode == 78
    assert done.stderr.count("\n") == 1
    assert "neither an IP address nor" in done.stderr
    assert contents(tmp_path) == {}


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    done = provision(tmp_path)
    assert done.returncode == 78
    assert done.stderr.count("\n") == 1
    assert contents(tmp_path) == {str(tmp_path / "thesis.txt"): b"precious"}
