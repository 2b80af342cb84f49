"""A second opinion on every certificate that provisioning makes: the openssl command's."""

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from protocol.keys import new_key
from provisioning.authority import (
    CA_DAYS,
    DEVICE_DAYS,
    OPERATOR_DAYS,
    SERVER_DAYS,
    Authority,
    issue_device,
    issue_operator,
    issue_server,
    new_authority,
    pem,
)
from tests.pki import make, server_wish

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the command `openssl` is not installed")

HOSTS = ["door.example", "192.0.2.7", "2001:db8::7"]
NOW = datetime.now(UTC)
DAY = 86400

KEY = new_key()
CA = new_authority("home", NOW, ["door.example", "192.0.2.0/24", "2001:db8::/32"])
SAME_NAME = new_authority("home", NOW, ["door.example", "192.0.2.0/24", "2001:db8::/32"])
FOR_NO_NAMES = new_authority("home", NOW)

MADE = {
    "ca": CA.certificate,
    "device": issue_device(CA, "home", "front-door", KEY.public_key(), NOW),
    "operator": issue_operator(CA, "home", KEY.public_key(), NOW),
    "server": issue_server(CA, HOSTS, KEY.public_key(), NOW),
}

LIVES = {"ca": CA_DAYS, "device": DEVICE_DAYS, "operator": OPERATOR_DAYS, "server": SERVER_DAYS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for name, certificate in MADE.items():
        (folder / f"{name}.pem").write_text(pem(certificate))
    (folder / "other-ca.pem").write_text(pem(SAME_NAME.certificate))
    return folder


def openssl(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    command = ["openssl", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def verify(ca: Path, certificate: Path, *more: str) -> str:
    """OK, or the reason why not. Strict, the CA's own signature too, nothing weaker than 128 bits, no other trust."""
    strict = ["-x509_strict", "-check_ss_sig", "-auth_level", "3", "-no-CApath", "-no-CAstore"]
    done = openssl("verify", *strict, "-CAfile", ca, *more, certificate)
    if done.returncode == 0:
        assert done.stdout.strip() == f"{certificate}: OK"
        return "OK"
    reason = re.search(r"error \d+ at \d+ depth lookup: ?(.*)", done.stderr)
    return reason[1] if reason else done.stderr


AS_SERVER, AS_CLIENT = ["-purpose", "sslserver"], ["-purpose", "sslclient"]

VERDICTS: list[tuple[str, list[str], str]] = [
    ("ca", [], "OK"),
    ("ca", AS_SERVER, "unsuitable certificate purpose"),
    ("device", AS_CLIENT, "OK"),
    ("device", AS_SERVER, "unsuitable certificate purpose"),
    ("device", [*AS_CLIENT, "-attime", str(int(NOW.timestamp()) - 2 * 3600)], "certificate is not yet valid"),
    ("device", [*AS_CLIENT, "-attime", str(int(NOW.timestamp()) + 3651 * DAY)], "certificate has expired"),
    ("operator", AS_CLIENT, "OK"),
    ("operator", AS_SERVER, "unsuitable certificate purpose"),
    ("operator", [*AS_CLIENT, "-attime", str(int(NOW.timestamp()) + 2 * DAY)], "certificate has expired"),
    ("server", AS_SERVER, "OK"),
    ("server", AS_CLIENT, "unsuitable certificate purpose"),
    ("server", [*AS_SERVER, "-verify_hostname", "door.example"], "OK"),
    ("server", [*AS_SERVER, "-verify_ip", "192.0.2.7"], "OK"),
    ("server", [*AS_SERVER, "-verify_ip", "2001:db8::7"], "OK"),
    ("server", [*AS_SERVER, "-verify_hostname", "other.example"], "hostname mismatch"),
    ("server", [*AS_SERVER, "-verify_hostname", "a.door.example"], "hostname mismatch"),
    ("server", [*AS_SERVER, "-verify_hostname", "Doorward server"], "hostname mismatch"),
    ("server", [*AS_SERVER, "-verify_ip", "192.0.2.8"], "IP address mismatch"),
    ("server", [*AS_SERVER, "-attime", str(int(NOW.timestamp()) + 398 * DAY)], "certificate has expired"),
]


@pytest.mark.parametrize(("name", "more", "verdict"), VERDICTS)
def test_openssl_verify(folder: Path, name: str, more: list[str], verdict: str) -> None:
    assert verify(folder / "ca.pem", folder / f"{name}.pem", *more) == verdict


@pytest.mark.parametrize("name", ["device", "operator", "server"])
def test_a_ca_of_the_same_name_vouches_for_none_of_them(folder: Path, name: str) -> None:
    assert verify(folder / "other-ca.pem", folder / f"{name}.pem") != "OK"


OUTSIDE = ["bank.example", "door.example.bank.example", "xdoor.example", "198.51.100.1", "2001:db9::1"]
INSIDE = ["door.example", "a.door.example", "192.0.2.255", "2001:db8:ffff::1"]


@pytest.mark.parametrize("host", OUTSIDE)
def test_what_a_stolen_ca_key_signs_for_others_is_worth_nothing(tmp_path: Path, folder: Path, host: str) -> None:
    """Name constraints hold against everybody who verifies: the certificate itself is as a CA could make it."""
    forged = replace(server_wish(CA, [host]), common_name="server")
    (tmp_path / "forged.pem").write_text(make(forged).pem)
    assert verify(folder / "ca.pem", tmp_path / "forged.pem", *AS_SERVER) == "permitted subtree violation"


@pytest.mark.parametrize("host", INSIDE)
def test_for_the_sites_own_names_it_may_sign(tmp_path: Path, folder: Path, host: str) -> None:
    (tmp_path / "server.pem").write_text(pem(issue_server(CA, [host], KEY.public_key(), NOW)))
    assert verify(folder / "ca.pem", tmp_path / "server.pem", *AS_SERVER) == "OK"


@pytest.mark.parametrize("host", [*OUTSIDE, *INSIDE])
def test_a_ca_without_names_may_vouch_for_no_server_at_all(tmp_path: Path, host: str) -> None:
    (tmp_path / "ca.pem").write_text(pem(FOR_NO_NAMES.certificate))
    (tmp_path / "forged.pem").write_text(make(replace(server_wish(FOR_NO_NAMES, [host]), common_name="server")).pem)
    assert verify(tmp_path / "ca.pem", tmp_path / "forged.pem", *AS_SERVER) == "permitted subtree violation"
    (tmp_path / "device.pem").write_text(pem(issue_device(FOR_NO_NAMES, "home", "a", KEY.public_key(), NOW)))
    assert verify(tmp_path / "ca.pem", tmp_path / "device.pem", *AS_CLIENT) == "OK"


def test_a_leaf_signs_nothing(tmp_path: Path, folder: Path) -> None:
    leaf = Authority(KEY, MADE["server"])
    (tmp_path / "below.pem").write_text(make(server_wish(leaf, ["door.example"])).pem)
    verdict = verify(folder / "ca.pem", tmp_path / "below.pem", "-untrusted", str(folder / "server.pem"))
    assert verdict == "invalid CA certificate"


def test_no_ca_stands_below_the_ca(tmp_path: Path, folder: Path) -> None:
    below = make(replace(server_wish(CA, ["door.example"]), ca=True, purposes=None, names=[], common_name="below"))
    (tmp_path / "below.pem").write_text(below.pem)
    leaf = make(server_wish(Authority(below.key, below.certificate), ["door.example"]))
    (tmp_path / "leaf.pem").write_text(leaf.pem)
    verdict = verify(folder / "ca.pem", tmp_path / "leaf.pem", "-untrusted", str(tmp_path / "below.pem"))
    assert verdict == "path length constraint exceeded"


@pytest.mark.parametrize("name", MADE)
def test_how_long_it_lives(folder: Path, name: str) -> None:
    path, days = folder / f"{name}.pem", LIVES[name]
    assert openssl("x509", "-in", path, "-noout", "-checkend", str((days - 1) * DAY)).returncode == 0
    assert openssl("x509", "-in", path, "-noout", "-checkend", str((days + 1) * DAY)).returncode == 1


CA_SAYS = (
    r"X509v3 Basic Constraints: critical\s+CA:TRUE, pathlen:0\n",
    r"X509v3 Key Usage: critical\s+Certificate Sign, CRL Sign\n",
    r"X509v3 Name Constraints: critical\s+Permitted:\s+DNS:door.example\s+IP:192.0.2.0/255.255.255.0\s+IP:2001:DB8:",
)
LEAF_SAYS = (
    r"X509v3 Basic Constraints: critical\s+CA:FALSE\n",
    r"X509v3 Key Usage: critical\s+Digital Signature\n",
    r"X509v3 Authority Key Identifier: \s+[0-9A-F:]+\n",
    r"Issuer: CN = Doorward home\n",
)
TEXTS = {
    "ca": CA_SAYS,
    "device": (
        *LEAF_SAYS,
        r"Subject: CN = front-door\n",
        r"X509v3 Extended Key Usage: \s+TLS Web Client Authentication\n",
        r"X509v3 Subject Alternative Name: \s+URI:urn:doorward:home:device:front-door\n",
    ),
    "operator": (
        *LEAF_SAYS,
        r"X509v3 Extended Key Usage: \s+TLS Web Client Authentication\n",
        r"X509v3 Subject Alternative Name: \s+URI:urn:doorward:home:operator\n",
    ),
    "server": (
        *LEAF_SAYS,
        r"X509v3 Extended Key Usage: \s+TLS Web Server Authentication\n",
        r"X509v3 Subject Alternative Name: \s+DNS:door.example, IP Address:192.0.2.7, IP Address:2001:DB8:[0:]+:7\n",
    ),
}
ALL_SAY = (
    r"Version: 3 \(0x2\)",
    r"Signature Algorithm: ecdsa-with-SHA256",
    r"NIST CURVE: P-256",
    r"X509v3 Subject Key Identifier: \s+[0-9A-F:]+\n",
)


@pytest.mark.parametrize("name", MADE)
def test_openssl_reads_in_it_what_was_meant(folder: Path, name: str) -> None:
    text = openssl("x509", "-in", folder / f"{name}.pem", "-noout", "-text").stdout
    for pattern in (*ALL_SAY, *TEXTS[name]):
        assert re.search(pattern.replace("CN = ", "CN ?= ?"), text), (pattern, text)
    extensions = re.findall(r"^ +(X509v3 [A-Z][^:]+|[0-9.]{5,}):", text, re.MULTILINE)
    assert len(extensions) == len(set(extensions)) == (4 if name == "ca" else 6)


@pytest.mark.parametrize("name", MADE)
def test_its_encoding_is_der_as_rfc_5280_wants_it(folder: Path, name: str, tmp_path: Path) -> None:
    """What linters of certificates look at: nothing that is the default is written, times and serials are in form."""
    certificate = MADE[name]
    der = certificate.public_bytes(Encoding.DER)
    (tmp_path / "certificate.der").write_bytes(der)
    parsed = openssl("asn1parse", "-inform", "DER", "-in", tmp_path / "certificate.der")
    assert (parsed.returncode, parsed.stderr) == (0, "")
    assert "BOOLEAN           :0" not in parsed.stdout, "FALSE is the default of every boolean"
    assert set(re.findall(r"([A-Z0-9]+STRING) +:", parsed.stdout)) <= {"UTF8STRING", "PRINTABLESTRING"}
    times = re.findall(r"(UTCTIME|GENERALIZEDTIME) +:(\S+)", parsed.stdout)
    assert [kind for kind, _ in times] == ["UTCTIME", "UTCTIME"], "until 2049, section 4.1.2.5"
    assert all(re.fullmatch(r"\d{12}Z", time) for _, time in times)
    assert 0 < certificate.serial_number < 1 << 159, "positive, at most 20 octets, section 4.1.2.2"
    assert certificate.serial_number.bit_length() > 64, "and not to be guessed"
    again = tmp_path / "again.der"
    openssl("x509", "-in", folder / f"{name}.pem", "-outform", "DER", "-out", again)
    assert again.read_bytes() == der


def test_serials_differ_even_for_one_name() -> None:
    serials = {issue_device(CA, "home", "a", KEY.public_key(), NOW).serial_number for _ in range(20)}
    assert len(serials) == 20
