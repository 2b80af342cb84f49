"""Certificates and keys change while the house lives in it: calls go on, and nobody is invited anew."""

import json
from datetime import datetime

import pytest

from tests.harness.namespaces import DOOR_ADDRESS
from tests.harness.world import DEVICE
from tests.runbook.conftest import NewPhone
from tests.runbook.estate import Estate, Phone, link_in
from tests.runbook.test_runbook import INVITE, PUBLISH, rings

RENEW = f"doorward-provision device renew {DEVICE} > renewed.json"
INSTALL = "ssh door doorward-device install < renewed.json"
NEW_KEY = f"ssh door doorward-device keygen --new | doorward-provision device renew {DEVICE} --new-key > renewed.json"


@pytest.fixture(scope="module")
def alice(home: Estate, module_phone: NewPhone) -> Phone:
    phone = module_phone("alice")
    phone.accept(link_in(home.sh(INVITE)))
    rings(home, phone)
    return phone


def fingerprints(home: Estate) -> list[str]:
    view = json.loads(home.sh("doorward-provision site show --json 2>/dev/null"))
    (device,) = view["devices"]
    return [one["fingerprint"] for one in device["certificates"]]


def test_a_certificate_is_renewed_under_a_running_call(home: Estate, alice: Phone) -> None:
    home.control.press("flat-1")
    alice.wait_for("ringing")
    alice.click("answer")
    alice.wait_for("talking")
    home.sh(f"{RENEW}\n{PUBLISH}")
    old, new = fingerprints(home)
    starts = home.device.starts
    home.sh(INSTALL)
    assert (home.status()["fingerprint"], home.device.starts) == (old, starts), "the call goes on with the old one"
    alice.click("hang-up")
    home.wait_for("the new certificate to be in use", fingerprint=new, links_up=1)
    rings(home, alice)
    home.sh(f"doorward-provision device settle {DEVICE}\n{PUBLISH}")
    assert fingerprints(home) == [new]
    rings(home, alice)


def test_a_key_is_renewed_and_the_old_one_is_worth_nothing(home: Estate, alice: Phone) -> None:
    (old,) = fingerprints(home)
    home.sh(f"{NEW_KEY}\n{PUBLISH}")
    rings(home, alice)
    home.sh(INSTALL)
    _, new = fingerprints(home)
    home.wait_for("the new key to be in use", fingerprint=new, links_up=1)
    home.sh(f"doorward-provision device settle {DEVICE}\n{PUBLISH}")
    assert old not in fingerprints(home)
    assert not (home.folder / "identity" / "next-key.pem").exists()
    rings(home, alice)


def test_the_roster_key_has_a_successor_and_nobody_is_invited_anew(home: Estate, alice: Phone) -> None:
    assert "confirmed by the device" in home.sh(f"doorward-provision roster-key introduce\n{PUBLISH}")
    rings(home, alice)
    home.sh(f"doorward-provision button set {DEVICE} flat-1 --label 'First floor'\n{PUBLISH}")
    rings(home, alice)
    home.sh("ssh door systemctl restart doorward-device")
    home.wait_for("the door to be back", links_up=1)
    assert home.status()["faults"] == []
    rings(home, alice)


def test_a_page_that_was_away_follows_the_roster_keys(home: Estate, alice: Phone) -> None:
    alice.page.goto("about:blank")
    home.wait_for("the page to be away", links_up=0)
    home.sh(f"doorward-provision roster-key introduce\n{PUBLISH}\ndoorward-provision roster-key introduce\n{PUBLISH}")
    alice.page.goto(f"https://{DOOR_ADDRESS}:8443/")
    alice.wait_for("idle")
    rings(home, alice)


def test_a_removed_answerer_is_out_within_two_seconds_of_the_door_seeing_the_roster(home: Estate, alice: Phone) -> None:
    home.control.press("flat-1")
    alice.wait_for("ringing")
    alice.click("answer")
    alice.wait_for("talking")
    since = home.device.process.mark()
    home.sh(f"doorward-provision answerer remove alice\n{PUBLISH}")
    seen = home.device.process.wait_for("roster-accepted", since=since)
    gone = home.device.process.wait_for("link-down", since=since)
    assert _at(gone) - _at(seen) <= 2
    home.wait_for("the call to have ended", quiet=True, links_up=0)


def _at(line: dict[str, object]) -> float:
    return datetime.fromisoformat(str(line["timestamp"])).timestamp()
