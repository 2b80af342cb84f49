"""What `check` makes of what the kernel says about the machine."""

from pathlib import Path

import pytest

from device.machine import memory, power, storage, wifi

HEAD = (
    "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n"
    " face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n"
)


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")
    return path


@pytest.mark.parametrize(
    ("flags", "ok", "said"),
    [
        ("0", True, "45 °C"),
        ("1", False, "the voltage is too low"),
        ("50000", False, "the voltage was too low; it was throttled"),
        ("8", False, "it is too hot"),
    ],
)
def test_the_firmwares_flags_become_sentences(tmp_path: Path, flags: str, ok: bool, said: str) -> None:
    file(tmp_path, "soc/soc:firmware/get_throttled", f"{flags}\n")
    row = power(tmp_path, file(tmp_path, "temp", "45277\n"), tmp_path)
    assert (row.ok, said in row.seen, row.note) == (ok, True, False), row


def test_a_pi_5_has_the_flags_elsewhere(tmp_path: Path) -> None:
    file(tmp_path, "soc@107c000000/soc@107c000000:firmware/get_throttled", "1\n")
    assert power(tmp_path, tmp_path / "none", tmp_path).seen == "the voltage is too low"


@pytest.mark.parametrize(
    ("alarm", "celsius", "ok", "said"),
    [
        ("0", 45, True, "enough voltage now; of before, this machine does not tell; 45 °C"),
        ("1", 45, False, "the voltage is too low; 45 °C"),
        ("0", 86, False, "86 °C"),
    ],
)
def test_where_only_the_voltage_is_told_it_is_said(
    tmp_path: Path, alarm: str, celsius: int, ok: bool, said: str
) -> None:
    file(tmp_path, "hwmon0/name", "cpu_thermal\n")
    file(tmp_path, "hwmon3/name", "rpi_volt\n")
    file(tmp_path, "hwmon3/in0_lcrit_alarm", f"{alarm}\n")
    row = power(tmp_path, file(tmp_path, "temp", f"{celsius}000\n"), tmp_path)
    assert (row.ok, said in row.seen, row.note) == (ok, True, False), row


def test_a_machine_that_does_not_tell_of_its_supply_is_not_called_well(tmp_path: Path) -> None:
    row = power(tmp_path, file(tmp_path, "temp", "45000\n"), tmp_path)
    assert (row.mark, "does not tell" in row.seen, "measure" in row.remedy) == ("note", True, True)
    assert power(tmp_path, file(tmp_path, "temp", "86000\n"), tmp_path).mark == "FAIL"


V1 = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t70\t1\nmemory\t0\t70\t{}\n"


@pytest.mark.parametrize(
    ("second", "first", "mark"),
    [
        ("cpuset cpu io memory pids\n", None, "ok  "),
        ("cpuset cpu io pids\n", V1.format(1), "note"),
        (None, V1.format(1), "ok  "),
        (None, V1.format(0), "note"),
        (None, None, "note"),
    ],
)
def test_a_limit_that_the_kernel_does_not_keep_is_said(
    tmp_path: Path, second: str | None, first: str | None, mark: str
) -> None:
    """Raspberry Pi OS starts its kernels with cgroup_disable=memory."""
    for name, text in (("second", second), ("first", first)):
        if text is not None:
            file(tmp_path, name, text)
    row = memory(tmp_path / "second", tmp_path / "first")
    assert row.mark == mark
    assert ("cgroup_enable=memory" in row.remedy) is (mark == "note")


@pytest.mark.parametrize(("level", "ok"), [("-52.", True), ("-74.", True), ("-75.", False), ("-88", False)])
def test_wifi_is_judged_by_its_level(tmp_path: Path, level: str, ok: bool) -> None:
    text = f"{HEAD} wlan0: 0000   58.  {level}  -256        0      0      0      0      0        0\n"
    row = wifi(file(tmp_path, "wireless", text))
    assert (row.ok, row.seen) == (ok, f"wlan0: {int(float(level))} dBm")


@pytest.mark.parametrize("text", [HEAD, "", "nonsense\n\nnonsense: x\n"])
def test_without_wifi_nothing_is_wrong(tmp_path: Path, text: str) -> None:
    assert wifi(file(tmp_path, "wireless", text)).ok
    assert wifi(tmp_path / "none").ok


def test_a_state_folder_that_is_not_there_yet_is_judged_by_where_it_will_be(tmp_path: Path) -> None:
    assert str(tmp_path) in storage(tmp_path / "state" / "later").seen


DISK = "27 1 179:2 / {} rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw\n"
OVERLAY = "27 1 0:30 / / rw,relatime shared:1 - overlay overlayroot rw,lowerdir=/media/root-ro,upperdir={},workdir=/w\n"
MEMORY = "40 27 0:28 / {} rw,relatime shared:2 - tmpfs tmpfs rw\n"
CARD = "40 27 179:3 / {} rw,noatime shared:2 - ext4 /dev/mmcblk0p3 rw\n"


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        (DISK.format("/"), ""),
        (DISK.format("/") + MEMORY.format("/run"), ""),
        (DISK.format("/") + MEMORY.format("{state}"), "tmpfs"),
        (MEMORY.format("/") + DISK.format("/"), ""),
        (OVERLAY.format("/media/root-rw/overlay") + MEMORY.format("/media/root-rw"), "overlay on tmpfs"),
        (OVERLAY.format("/upper/data"), "overlay"),
        (OVERLAY.format("/media/disk/overlay") + CARD.format("/media/disk"), ""),
        (OVERLAY.format("/upper/data") + CARD.format("{state}"), ""),
        (OVERLAY.format("/upper/data") + CARD.format("{parent}/with\\040space"), "overlay"),
        ("", ""),
    ],
)
def test_a_state_that_the_power_takes_with_it_is_found(tmp_path: Path, mounts: str, kind: str) -> None:
    """`overlayroot=tmpfs` is the overlay file system of raspi-config; older ones hide where they write."""
    state = tmp_path / "state"
    state.mkdir()
    row = storage(state, file(tmp_path, "mountinfo", mounts.format(state=state, parent=tmp_path)))
    assert row.ok is (kind == ""), row
    if kind:
        assert f"({kind})" in row.seen
        assert "removed keypad code" in row.remedy
