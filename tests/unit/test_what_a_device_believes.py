"""A bundle is believed when its roster names its certificate, and a roster key when the one before it says so."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from device import enrol
from device.core.authority import Authority
from device.core.events import Instant
from device.first_boot import first_boot
from device.identity import verify_bundle
from protocol.bundle import Bundle
from protocol.certificates import fingerprint
from protocol.errors import ConfigError, PeerError
from protocol.ids import b64url
from protocol.keys import PrivateKey, PublicJwk, new_key, private_key_pem, public_jwk, thumbprint
from protocol.roster import sign_roster
from protocol.roster_key import Pinned, RosterKey, follow, sign_roster_key
from provisioning.devices import bundle_of, bundle_text, pins, renew_device, sign_device
from provisioning.house import introduce_ca, introduce_roster_key, replace_roster_key
from provisioning.rosters import reissued, with_fingerprints
from tests.unit.site_folders import DEVICE, PASSPHRASE, Home, home, now, request

__all__ = ["home"]

OLD, NEW = new_key(), new_key()
STRANGER = ":".join(["AB"] * 32)


def with_roster(home: Home, bundle: Bundle, fingerprints: list[str]) -> str:
    """The bundle with a roster that names these certificates, signed by the site's own key."""
    roster = reissued(with_fingerprints(home.folder.roster(DEVICE).roster, fingerprints), now())
    return bundle_text(msgspec.structs.replace(bundle, roster=sign_roster(roster, home.folder.roster_key(PASSPHRASE))))


def test_a_bundle_whose_roster_does_not_name_its_certificate_is_refused(home: Home) -> None:
    bundle = bundle_of(home.folder, DEVICE)
    own = fingerprint(home.folder.certificates(DEVICE)[-1])
    keys = {"key.pem": home.key}
    assert verify_bundle(with_roster(home, bundle, [STRANGER, own]).encode(), keys)[0].device == DEVICE
    for marks in ([], [STRANGER]):
        with pytest.raises(PeerError, match="does not name this certificate"):
            verify_bundle(with_roster(home, bundle, marks).encode(), keys)


def installed(home: Home, path: Path) -> Path:
    """The device's identity folder, with its first bundle."""
    path.mkdir(mode=0o700)
    (path / "key.pem").write_bytes(private_key_pem(home.key))
    (path / "key.pem").chmod(0o600)
    marks = [fingerprint(ca) for ca in home.folder.authorities()]
    given = enrol.Pins(marks, thumbprint(home.folder.record().roster_key.as_dict()))
    enrol.install(path, bundle_text(bundle_of(home.folder, DEVICE)).encode(), given, [])
    return path


def test_a_device_does_not_become_another_one_of_its_own_site(home: Home, tmp_path: Path) -> None:
    """The same key, CA and roster key: only the name is another."""
    identity = installed(home, tmp_path / "identity")
    before = (identity / "bundle.json").read_bytes()
    with home.folder.change():
        keys = home.folder.keys(PASSPHRASE)
        bundle = sign_device(home.folder, keys, "back-door", request(home.key, "back-door"), now())
    with pytest.raises(ConfigError, match=f"this is home/{DEVICE}"):
        enrol.install(identity, bundle_text(bundle).encode(), enrol.Pins(), [])
    assert (identity / "bundle.json").read_bytes() == before


def test_a_card_brings_no_roster_key_that_the_device_does_not_believe(home: Home, tmp_path: Path) -> None:
    """Not even with a bundle from the CA that it trusts."""
    identity, boot = installed(home, tmp_path / "identity"), tmp_path / "boot"
    before = (identity / "bundle.json").read_bytes()
    (boot / "doorward").mkdir(parents=True)
    with home.folder.change():
        replace_roster_key(home.folder, PASSPHRASE, now())
    (boot / "doorward" / "bundle.json").write_text(bundle_text(bundle_of(home.folder, DEVICE)))
    with pytest.raises(ConfigError, match="roster_key"):
        first_boot(identity, boot, [])
    assert (identity / "bundle.json").read_bytes() == before
    assert first_boot(identity, boot, [home.folder.record().roster_key.as_dict()]), "a successor that it has followed"


def test_a_card_brings_no_other_ca_to_a_device_that_has_one(home: Home, tmp_path: Path) -> None:
    """Whoever writes the card writes the fingerprint, too."""
    identity, boot = installed(home, tmp_path / "identity"), tmp_path / "boot"
    before = (identity / "bundle.json").read_bytes()
    with home.folder.change():
        introduce_ca(home.folder, [], PASSPHRASE, now())
        bundle = renew_device(home.folder, home.folder.keys(PASSPHRASE), DEVICE, None, now())
    (boot / "doorward").mkdir(parents=True)
    (boot / "doorward" / "bundle.json").write_text(bundle_text(bundle))
    (boot / "doorward" / "pins").write_text(" ".join(pins(home.folder)))
    with pytest.raises(ConfigError, match="not pinned"):
        first_boot(identity, boot, [])
    assert (identity / "bundle.json").read_bytes() == before


def test_a_card_renews_a_certificate(home: Home, tmp_path: Path) -> None:
    identity, boot = installed(home, tmp_path / "identity"), tmp_path / "boot"
    (boot / "doorward").mkdir(parents=True)
    keys = home.folder.keys(PASSPHRASE)
    with home.folder.change():
        introduce_roster_key(home.folder, keys, PASSPHRASE, now())
    with home.folder.change():
        bundle = renew_device(home.folder, home.folder.keys(PASSPHRASE), DEVICE, None, now())
    (boot / "doorward" / "bundle.json").write_text(bundle_text(bundle))
    (done,) = first_boot(identity, boot, [home.folder.record().roster_key.as_dict()])
    assert "installed and removed" in done
    assert not (boot / "doorward" / "bundle.json").exists()


# The successors of the roster key


def succession(new: PublicJwk, sequence: int = 1, old: PrivateKey = OLD, site: str = "home") -> str:
    return sign_roster_key(RosterKey(site=site, sequence=sequence, key=new, issued=1), old)


def jwk(key: PrivateKey) -> PublicJwk:
    return PublicJwk(**public_jwk(key))


def pinned(sequence: int = 0) -> Pinned:
    return Pinned(public_jwk(OLD), sequence)


def test_a_successor_is_the_key_that_the_old_one_names() -> None:
    assert follow(succession(jwk(NEW)), pinned(), "home") == Pinned(public_jwk(NEW), 1)
    assert follow(succession(jwk(NEW), 7), pinned(3), "home") == Pinned(public_jwk(NEW), 7)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (succession(jwk(NEW), old=NEW), "signed by another key"),
        (succession(jwk(NEW))[:-6] + "AAAAAA", "signature"),
        (succession(jwk(NEW), sequence=3), "sequence 3 after 3"),
        (succession(jwk(NEW), sequence=2), "sequence 2 after 3"),
        (succession(jwk(NEW), sequence=4, site="other"), "for site 'other'"),
        (succession(PublicJwk("EC", "P-256", b64url(bytes(32)), b64url(bytes(32))), 4), "not a public key on P-256"),
        (succession(PublicJwk("EC", "P-256", b64url(b"\xff" * 32), jwk(NEW).y), 4), "not a public key on P-256"),
    ],
)
def test_any_other_document_is_refused(document: str, words: str) -> None:
    with pytest.raises(PeerError, match=words) as refused:
        follow(document, pinned(3), "home")
    assert refused.value.reason == "roster"


def authority() -> Authority:
    def instant() -> Instant:
        return Instant(0.0, datetime.now(UTC).timestamp())

    return Authority("home", DEVICE, public_jwk(OLD), STRANGER, instant)


def test_a_device_follows_each_successor_once_and_then_believes_no_other(home: Home) -> None:
    device, first = authority(), succession(jwk(NEW))
    roster = home.folder.roster(DEVICE).roster
    assert device.follow(first) is True
    assert device.follow(first) is False, "it may be told again"
    assert device.successions == (first,)
    with pytest.raises(PeerError):
        device.accept(sign_roster(roster, OLD))
    with pytest.raises(PeerError):
        device.follow(succession(jwk(new_key()), 2))
    assert device.accept(sign_roster(roster, NEW)) is not None
