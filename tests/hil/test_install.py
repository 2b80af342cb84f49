"""docs/install.md is followed as it stands, on a door station without our packages, until its button rings a phone."""

import contextlib
import shlex
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.harness import chromium as browser
from tests.hil.document import INSTALL, NEVER_WRITTEN, Block, blocks, user_data
from tests.hil.journal import Journal
from tests.hil.operator import Operator
from tests.hil.rig import Rig
from tests.runbook.estate import Phone, link_in

PACKAGES = "doorward-device doorward-signaling"
ROOT = Path(__file__).parents[2]
EMPTY = f"""
export DEBIAN_FRONTEND=noninteractive
dpkg --purge {PACKAGES}
rm -rf /var/lib/doorward* /etc/doorward* /opt/doorward
"""
LATER = "99.0"
"""The version of the package that is brought for an upgrade: later than any."""


class Reader:
    """Somebody who types what the document says, where it says so. `server` is the door station, too."""

    def __init__(self, rig: Rig, operator: Operator) -> None:
        self._rig = rig
        self._operator = operator
        self.printed: list[str] = []

    def follow(self, block: Block) -> str:
        text = self._here(block.text)
        if block.place == "operator":
            said = ""
            for command in text.splitlines():
                said += self._operator.sh(
                    f"cd {ROOT}\n{command}", within=900, outside=command.startswith("make ")
                ).decode()
        else:
            typed = shlex.quote(f"export DEBIAN_FRONTEND=noninteractive\n{text}")
            said = self._operator.sh(
                f"ssh {block.place} bash -euo pipefail -c {shlex.quote(typed)}", within=900
            ).decode()
        self.printed.append(said)
        return said

    def _here(self, text: str) -> str:
        """For this house: its machines' architecture and the server's address."""
        text = text.replace("ARCH=arm64", f"ARCH={self._rig.architecture}").replace(
            "_arm64", f"_{self._rig.architecture}"
        )
        return text.replace("server.example", self._rig.address)


@pytest.fixture
def reader(rig: Rig, tmp_path: Path) -> tuple[Reader, Operator]:
    """At a door station without our packages, which an SD card's writer gave the operator's ssh key."""
    operator = Operator(tmp_path / "operator", rig.at_home, {"door": rig.address, "server": rig.address})
    rig.pi.write("/root/.ssh/authorized_keys", operator.key.with_suffix(".pub").read_bytes(), "0600")
    rig.pi.sh("systemctl unmask ssh.service; systemctl start ssh.service", 120)
    rig.pi.sh(EMPTY, 300)
    for old in (ROOT / "build/deb").glob("*.deb"):
        old.unlink()
    return Reader(rig, operator), operator


@pytest.mark.long
@pytest.mark.needs("install")
def test_the_guide_leads_to_a_ringing_phone_and_back(
    rig: Rig, journal: Journal, reader: tuple[Reader, Operator], playwright: Playwright
) -> None:
    typist, operator = reader
    with contextlib.ExitStack() as stack:
        phone = None
        for block in blocks(INSTALL.read_text(encoding="utf-8")):
            if block.section == NEVER_WRITTEN:
                continue  # tests/hil/test_overlay.py follows it, on a card that is switched over then
            if block.section == "7. The phone":
                (link,) = [link_in(said) for said in typist.printed if "#i=" in said]
                ca = operator.site / "ca.pem"
                context = stack.enter_context(browser.chromium(playwright, ca, rig.at_home(), browser.FAKE_MEDIA))
                phone = Phone(context, "alice")
                phone.page.set_default_timeout(120_000)
                phone.accept(link)
                journal.wait_for("link-up", 120)
                rig.press("flat-1")
                rig.release("flat-1")
                phone.wait_for("ringing")
            if block.section == "Upgrades" and "apt-get" in block.text:
                _bring_later(rig, operator)
            typist.follow(block)
        assert phone is not None
    assert "key.pem" in rig.pi.sh("ls /var/lib/doorward/identity"), "without a terminal the key stays"
    _starts_from_user_data(rig)


def _bring_later(rig: Rig, operator: Operator) -> None:
    made = f"make deb SUITE=trixie ARCH={rig.architecture} VERSION={LATER}"
    operator.sh(f"cd {ROOT}; rm build/deb/*.deb; {made}", within=900, outside=True)
    operator.sh(f"cd {ROOT}; ssh door 'rm /tmp/*.deb'; scp build/deb/doorward-device_*.deb door:/tmp")


def _starts_from_user_data(rig: Rig) -> None:
    """As cloud-init does it: the files first, then the commands, which need no network."""
    rig.pi.sh(f"mv /tmp/doorward-device_*.deb /boot/firmware/doorward-device.deb\n{EMPTY}", 300)
    found = user_data(INSTALL.read_text(encoding="utf-8"))
    for path, text in found.files.items():
        rig.pi.write(path, text.encode())
    rig.pi.sh("\n".join(found.commands), 900)
    assert rig.pi.sh("cat /etc/doorward/device.toml") == found.files["/etc/doorward/device.toml"]
    assert "CERTIFICATE REQUEST" in rig.pi.sh("cat /boot/firmware/request.csr")
