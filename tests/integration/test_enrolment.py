"""From a blank device to one of the house: the key is born here, and the bundle that answers it is taken whole."""

import errno
import json
import os
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from device import enrol
from device.enrol import Pins
from device.first_boot import first_boot
from device.identity import load_identity
from protocol.certificates import fingerprint
from protocol.errors import ConfigError, DoorwardError
from protocol.keys import load_private_key, thumbprint
from provisioning.devices import bundle_of, bundle_text, pins, renew_device, sign_device
from provisioning.folder import Keys, SiteFolder
from provisioning.house import init_site, introduce_ca, introduce_roster_key, replace_roster_key, retire_ca
from tests.harness.world import BIN

PASSPHRASE = "a correct horse battery"
DEVICE = "front-door"


class House:
    """A site in a folder, and a device's identity folder beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.site = SiteFolder(path / "site")
        self.identity = path / "identity"

    @property
    def keys(self) -> Keys:
        return self.site.keys(PASSPHRASE)

    @property
    def pins(self) -> Pins:
        marks = [fingerprint(ca) for ca in self.site.authorities()]
        return Pins(marks, thumbprint(self.site.record().roster_key.as_dict()))

    def change(self, act: Callable[[], object]) -> str:
        with self.site.change():
            act()
        return bundle_text(bundle_of(self.site, DEVICE))

    def sign(self, request: str) -> str:
        return self.change(lambda: sign_device(self.site, self.keys, DEVICE, request.encode(), now()))

    def renew(self, request: str | None = None) -> str:
        data = request.encode() if request else None
        return self.change(lambda: renew_device(self.site, self.keys, DEVICE, data, now()))


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> House:
    """An enrolled device."""
    house = House(tmp_path_factory.mktemp("house"))
    init_site(house.site, "home", ["127.0.0.1"], [], PASSPHRASE, now())
    bundle = house.sign(enrol.keygen(house.identity, DEVICE, new=False))
    enrol.install(house.identity, bundle.encode(), house.pins, [])
    return house


@pytest.fixture
def house(original: House, tmp_path: Path) -> House:
    shutil.copytree(original.path, tmp_path / "house")
    return House(tmp_path / "house")


def test_the_key_is_made_here_for_nobody_else_to_read_and_stays(house: House) -> None:
    key = house.identity / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    secret = load_private_key(key.read_bytes()).private_numbers().private_value
    for path in house.site.path.rglob("*"):
        assert not path.is_file() or f"{secret:x}" not in path.read_bytes().hex()
    assert load_identity(house.identity).device == DEVICE


def test_asked_again_a_device_prints_the_same_key_and_never_replaces_it(house: House) -> None:
    before = (house.identity / "key.pem").read_bytes()
    enrol.keygen(house.identity, None, new=False)
    assert (house.identity / "key.pem").read_bytes() == before
    first, again = (enrol.keygen(house.identity, None, new=True) for _ in range(2))
    assert (house.identity / "key.pem").read_bytes() == before
    assert all("CERTIFICATE REQUEST" in request for request in (first, again))
    assert load_identity(house.identity).device == DEVICE, "the present identity goes on"


@pytest.mark.parametrize(("device", "word"), [("back-door", "this is home/front-door"), ("Front", "lower-case")])
def test_a_request_for_another_device_is_refused(house: House, device: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        enrol.keygen(house.identity, device, new=False)


def test_without_an_id_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--device"):
        enrol.keygen(tmp_path / "identity", None, new=False)
    assert not (tmp_path / "identity").exists()


def spoilt(bundle: str, **changes: object) -> bytes:
    return json.dumps({**json.loads(bundle), **changes}).encode()


def test_a_first_bundle_is_held_to_the_pinned_ca(original: House, tmp_path: Path) -> None:
    house = House(tmp_path)
    shutil.copytree(original.site.path, house.site.path)
    house.identity.mkdir()
    shutil.copy(original.identity / "key.pem", house.identity)
    bundle = bundle_text(bundle_of(house.site, DEVICE)).encode()
    right = house.pins
    for given, what in (
        (Pins(), "roster_key"),
        (Pins(["00:" * 31 + "00"], right.roster_key), "ca: "),
        (Pins((), right.roster_key), "ca: "),
        (Pins(right.authorities), "roster_key"),
        (Pins(right.authorities, "A" * 43), "roster_key"),
    ):
        with pytest.raises(ConfigError, match=what):
            enrol.install(house.identity, bundle, given, [])
        assert not (house.identity / "bundle.json").exists()
    lower = Pins([pin.lower() for pin in right.authorities], right.roster_key)
    assert enrol.install(house.identity, bundle, lower, []).device == DEVICE


def test_a_bundle_of_another_site_with_the_same_names_is_refused(house: House, tmp_path: Path) -> None:
    other = House(tmp_path / "other")
    init_site(other.site, "home", ["127.0.0.1"], [], PASSPHRASE, now())
    bundle = other.sign(enrol.keygen(house.identity, None, new=False)).encode()
    before = (house.identity / "bundle.json").read_bytes()
    with pytest.raises(ConfigError, match="roster_key"):
        enrol.install(house.identity, bundle, Pins(other.pins.authorities), [])
    with pytest.raises(ConfigError, match="ca: "):
        enrol.install(house.identity, bundle, Pins((), other.pins.roster_key), [])
    assert (house.identity / "bundle.json").read_bytes() == before


def test_a_bundle_for_another_key_or_device_or_with_a_part_spoilt_changes_nothing(house: House) -> None:
    good = house.renew()
    before = (house.identity / "bundle.json").read_bytes()
    parts = json.loads(good)
    for bad in (
        spoilt(good, site="other"),
        spoilt(good, device="back-door"),
        spoilt(good, roster=parts["roster"][:-2]),
        spoilt(good, certificate=parts["ca"]),
        spoilt(good, ca=parts["certificate"]),
        spoilt(good, certificate=parts["certificate"] * 2),
        good.encode()[:-1],
        b"",
    ):
        with pytest.raises(ConfigError):
            enrol.install(house.identity, bad, house.pins, [])
        assert (house.identity / "bundle.json").read_bytes() == before


def test_a_new_key_takes_over_with_its_bundle_and_the_old_one_is_gone(house: House) -> None:
    old = load_identity(house.identity)
    bundle = house.renew(enrol.keygen(house.identity, None, new=True))
    assert load_identity(house.identity).fingerprint == old.fingerprint
    new = enrol.install(house.identity, bundle.encode(), Pins(), [])
    assert new.fingerprint != old.fingerprint
    assert new.key.public_key() != old.key.public_key()
    assert sorted(path.name for path in house.identity.iterdir()) == ["bundle.json", "key.pem"]


def test_a_second_ca_must_be_pinned_and_a_retired_one_is_trusted_no_more(house: House) -> None:
    house.change(lambda: introduce_ca(house.site, [], PASSPHRASE, now()))
    bundle = house.renew().encode()
    with pytest.raises(ConfigError, match="not pinned"):
        enrol.install(house.identity, bundle, Pins(), [])
    assert enrol.install(house.identity, bundle, house.pins, []).ca_pem.count("BEGIN") == 2
    with house.site.change(), pytest.raises(Exception, match="the server"):
        retire_ca(house.site)


def test_a_successor_of_the_roster_key_is_believed_and_a_stranger_only_when_asked_for(house: House) -> None:
    bundle = house.change(lambda: introduce_roster_key(house.site, house.keys, PASSPHRASE, now())).encode()
    with pytest.raises(ConfigError, match="--roster-key"):
        enrol.install(house.identity, bundle, Pins(), [])
    followed = house.site.record().roster_key.as_dict()
    enrol.install(house.identity, bundle, Pins(), [followed])
    stranger = house.change(lambda: replace_roster_key(house.site, PASSPHRASE, now())).encode()
    with pytest.raises(ConfigError, match="--roster-key"):
        enrol.install(house.identity, stranger, Pins(), [])
    assert enrol.install(house.identity, stranger, house.pins, []).roster_key != followed


# An interruption leaves the old identity or the new one, and never anything between

KILLED = """
import os, sys
from pathlib import Path
from device import enrol
from device.enrol import Pins
left = int(sys.argv[2])
def counted(name):
    true = getattr(os, name)
    def call(*given, **named):
        global left
        left -= 1
        if left < 0: os._exit(9)
        return true(*given, **named)
    setattr(os, name, call)
for name in ("open", "fsync", "replace", "rename", "unlink", "fchown", "mkdir", "close"): counted(name)
enrol.install(Path(sys.argv[1]), sys.stdin.buffer.read(), enrol.Pins(), [])
"""


def installed_under(house: House, bundle: str, script: str, *words: str, limit: int | None = None) -> int:
    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-c", script, str(house.identity), *words]
    done = subprocess.run(command, input=bundle.encode(), capture_output=True, check=False, preexec_fn=limited)
    return done.returncode


@pytest.mark.parametrize("new_key", [False, True])
def test_killed_at_any_call_the_identity_is_the_old_one_or_the_new_one(house: House, new_key: bool) -> None:
    old = load_identity(house.identity).fingerprint
    bundle = house.renew(enrol.keygen(house.identity, None, new=True) if new_key else None)
    before = house.path / "before"
    shutil.copytree(house.identity, before)
    seen: list[str] = []
    for calls in range(100):
        shutil.rmtree(house.identity)
        shutil.copytree(before, house.identity)
        code = installed_under(house, bundle, KILLED, str(calls))
        seen.append(load_identity(house.identity).fingerprint)
        assert enrol.install(house.identity, bundle.encode(), Pins(), []).fingerprint != old, (
            "once more, and it is there"
        )
        assert not list(house.identity.glob(".*")), "nothing is left behind"
        if code == 0:
            break
    else:
        raise AssertionError("it was killed every time")
    assert seen[0] == old
    assert seen[-1] != old
    assert seen == sorted(seen, key=lambda mark: mark != old), "the change happens at one moment"


def test_cut_off_at_any_byte_the_old_identity_is_whole(house: House) -> None:
    """The kernel refuses to write past a limit, as a full card would."""
    old = load_identity(house.identity).fingerprint
    bundle = house.renew()
    for limit in range(0, len(bundle), 97):
        assert installed_under(house, bundle, KILLED, "1000", limit=limit) != 0
        assert load_identity(house.identity).fingerprint == old
    assert installed_under(house, bundle, KILLED, "1000", limit=len(bundle)) == 0
    assert load_identity(house.identity).fingerprint != old


# On an SD card


def card(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "boot" / "doorward"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", "-").replace("-json", ".json")).write_text(text)
    return folder.parent


def test_a_card_brings_the_id_takes_the_request_and_brings_the_bundle(original: House, tmp_path: Path) -> None:
    site = House(tmp_path)
    shutil.copytree(original.site.path, site.site.path)
    boot = card(tmp_path, device="side-door\n")
    assert "request.csr" in first_boot(site.identity, boot, [])[0]
    request = (boot / "doorward" / "request.csr").read_bytes()
    with site.site.change():
        sign_device(site.site, site.keys, "side-door", request, now())
    bundle = bundle_text(bundle_of(site.site, "side-door"))
    card(tmp_path, bundle_json=bundle, pins=" ".join(pins(site.site)))
    assert "installed and removed" in first_boot(site.identity, boot, [])[0]
    assert load_identity(site.identity).device == "side-door"
    assert list((boot / "doorward").iterdir()) == []
    assert first_boot(site.identity, boot, []) == []


def test_a_card_cannot_make_a_device_another_sites(house: House, tmp_path: Path) -> None:
    other = House(tmp_path / "other")
    init_site(other.site, "home", ["127.0.0.1"], [], PASSPHRASE, now())
    bundle = other.sign(enrol.keygen(house.identity, None, new=False))
    boot = card(tmp_path, bundle_json=bundle, pins=" ".join(pins(other.site)))
    before = load_identity(house.identity).fingerprint
    with pytest.raises(ConfigError):
        first_boot(house.identity, boot, [])
    assert load_identity(house.identity).fingerprint == before
    assert (boot / "doorward" / "bundle.json").exists(), "it is left for the operator to see"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_card_is_read_as_any_computers_editor_or_shell_wrote_it(
    original: House, tmp_path: Path, encoding: str
) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    site = House(tmp_path)
    shutil.copytree(original.site.path, site.site.path)
    boot = card(tmp_path)
    (boot / "doorward" / "device").write_bytes((mark + "side-door\r\n").encode(encoding))
    first_boot(site.identity, boot, [])
    with site.site.change():
        sign_device(site.site, site.keys, "side-door", (boot / "doorward" / "request.csr").read_bytes(), now())
    (boot / "doorward" / "bundle.json").write_bytes(
        (mark + bundle_text(bundle_of(site.site, "side-door")) + "\r\n").encode(encoding)
    )
    (boot / "doorward" / "pins").write_bytes((mark + " ".join(pins(site.site))).encode(encoding))
    assert "installed and removed" in first_boot(site.identity, boot, [])[0]
    assert load_identity(site.identity).device == "side-door"


def test_what_went_wrong_is_on_the_card_until_it_is_right(tmp_path: Path) -> None:
    boot = card(tmp_path, device="Side Door\n")
    told = boot / "doorward" / "error.txt"
    with pytest.raises(ConfigError, match="lower-case"):
        first_boot(tmp_path / "identity", boot, [])
    assert "lower-case" in told.read_text()
    card(tmp_path, device="side-door\n")
    first_boot(tmp_path / "identity", boot, [])
    assert not told.exists()


@pytest.mark.parametrize("renewed", [True, False], ids=["older", "the same"])
def test_a_bundle_that_is_no_news_is_passed_over(house: House, tmp_path: Path, renewed: bool) -> None:
    """It stayed on the card, as an interruption or a partition that cannot be written leaves it."""
    old = (house.identity / "bundle.json").read_text()
    if renewed:
        enrol.install(house.identity, house.renew().encode(), Pins(), [])
    before = load_identity(house.identity).fingerprint
    boot = card(tmp_path, bundle_json=old)
    (said,) = first_boot(house.identity, boot, [])
    assert "passed over, and removed" in said
    assert ("newer" if renewed else "already") in said
    assert load_identity(house.identity).fingerprint == before
    card(tmp_path, bundle_json=house.change(lambda: None) if renewed else house.renew())
    first_boot(house.identity, boot, [])
    assert (load_identity(house.identity).fingerprint == before) is renewed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
def test_a_partition_that_cannot_be_written_is_one_line_and_its_bundle_is_installed_once(
    house: House, tmp_path: Path
) -> None:
    """As the overlay file system of Raspberry Pi OS has it."""
    first = (house.identity / "bundle.json").read_text()
    (house.identity / "bundle.json").unlink()
    boot = card(tmp_path, bundle_json=first, pins=" ".join(pins(house.site)))
    config = settings(tmp_path, house)
    done = at_first_boot(boot, config, f"mount --bind {boot} {boot}; mount -o remount,bind,ro {boot}")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "Read-only file system" in done.stderr
    assert "was installed" in done.stderr
    installed = load_identity(house.identity).fingerprint
    enrol.install(house.identity, house.renew().encode(), Pins(), [])
    renewed = load_identity(house.identity).fingerprint
    again = at_first_boot(boot, config, f"mount --bind {boot} {boot}; mount -o remount,bind,ro {boot}")
    assert again.returncode == 0, again.stderr
    assert "passed over, and left there" in again.stdout
    assert load_identity(house.identity).fingerprint == renewed != installed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
def test_a_full_partition_is_one_line(house: House, tmp_path: Path) -> None:
    boot = card(tmp_path)
    full = (
        f"mount -t tmpfs -o size=64k tmpfs {boot}; mkdir {boot}/doorward; echo {DEVICE} > {boot}/doorward/device; "
        f"dd if=/dev/zero of={boot}/filler bs=1k status=none 2>/dev/null || true"
    )
    done = at_first_boot(boot, settings(tmp_path, house), full)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "No space left on device" in done.stderr


def settings(folder: Path, house: House) -> Path:
    path = folder / "device.toml"
    path.write_text(
        f'identity = "{house.identity}"\nstate = "{folder}/state"\ncontrol_socket = "{folder}/c"\n'
        '[gpio]\npins = "mock"\n[button.flat-1]\n'
    )
    return path


def at_first_boot(boot: Path, config: Path, before: str) -> "subprocess.CompletedProcess[str]":
    """The command, among mounts of its own that `before` made."""
    run = f"exec {BIN}/doorward-device first-boot --config {config} --boot {boot}"
    script = f"{before}\n{run}"
    return subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
def test_what_root_installs_belongs_to_the_daemons_user(house: House) -> None:
    for path in (house.identity, *house.identity.iterdir()):
        os.chown(path, 1234, 1234)
    reachable(house.identity)
    victim = house.path / "victim"
    victim.write_text("as it was")
    (house.identity / ".next-key.pem.new").symlink_to(victim)
    request = enrol.keygen(house.identity, None, new=True)
    enrol.install(house.identity, house.renew(request).encode(), Pins(), [])
    for name in ("bundle.json", "key.pem"):
        owner = (house.identity / name).stat()
        assert (owner.st_uid, owner.st_gid) == (1234, 1234)
    assert victim.read_text() == "as it was", "a link leads root nowhere"


def reachable(folder: Path) -> None:
    """For the daemon's user, whom pytest's folders keep out."""
    for parent in folder.parents:
        if parent.stat().st_uid == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)


def test_an_interrupted_change_of_the_key_is_finished_before_a_request_is_made(house: House) -> None:
    bundle = house.renew(enrol.keygen(house.identity, None, new=True))
    (house.identity / "bundle.json").write_text(bundle)  # and no rename
    new = load_identity(house.identity)
    assert new.key_path.name == "next-key.pem"
    csr = x509.load_pem_x509_csr(enrol.keygen(house.identity, None, new=False).encode())
    assert csr.public_key() == new.key.public_key(), "never the former key again"
    assert not (house.identity / "next-key.pem").exists()


def test_a_damaged_bundle_says_how_to_get_out(house: House) -> None:
    (house.identity / "bundle.json").write_text('{"v":1')
    with pytest.raises(ConfigError, match="first remove"):
        enrol.install(house.identity, house.renew().encode(), house.pins, [])


def test_a_second_renewal_waits_for_the_first_to_be_settled(house: House) -> None:
    house.renew()
    held = house.site.certificates(DEVICE)
    with pytest.raises(DoorwardError, match="settle"):
        house.renew()
    assert house.site.certificates(DEVICE) == held, "the one in use stays good"


def test_a_card_without_room_is_one_line(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    bundle = house.renew().encode()
    before = load_identity(house.identity).fingerprint
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        enrol.install(house.identity, bundle, house.pins, [])
    assert load_identity(house.identity).fingerprint == before
