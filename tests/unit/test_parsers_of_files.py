"""What may stand in a file: every reader returns a value or says in one line which file is wrong."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device.config import Config as DeviceConfig
from device.config import load_config as load_device_config
from device.identity import load_identity
from protocol.bundle import Bundle
from protocol.errors import ConfigError
from protocol.keys import PublicJwk, public_jwk
from protocol.settings import parse_settings
from provisioning.site import DevicePlan, Site, SitePlan, make_site
from signaling.adapters.store import KeyFolder, RosterFolder, load_roster_key
from signaling.config import Config as ServerConfig
from signaling.config import load_config as load_server_config
from tests.unit.shapes import ANY_TEXT, HOSTILE_JSON, anything, spoilt
from tests.unit.tampering import examples, tampered
from tests.unit.test_config_files import GOOD

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

HOSTILE_TOML = [
    "x = " + "[" * 3000, "x = " + "{a=" * 1500, "x" + ".x" * 1500 + " = 1", "[" + "a." * 1500 + "a]\n",
    "x = " + "9" * 4400, "x = 1e999\n", "x = nan\n", "x = -inf\n", "x = 9999-99-99\n", "x = 1979-05-27T07:32:00\n",
    "x = 25:61:61\n", 'x = "\\ud800"\n', '"a\\nb" = 1\n', "'' = 1\n", '"\\u001b[2J" = 1\n', "[[button]]\n",
    "button = []\n", "[button]\nx = 1\n", '[button."a\\nb"]\npin_bcm = 1\n', "x = 1\nx = 2\n",
    "pin_bcm = 99999999999999999999\n", "pin_bcm = 1.0\n", 'identity = "\\u0000"\n', "\x00", "\r", "\ufeff",
]  # fmt: skip
"""To be put in anywhere: abysses, numbers that are none, dates, tables for values and values for tables."""

OCTETS = st.characters(max_codepoint=255)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    door = DevicePlan({"flat-1": ("Flat 1", ["alice"])}, {"main": "Street door"})
    plan = SitePlan("home", ("door.example",), {"front-door": door}, {"alice": ("Alice", ["talk"])})
    return make_site(tmp_path_factory.mktemp("site") / "home", plan)


@contextmanager
def spoiling(path: Path) -> Iterator[Path]:
    """The file is as it was afterwards."""
    good = path.read_bytes()
    try:
        yield path
    finally:
        path.write_bytes(good)


def try_it(read: Callable[[], object]) -> None:
    """Anything but an error of ours, of one line, escapes and fails the test."""
    said = ""
    try:
        read()
    except ConfigError as error:
        said = str(error)
    assert said.isprintable()


def utf8(text: str) -> bytes:
    """Half characters become bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogatepass")


SETTINGS = st.binary() | (ANY_TEXT | st.sampled_from(HOSTILE_TOML)).map(utf8)


@examples(200)
@given(SETTINGS)
@example(b"x = " + b"[" * 100_000)
@example(b"\xff\xfe")
def test_any_bytes_as_settings(data: bytes) -> None:
    for kind in (DeviceConfig, ServerConfig, PublicJwk):
        try_it(lambda kind=kind: parse_settings(data, "file", kind))  # type: ignore[misc] # one kind after the other


@examples(200)
@given(tampered(GOOD, st.characters() | st.sampled_from(HOSTILE_TOML)))
def test_a_device_configuration_spoilt(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "device.toml"
    path.write_bytes(utf8(text))
    try_it(lambda: load_device_config(path))


@examples(200)
@given(data=st.data())
def test_a_server_configuration_spoilt(
    site: Site, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "signaling.toml"
    good = site.signaling_config.read_text()
    path.write_bytes(utf8(data.draw(tampered(good, st.characters() | st.sampled_from(HOSTILE_TOML)))))
    try_it(lambda: load_server_config(path))


JSON = (spoilt(Bundle) | anything.map(json.dumps) | HOSTILE_JSON | ANY_TEXT).map(utf8)


@examples(100)
@given(data=JSON | st.binary())
def test_any_bundle(site: Site, data: bytes) -> None:
    folder = site.identity("front-door")
    with spoiling(folder / "bundle.json") as path:
        path.write_bytes(data)
        try_it(lambda: load_identity(folder))


@examples(100)
@given(data=st.data())
def test_a_bundle_whose_members_are_anything(site: Site, data: st.DataObject) -> None:
    folder = site.identity("front-door")
    members = json.loads((folder / "bundle.json").read_bytes())
    name = data.draw(st.sampled_from(sorted(members)))
    old = members[name]
    spoils = anything | ANY_TEXT | (tampered(old, st.characters()) if isinstance(old, str) else st.nothing())
    members[name] = data.draw(spoils)
    with spoiling(folder / "bundle.json") as path:
        path.write_text(json.dumps(members))
        try_it(lambda: load_identity(folder))


@examples(100)
@given(data=st.data())
def test_any_key(site: Site, data: st.DataObject) -> None:
    path = site.identity("front-door") / "key.pem"
    good = path.read_bytes()
    spoils = tampered(good.decode(), OCTETS).map(utf8)
    spoilt_key = data.draw(st.binary() | spoils)
    with spoiling(path):
        path.write_bytes(spoilt_key)
        try_it(lambda: load_identity(path.parent))


@examples(100)
@given(data=JSON | spoilt(PublicJwk).map(str.encode) | st.binary())
def test_any_roster_key_of_the_server(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "roster-key.json"
    path.write_bytes(data)
    try_it(lambda: load_roster_key(path))


@examples(100)
@given(data=st.data())
def test_any_rosters_and_successions_of_the_server(
    site: Site, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A file that is wrong is passed over with a sentence; the server goes on with what it has."""
    folder = tmp_path_factory.getbasetemp() / "documents"
    folder.mkdir(exist_ok=True)
    roster = (site.folder / "server/state/rosters/front-door.jws").read_text()
    spoils = st.binary() | tampered(roster, OCTETS).map(lambda text: text.encode("latin-1", "replace"))
    key = public_jwk(site.roster_key)
    (folder / "0001.jws").write_bytes(data.draw(spoils))
    keys = KeyFolder(folder, key, "home")
    taken, refused = keys.newer()
    assert (len(taken), len(refused)) == (0, 1)
    (folder / "0001.jws").rename(folder / "front-door.jws")
    rosters, refused = RosterFolder(folder, keys, "home").newer()
    assert (len(rosters), len(refused)) == (0, 1)
