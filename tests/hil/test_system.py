"""systemd, as it runs: the units' sandbox holds, and everything works in it."""

import json

import pytest

from tests.hil import figures
from tests.hil.journal import Journal
from tests.hil.rig import IDENTITY, UNIT, Rig
from tests.hil.steps import ring_in_vain

MOST_EXPOSED = 1.5
LONGEST_PAUSE_S = 10
SIGNALING = "doorward-signaling.service"

INSIDE = "echo $$ > /sys/fs/cgroup/system.slice/{unit}/cgroup.procs; exec 3<{device}"
"""As root, but as one of the unit's processes: opens a device."""


@pytest.mark.parametrize("unit", [UNIT, SIGNALING])
def test_the_units_are_hardly_exposed(rig: Rig, unit: str) -> None:
    said = rig.pi.run("systemd-analyze", "security", "--no-pager", unit, may_fail=True, timeout=200).text
    (line,) = [line for line in said.splitlines() if "Overall exposure level" in line]
    exposure = float(line.partition(": ")[2].split()[0])  # a smiley stands behind it
    figures.note(f"exposure_{unit}", exposure)
    assert exposure <= MOST_EXPOSED


def test_the_key_is_lent_to_the_daemon_and_nobody_else_reads_it(rig: Rig) -> None:
    lent = f"/run/credentials/{UNIT}"
    assert rig.pi.sh(f"find {IDENTITY} -perm /077 -o -not -user root") == ""
    assert set(rig.pi.sh(f"ls {lent}").split()) == {"identity_bundle.json", "identity_key.pem"}
    as_daemon = ("setpriv", "--reuid=doorward", "--regid=doorward", "--clear-groups", "cat")
    assert rig.pi.run(*as_daemon, f"{IDENTITY}/key.pem", may_fail=True).code != 0
    assert b"PRIVATE KEY" in rig.pi.run(*as_daemon, f"{lent}/identity_key.pem").out
    assert rig.pi.run("setpriv", "--reuid=nobody", "cat", f"{lent}/identity_key.pem", may_fail=True).code != 0


def test_the_daemon_reaches_its_devices_and_no_others(rig: Rig) -> None:
    for device, there in (("/dev/gpiochip0", True), ("/dev/snd/controlC0", True), ("/dev/kmsg", False), _disk(rig)):
        ran = rig.pi.run("bash", "-c", INSIDE.format(unit=UNIT, device=device), may_fail=True)
        assert (ran.code == 0) == there, f"{device}: {ran.err!r}"
    assert rig.pi.run("bash", "-c", f"exec 3<{_disk(rig)[0]}").code == 0, "outside of the unit root may"


def test_the_daemon_has_no_rights_and_says_how_it_is(rig: Rig, journal: Journal) -> None:
    shown = rig.pi.sh(f"systemctl show {UNIT} -p MainPID -p StatusText")
    told = dict(line.split("=", 1) for line in shown.splitlines())
    status = rig.pi.sh(f"cat /proc/{told['MainPID']}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
    assert fields["NoNewPrivs"].strip() == "1"
    assert fields["Seccomp"].strip() == "2"
    assert "0" not in fields["Uid"].split()
    assert told["StatusText"]


def test_the_critical_chain_is_reported(rig: Rig) -> None:
    rig.pi.run("systemctl", "is-system-running", "--wait", may_fail=True, timeout=300)
    chain = rig.pi.sh(f"systemd-analyze critical-chain --no-pager {UNIT}", 200)
    assert UNIT in chain
    figures.tell("critical_chain", chain)


def _disk(rig: Rig) -> tuple[str, bool]:
    """What the whole system is on, which the daemon must not read past its files."""
    (device,) = json.loads(rig.pi.sh("findmnt -J -o SOURCE /"))["filesystems"]
    return str(device["source"]), False


KILLED_AGAIN_AND_AGAIN = f"""
for round in $(seq 8); do
    until pid=$(systemctl show -P MainPID {UNIT}); [ "$pid" != 0 ] && [ "$pid" != "${{before:-}}" ]; do sleep 0.1; done
    kill -KILL "$pid"
    before=$pid
done
systemctl show -P RestartUSecNext {UNIT}
"""
"""Each time before it can be armed, so that none of its starts succeeds."""

SHOWN_ONCE_IT_IS_UP = f"""
until [ "$(systemctl show -P ActiveState {UNIT})" = active ]; do sleep 0.2; done
systemctl show {UNIT} -p NRestarts -p RestartUSecNext
"""


@pytest.mark.long
def test_the_pause_between_starts_is_bounded_and_forgotten_once_the_door_is_armed(rig: Rig, journal: Journal) -> None:
    """systemd before 254 knows no growing pause, and says nothing of the next one."""
    pause = rig.pi.sh(KILLED_AGAIN_AND_AGAIN, 300).strip()
    if pause:
        assert pause.endswith("s"), pause
        assert float(pause.removesuffix("s")) <= LONGEST_PAUSE_S
    shown = dict(line.split("=", 1) for line in rig.pi.sh(SHOWN_ONCE_IT_IS_UP, 240).split())
    assert not pause or shown == {"NRestarts": "0", "RestartUSecNext": "2s"}
    ring_in_vain(rig, journal)
