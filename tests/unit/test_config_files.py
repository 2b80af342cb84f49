"""Files that are wrong in one thing: one line that names the file and the member, exit code 78, nothing changed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from device.adapters.wss import tls_context
from device.config import load_config as load_device_config
from device.identity import load_identity
from protocol.errors import ConfigError, FileUnreadable
from protocol.keys import load_private_key, new_key, private_key_pem, public_jwk
from protocol.roster import sign_roster
from provisioning.authority import pem
from provisioning.site import DevicePlan, Site, SitePlan, make_site
from signaling.config import load_config as load_signaling_config
from tests.pki import CLIENT, SERVER, device_wish, make

BIN = Path(sys.executable).parent
DEVICE = "front-door"

GOOD = """identity = "identity"
state = "state"
control_socket = "control.sock"
[gpio]
pins = "mock"
[button.flat-1]
pin_bcm = 17
[door.main]
pin_bcm = 27
[sound]
capture = "null"
playback = "null"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    door = DevicePlan({"flat-1": ("Flat 1", ["alice"])}, {"main": "Street door"})
    plan = SitePlan(
        "home", ("127.0.0.1", "localhost"), {DEVICE: door, "back-door": door}, {"alice": ("Alice", ["talk"])},
        devices_port=9, people_port=0,
    )  # fmt: skip
    return make_site(tmp_path_factory.mktemp("site") / "home", plan)


@pytest.fixture
def identity(made: Site, tmp_path: Path) -> Path:
    """A copy of the device's identity, to be spoilt."""
    folder = tmp_path / "identity"
    folder.mkdir()
    for name, mode in (("key.pem", 0o600), ("bundle.json", 0o644)):
        (folder / name).write_bytes((made.identity(DEVICE) / name).read_bytes())
        (folder / name).chmod(mode)
    return folder


def write(folder: Path, text: str) -> Path:
    path = folder / "device.toml"
    path.write_text(text)
    return path


# Configuration


def test_the_good_configuration_is_taken_and_paths_are_relative_to_it(tmp_path: Path) -> None:
    config = load_device_config(write(tmp_path, GOOD))
    assert config.identity == str(tmp_path / "identity")
    assert config.button["flat-1"].pin_bcm == 17
    assert config.call.ring_s == 30.0


@pytest.mark.parametrize(
    ("pins", "video", "source"),
    [
        ("mock", "", "pattern"),
        ("lgpio", "", "camera"),
        ("mock", '[video]\nsource = "camera"\n', "camera"),
    ],
)
def test_simulated_pins_mean_a_simulated_camera_unless_told(tmp_path: Path, pins: str, video: str, source: str) -> None:
    config = load_device_config(write(tmp_path, GOOD.replace('"mock"', f'"{pins}"') + video))
    assert config.video.source == source


def test_sounds_and_night_are_taken(tmp_path: Path) -> None:
    night = '[sound.tones]\nringback = "gong.wav"\n[sound.night]\nbegins = 22:00:00\nends = 07:00:00\n'
    config = load_device_config(write(tmp_path, GOOD + night))
    assert config.sound.tones == {"ringback": str(tmp_path / "gong.wav")}
    assert config.sound.night is not None
    assert (config.sound.night.begins.hour, config.sound.night.tones) == (22, 0.3)


@pytest.mark.parametrize(
    ("video", "small"),
    [
        ("", (640, 360, 15, 400_000)),
        ("width = 1920\nheight = 1080\nbitrate_bps = 4_000_000\n", (640, 360, 15, 400_000)),
        ("width = 1296\nheight = 972\n", (640, 480, 15, 400_000)),
        ("width = 848\nheight = 480\nfps = 10\nbitrate_bps = 600_000\n", (416, 232, 10, 300_000)),
        ("width = 320\nheight = 180\nbitrate_bps = 200_000\n", (320, 180, 15, 150_000)),
        ("[video.small]\nwidth = 320\nheight = 240\nfps = 8\n", (320, 240, 8, 400_000)),
    ],
)
def test_the_small_picture_follows_the_large_one_unless_it_is_configured(
    video: str, small: tuple[int, int, int, int], tmp_path: Path
) -> None:
    second = load_device_config(write(tmp_path, GOOD + "[video]\n" + video)).video.second
    assert (second.width, second.height, second.fps, second.bitrate_bps) == small


DEVICE_FAULTS = {
    "not TOML": (GOOD + "[", "not TOML"),
    "a member missing": (GOOD.replace('identity = "identity"\n', ""), "`identity`"),
    "a member unknown": (GOOD + "[lamb]\npin_bcm = 22\n", "`lamb`"),
    "a member of a table unknown": (GOOD.replace("pin_bcm = 27", "pin_bcm = 27\npin_board = 1"), "door[...]"),
    "a wrong type": (GOOD.replace("pin_bcm = 17", 'pin_bcm = "17"'), "button[...].pin_bcm"),
    "no such pin": (GOOD.replace("pin_bcm = 17", "pin_bcm = 28"), "button.flat-1.pin_bcm"),
    "a pin twice": (GOOD.replace("pin_bcm = 17", "pin_bcm = 27"), "door.main.pin_bcm: GPIO 27"),
    "no button": (GOOD.replace("[button.flat-1]\npin_bcm = 17\n", "[button]\n"), "button: "),
    "a name that is none": (GOOD.replace("flat-1", "Flat_1"), "button.Flat_1"),
    "a door held open": (GOOD.replace("pin_bcm = 27", "pin_bcm = 27\nopen_s = 31"), "open_s"),
    "not a number": (GOOD.replace("pin_bcm = 27", "pin_bcm = 27\nopen_s = nan"), "open_s"),
    "an endless ring": (GOOD + "[call]\nring_s = inf\n", "call.ring_s"),
    "no such tone": (GOOD + '[sound.tones]\ndoorbell = "x.wav"\n', "doorbell"),
    "a night without an end": (GOOD + "[sound.night]\nbegins = 22:00:00\n", "`ends`"),
    "a night without a sound": (GOOD + "[sound.night]\nbegins = 22:00:00\nends = 07:00:00\ntones = 0\n", "tones"),
    "a small picture that is larger": (GOOD + "[video.small]\nwidth = 1296\nheight = 720\n", "video.small.width"),
    "no such pins": (GOOD.replace('"mock"', '"rpi"'), "gpio.pins"),
}


@pytest.mark.parametrize("case", DEVICE_FAULTS)
def test_a_device_configuration_is_refused_with(case: str, tmp_path: Path) -> None:
    text, where = DEVICE_FAULTS[case]
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load_device_config(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert where in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 78


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_configuration_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "device.toml"
    if content is not None:
        path.write_bytes(content)
    for load in (load_device_config, load_signaling_config):
        with pytest.raises(ConfigError, match="--config") as refused:
            load(path)
        assert str(path) in str(refused.value)


SIGNALING_FAULTS: dict[str, tuple[Callable[[str], str], str]] = {
    "a member missing": (lambda text: text.replace('ca = "ca.pem"\n', ""), "`ca`"),
    "a member unknown": (lambda text: text + "[limits]\nper_hour = 1\n", "`per_hour`"),
    "no such port": (lambda text: text.replace("port = 9\n", "port = 65536\n"), "devices.port"),
    "no hosts": (lambda text: text[: text.index("hosts")], "`hosts`"),
    "a host without a port": (lambda text: text[: text.index("hosts")] + 'hosts = ["localhost"]\n', "people.hosts"),
    "no limit": (lambda text: text + "[limits]\nmessages_per_s = 0\n", "limits.messages_per_s"),
    "no such site": (lambda text: text.replace('"home"', '"Home!"'), "site"),
    "not TOML": (lambda text: text + "[[[", "not TOML"),
}


@pytest.mark.parametrize("case", SIGNALING_FAULTS)
def test_a_server_configuration_is_refused_with(case: str, made: Site, tmp_path: Path) -> None:
    change, where = SIGNALING_FAULTS[case]
    path = tmp_path / "signaling.toml"
    path.write_text(change(made.signaling_config.read_text()))
    with pytest.raises(ConfigError) as refused:
        load_signaling_config(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert where in str(refused.value)
    assert "\n" not in str(refused.value)


# Identity


def change_bundle(folder: Path, **changes: object) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def other_bundle(site: Site, folder: Path) -> None:
    (folder / "bundle.json").write_bytes((site.identity("back-door") / "bundle.json").read_bytes())


def other_ca(site: Site, folder: Path) -> None:
    other = make_site(folder.parent / "other", replace(site.plan, site="home"))
    change_bundle(folder, ca=pem(other.authority.certificate))


def other_certificate(site: Site, folder: Path) -> None:
    theirs = json.loads((site.identity("back-door") / "bundle.json").read_text())["certificate"]
    change_bundle(folder, certificate=theirs)


def other_key(_: Site, folder: Path) -> None:
    (folder / "key.pem").write_bytes(private_key_pem(new_key()))


def ca_as_leaf(site: Site, folder: Path) -> None:
    wish = replace(device_wish(site.authority, "home", DEVICE), ca=True)
    change_bundle(folder, certificate=make(wish, load_private_key((folder / "key.pem").read_bytes())).pem)


def no_purpose(site: Site, folder: Path) -> None:
    wish = replace(device_wish(site.authority, "home", DEVICE), purposes=[CLIENT, SERVER])
    change_bundle(folder, certificate=make(wish, load_private_key((folder / "key.pem").read_bytes())).pem)


def other_roster(site: Site, folder: Path) -> None:
    change_bundle(folder, roster=sign_roster(site.rosters["back-door"], site.roster_key))


def forged_roster(site: Site, folder: Path) -> None:
    change_bundle(folder, roster=sign_roster(site.rosters[DEVICE], new_key()))


def own_roster_key(site: Site, folder: Path) -> None:
    key = load_private_key((folder / "key.pem").read_bytes())
    change_bundle(folder, roster_key=public_jwk(key), roster=sign_roster(site.rosters[DEVICE], key))


IDENTITY_FAULTS: dict[str, tuple[Callable[[Site, Path], object], str, str]] = {
    "a key others may read": (lambda _, f: (f / "key.pem").chmod(0o644), "key.pem", "mode 0644"),
    "no key": (lambda _, f: (f / "key.pem").unlink(), "key.pem", "there is no key"),
    "no bundle": (lambda _, f: (f / "bundle.json").unlink(), "bundle.json", "cannot be read"),
    "a key that is none": (lambda _, f: (f / "key.pem").write_text("garbage"), "key.pem", "PEM private key"),
    "another key": (other_key, "bundle.json", "belongs to another key"),
    "another device's bundle": (other_bundle, "bundle.json", "belongs to another key"),
    "another device's certificate": (other_certificate, "bundle.json", "is home/back-door's"),
    "another CA": (other_ca, "bundle.json", "not issued by the bundle's CA"),
    "a CA as certificate": (ca_as_leaf, "bundle.json", "used as a leaf"),
    "a certificate for servers too": (no_purpose, "bundle.json", "extended key usage"),
    "a roster of another device": (other_roster, "bundle.json", "roster: for device"),
    "a roster of another key": (forged_roster, "bundle.json", "signed by another key"),
    "its own key as the roster's": (own_roster_key, "bundle.json", "roster_key"),
    "a member unknown": (lambda _, f: change_bundle(f, extra=1), "bundle.json", "extra"),
    "a certificate that is none": (lambda _, f: change_bundle(f, certificate="x"), "bundle.json", "certificate"),
    "a CA that is none": (lambda _, f: change_bundle(f, ca="x"), "bundle.json", "ca: not a PEM certificate"),
    "an address without TLS": (lambda _, f: change_bundle(f, signaling="ws://a:1/device"), "bundle.json", "signaling"),
    "half a bundle": (lambda _, f: (f / "bundle.json").write_text('{"v":1'), "bundle.json", "JSON"),
}


def test_the_good_identity_is_taken(identity: Path) -> None:
    assert load_identity(identity).device == DEVICE


@pytest.mark.parametrize("case", IDENTITY_FAULTS)
def test_an_identity_is_refused_with(case: str, made: Site, identity: Path) -> None:
    spoil, file, what = IDENTITY_FAULTS[case]
    spoil(made, identity)
    with pytest.raises(ConfigError) as refused:
        load_identity(identity)
    assert file in str(refused.value)
    assert what in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "PRIVATE KEY" not in str(refused.value), "an error never shows a key"


# The commands


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(BIN / words[0]), *words[1:]], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip


def test_a_daemon_with_a_wrong_configuration_says_one_line_and_ends_with_78(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("pin_bcm = 17", "pin_bcm = 99"))
    done = command("doorward-device", "run", "--config", str(path))
    assert (done.returncode, done.stdout) == (78, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"{path}: button.flat-1.pin_bcm" in done.stderr
    assert sorted(tmp_path.iterdir()) == [path], "nothing was made"


NO_READ = Path("/proc/self/mem")
"""What is at its beginning cannot be read: EIO, as from a card that is about to die (proc(5))."""


def test_a_configuration_that_cannot_be_read_this_time_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "device.toml"
    path.symlink_to(NO_READ)
    done = command("doorward-device", "run", "--config", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"{path}: cannot be read: Input/output error" in done.stderr


@pytest.mark.parametrize("name", ["key.pem", "bundle.json"])
def test_an_identity_that_cannot_be_read_this_time_is_tried_again(name: str, identity: Path, tmp_path: Path) -> None:
    (identity / name).unlink()
    (identity / name).symlink_to(NO_READ)
    done = command("doorward-device", "run", "--config", str(write(tmp_path, GOOD)))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be read: Input/output error" in done.stderr


def test_tls_that_has_no_room_for_the_certificate_is_tried_again_and_a_wrong_one_is_not(
    identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = load_identity(identity)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "gone"))
    with pytest.raises(FileUnreadable) as passing:
        tls_context(known.ca_pem, known.certificate_pem, known.key_path)
    assert passing.value.exit_code == 1
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert tls_context(known.ca_pem, known.certificate_pem, known.key_path)
    with pytest.raises(ConfigError) as wrong:
        tls_context(known.ca_pem, "garbage", known.key_path)
    assert wrong.value.exit_code == 78


def test_a_daemon_with_a_wrong_identity_says_one_line_and_ends_with_78(identity: Path, tmp_path: Path) -> None:
    (identity / "key.pem").chmod(0o644)
    done = command("doorward-device", "run", "--config", str(write(tmp_path, GOOD)))
    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 1
    assert "key.pem" in done.stderr


@pytest.mark.parametrize("broken", ["signaling.toml", "ca.pem", "server.pem", "server-key.pem", "roster-key.json"])
def test_a_server_with_a_wrong_file_says_one_line_and_ends_with_78(broken: str, made: Site, tmp_path: Path) -> None:
    for path in made.signaling_config.parent.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / broken).write_text("garbage")
    done = command("doorward-signaling", "run", "--config", str(tmp_path / "signaling.toml"))
    assert (done.returncode, done.stdout) == (78, "")
    assert len(done.stderr.splitlines()) == 1
    assert str(tmp_path / broken) in done.stderr


def test_check_says_what_to_do_about_each_failure(identity: Path, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    unreachable = command("doorward-device", "check", "--config", str(path))
    assert unreachable.returncode == 1
    assert "ok    identity" in unreachable.stdout
    assert "FAIL  server" in unreachable.stdout
    assert "→ check the address" in unreachable.stdout
    (identity / "bundle.json").unlink()
    unknown = command("doorward-device", "check", "--config", str(path))
    assert unknown.returncode == 1
    assert "FAIL  identity" in unknown.stdout
    assert "→ provision this device" in unknown.stdout
    assert "ok    panel" in unknown.stdout, "what does not depend on it is tried all the same"
    path.write_text("garbage")
    broken = command("doorward-device", "check", "--config", str(path))
    assert broken.returncode == 1
    assert "FAIL  configuration" in broken.stdout
    assert "→ correct the file" in broken.stdout
    for done in (unreachable, unknown, broken):
        assert "Traceback" not in done.stderr
