"""No device takes up a bundle of which a single byte was changed, but for the address, which nobody signs."""

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.identity import load_identity, verify_bundle
from protocol.bundle import Bundle
from protocol.certificates import load_certificates
from protocol.errors import ConfigError, PeerError
from protocol.keys import PrivateKey
from provisioning.site import DevicePlan, SitePlan, make_site
from tests.unit.tampering import everywhere, examples, other_octets, refuse, tampered

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

DEVICE = "front-door"


@dataclass(frozen=True)
class Case:
    """A device's bundle, bytes as characters, and the key it is for."""

    good: str = field(repr=False)
    key: PrivateKey

    def judge(self, bundle: str) -> Bundle:
        return verify_bundle(bundle.encode("latin-1"), {"key.pem": self.key})[0]

    def same_but_the_address(self, found: Bundle) -> bool:
        """What a wrong address leads to is TLS's to refuse: there, too, a server needs a certificate of the site's CA
        for that very name (tests/integration/test_device_refuses_servers.py).
        """
        return meaning(found) == meaning(self.judge(self.good))


def meaning(bundle: Bundle) -> tuple[object, ...]:
    """All that a bundle says but the address. Of a PEM text that is its certificates, not what stands around them."""
    pems = [load_certificates(pem.encode(), "bundle") for pem in (bundle.certificate, bundle.ca)]
    return (bundle.v, bundle.site, bundle.device, bundle.roster_key, bundle.roster, pems)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    door = DevicePlan({"flat-1": ("Flat 1", ["alice"])}, {"main": "Street door"})
    plan = SitePlan("home", ("door.example",), {DEVICE: door}, {"alice": ("Alice", ["talk"])})
    folder = make_site(tmp_path_factory.mktemp("site") / "home", plan).identity(DEVICE)
    case = Case((folder / "bundle.json").read_text(encoding="latin-1"), load_identity(folder).key)
    assert case.judge(case.good).device == DEVICE
    return case


def test_no_byte_can_be_changed(case: Case) -> None:
    for at, old in enumerate(case.good):
        changed = case.good[:at] + chr(ord(old) ^ 1) + case.good[at + 1 :]
        refuse(case.judge, changed, case.same_but_the_address)


def test_no_byte_outside_the_signed_documents_can_be_changed_left_out_doubled_or_cut_off(case: Case) -> None:
    """The certificates and the roster have tests of their own, which are quicker and try more."""
    loose = set(range(len(case.good)))
    for name in ("certificate", "ca", "roster"):
        text = json.dumps(json.loads(case.good)[name])[20:-20]
        start = case.good.index(text)
        loose -= set(range(start, start + len(text)))
    assert 300 < len(loose) < 600
    for changed in everywhere(case.good, lambda old: [*list(other_octets(old))[::3], " ", '"'], sorted(loose)):
        refuse(case.judge, changed, case.same_but_the_address)


@examples(400)
@given(data=st.data())
def test_no_change_at_all_is_taken(case: Case, data: st.DataObject) -> None:
    octets = st.characters(max_codepoint=255)
    changed = data.draw(tampered(case.good, octets).filter(lambda text: max(map(ord, text), default=0) < 256))
    refuse(case.judge, changed, case.same_but_the_address)


def test_only_the_address_can_be_changed_and_only_to_another_address_over_tls(case: Case) -> None:
    address = case.judge(case.good).signaling
    start = case.good.index(address)
    taken = 0
    for changed in everywhere(case.good, other_octets, range(start, start + len(address))):
        try:
            found = case.judge(changed).signaling
        except (PeerError, ConfigError):
            continue
        assert found != address
        assert found.startswith("wss://")
        taken += 1
    assert taken, "if it is signed one day, the exception above has to go"
