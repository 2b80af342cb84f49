"""docs/runbook.md, executed: every command block, in a house that must work before and after."""

import re
from pathlib import Path

import pytest

from tests.harness.world import DEVICE
from tests.runbook.conftest import NewPhone
from tests.runbook.estate import Estate, Phone, link_in

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
PUBLISH = "doorward-provision publish"
INVITE = (
    f"doorward-provision answerer invite alice --label Alice --device {DEVICE} --button flat-1 --may talk,open,view\n"
    f"{PUBLISH}"
)
SECOND_PHONE = f"doorward-provision answerer invite alice --device {DEVICE}\n{PUBLISH}"


def blocks(heading: str) -> list[str]:
    """The command blocks of a section."""
    text = RUNBOOK.read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert found, f"no commands under {heading!r}"
    EXECUTED.add(heading)
    return found


EXECUTED: set[str] = set()


def rings(home: Estate, phone: Phone) -> None:
    """A visitor presses, the phone rings, and is declined."""
    home.control.press("flat-1")
    phone.wait_for("ringing")
    phone.click("decline")
    phone.wait_for("idle")


@pytest.fixture
def alice(home: Estate, new_phone: NewPhone) -> Phone:
    phone = new_phone("alice")
    home.sh("doorward-provision answerer remove alice", may_fail=True)
    phone.accept(link_in(home.sh(INVITE)))
    rings(home, phone)
    return phone


def test_a_lost_phone_is_out_and_its_owner_is_in_again(home: Estate, alice: Phone, new_phone: NewPhone) -> None:
    alice.click("look-in")
    (script,) = blocks("A phone is lost or stolen")
    printed = home.sh(script)
    home.wait_for("the stolen phone to be out", links_up=0)
    assert "confirmed by the device" in printed
    another = new_phone("alice")
    another.accept(link_in(printed))
    rings(home, another)
    assert home.status()["links_up"] == 1, "the stolen phone stays out"


def test_a_removal_is_brought_to_the_door_by_hand(home: Estate, alice: Phone) -> None:
    (script,) = blocks("The server withholds a removal")
    assert "is in force" in home.sh(script)
    home.wait_for("the removed one to be out", links_up=0)


def test_a_stolen_device_is_replaced(home: Estate, alice: Phone) -> None:
    stolen = home.status()["fingerprint"]
    remove, enroll = blocks("A device is stolen")
    home.sh(remove)
    home.wait_for("the stolen one to be without people and server", links_up=0, signaling=False)
    home.device.down()
    home.sh(f"rm -r {home.folder}/identity {home.folder}/device-state")
    assert "confirmed by the device" in home.sh(enroll)
    home.wait_for("the new one to be connected", signaling=True, links_up=1)
    assert home.status()["fingerprint"] != stolen
    rings(home, alice)


def test_a_lost_server_is_replaced(home: Estate, alice: Phone) -> None:
    (script,) = blocks("The server is lost")
    home.server.down()
    home.sh(f"rm -r {home.folder}/server-state {home.folder}/server/*")
    assert "confirmed by the device" in home.sh(script)
    rings(home, alice)


def test_a_stolen_ca_key_is_worth_nothing_afterwards(home: Estate, alice: Phone, new_phone: NewPhone) -> None:
    before = home.ca_path.read_text()
    (script,) = blocks("The CA's key is stolen")
    printed = home.sh(script)
    assert "confirmed by the device" in printed
    assert home.ca_path.read_text().count("BEGIN") == 1
    assert home.ca_path.read_text() != before
    another = new_phone("alice")
    another.accept(link_in(home.sh(SECOND_PHONE)))
    rings(home, another)


def test_a_stolen_roster_key_is_worth_nothing_afterwards(home: Estate, alice: Phone, new_phone: NewPhone) -> None:
    (script,) = blocks("The roster key is stolen")
    printed = home.sh(script)
    assert "confirmed by the device" in printed
    another = new_phone("alice")
    another.accept(link_in(printed))
    rings(home, another)


def test_the_site_comes_back_from_a_backup_and_nobody_is_invited_anew(home: Estate, alice: Phone) -> None:
    (backup,) = blocks("A backup, before any of this")
    home.sh(backup)
    home.sh(f"doorward-provision answerer grant alice --may talk,open\n{PUBLISH}")
    take_up, change = blocks("The operator's laptop is lost or stolen")
    home.sh("rm -r home")
    home.new_passphrase("another horse battery")
    before, command, after = take_up.partition("doorward-provision site passphrase\n")
    home.sh(before + command)
    home.passphrase("another horse battery")
    assert "confirmed by the device" in home.sh(after)
    rings(home, alice)
    assert "confirmed by the device" in home.sh(change)
    rings(home, alice)


def test_every_command_block_of_the_runbook_was_executed() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    with_commands = {part.partition("\n")[0] for part in text.split("\n## ")[1:] if "```sh" in part}
    assert with_commands == EXECUTED
