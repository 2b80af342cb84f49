"""The store of visitors' pictures: few, small, whole or not there, the oldest gone first."""

import os
import stat
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from device.adapters.store import JOURNAL, JOURNAL_LINES, FileStore
from device.core.effects import RecordCall
from device.errors import HardwareError
from device.media.jpeg import LARGEST, to_jpeg
from device.media.picture import TestPicture
from device.ports import Still
from device.snapshots import FOLDER, Picture, Snapshots
from tests.unit.stage import call_id

AT = 1_790_000_000


def picture(number: int, size: int = 1000) -> Picture:
    return Picture(AT + number, call_id(number), bytes([number % 256]) * size)


def size_of(state: Path) -> int:
    return sum(path.stat().st_size for path in (state / FOLDER).iterdir())


def test_what_was_kept_is_found_by_its_call(tmp_path: Path) -> None:
    store = Snapshots(tmp_path, 10, 100_000)
    assert store.calls() == set()
    assert store.load(call_id(1)) is None
    store.keep(picture(1))
    store.keep(picture(2))
    assert store.calls() == {call_id(1), call_id(2)}
    assert store.load(call_id(2)) == picture(2).jpeg
    assert store.load(call_id(3)) is None


def test_only_the_daemon_may_read_it(tmp_path: Path) -> None:
    Snapshots(tmp_path, 10, 100_000).keep(picture(1))
    (kept,) = (tmp_path / FOLDER).iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_the_oldest_goes_when_there_are_too_many(tmp_path: Path) -> None:
    store = Snapshots(tmp_path, 3, 100_000)
    for number in (4, 1, 3, 2, 5):  # a clock that was set back does not make a picture old: its time does
        store.keep(picture(number))
    assert store.calls() == {call_id(3), call_id(4), call_id(5)}


def test_the_oldest_go_when_they_are_too_large_and_never_more_is_held(tmp_path: Path) -> None:
    store = Snapshots(tmp_path, 100, 5000)
    for number in range(1, 9):
        store.keep(picture(number, 1200))
        assert size_of(tmp_path) <= 5000
    assert store.calls() == {call_id(number) for number in (5, 6, 7, 8)}
    store.keep(picture(9, 5001))
    assert call_id(9) not in store.calls(), "one that alone is too large is not kept"
    assert call_id(8) in store.calls()


def test_lower_limits_take_effect_at_the_next_start(tmp_path: Path) -> None:
    store = Snapshots(tmp_path, 10, 100_000)
    for number in range(1, 6):
        store.keep(picture(number))
    Snapshots(tmp_path, 2, 100_000).trim()
    assert store.calls() == {call_id(4), call_id(5)}
    store.trim(limit=0)
    assert store.calls() == set()


def test_a_power_cut_leaves_nothing_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Snapshots(tmp_path, 10, 100_000)

    def cut(_: int) -> None:
        raise OSError("power")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", cut)
        with pytest.raises(OSError, match="power"):
            store.keep(picture(1))
    assert store.calls() == set()
    store.keep(picture(2))
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [f"{AT + 2:012d}-{call_id(2)}.jpg"]


def test_foreign_files_are_neither_served_nor_removed(tmp_path: Path) -> None:
    store = Snapshots(tmp_path, 1, 100_000)
    store.keep(picture(1))
    (tmp_path / FOLDER / "notes.txt").write_text("hello")
    store.keep(picture(2))
    assert store.calls() == {call_id(2)}
    assert (tmp_path / FOLDER / "notes.txt").exists()


# The journal


def record(number: int) -> RecordCall:
    return RecordCall(call_id(number), "flat-1", AT + number, "missed", None, ("alice", "bob"))


def test_the_journal_is_read_back_without_what_is_torn(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    assert store.load_calls() == []
    store.record_call(record(1))
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"call":"half\n{"call":"\xff\xfe"}\n{"call":"torn')
    store.record_call(record(2))
    store.record_call(record(3))
    assert store.load_calls() == [record(1), record(2), record(3)], "the line after a torn one is one of its own"


def test_the_journal_does_not_grow_without_bound(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    line = b'{"call":"%s","button":"flat-1","at":1,"outcome":"missed","answered_by":null,"rang":[]}\n'
    (tmp_path / JOURNAL).write_bytes(b"".join(line % call_id(n).encode() for n in range(2 * JOURNAL_LINES)))
    store.record_call(record(9999))
    calls = store.load_calls()
    assert len(calls) == JOURNAL_LINES
    assert calls[-1] == record(9999)


# The JPEG


def still(noise: int = 0) -> Still:
    pixels = TestPicture(1280, 720, "snapshot").draw(AT).to_ndarray()
    noisy = pixels.astype(int) + np.random.default_rng(1).integers(-noise, noise + 1, pixels.shape)
    return Still(1280, 720, np.clip(noisy, 16, 235).astype(np.uint8).tobytes(), AT)


def luma(jpeg: bytes) -> NDArray[np.uint8]:
    decoder: Any = av.CodecContext.create("mjpeg", "r")
    (decoded,) = decoder.decode(av.Packet(jpeg))
    pixels: NDArray[np.uint8] = decoded.to_ndarray(format="gray")
    return pixels


def test_the_picture_is_a_jpeg_of_the_same_size_with_nothing_about_where_it_was_taken() -> None:
    jpeg = to_jpeg(still())
    assert jpeg.startswith(b"\xff\xd8\xff")
    assert luma(jpeg).shape == (720, 1280)
    assert b"Exif" not in jpeg


def test_a_picture_full_of_detail_is_made_smaller() -> None:
    detailed = to_jpeg(still(noise=25))
    assert 0 < len(detailed) <= LARGEST
    assert luma(detailed).shape == (720, 1280)
    assert 0 < len(to_jpeg(still(noise=200))) <= LARGEST, "even if it were nothing but noise"


def test_it_says_when_and_where_only_if_asked() -> None:
    plain, stamped = luma(to_jpeg(still())), luma(to_jpeg(still(), "2026-09-21 10:00:00  flat-1"))
    assert np.abs(plain[:600].astype(int) - stamped[:600]).mean() < 1
    foot = stamped[-22:].astype(int)
    assert np.abs(plain[-22:] - foot).mean() > 10
    assert (foot > 220).sum() > 500, "there is writing on it"


def test_a_picture_that_is_none_is_the_camera_s_fault() -> None:
    with pytest.raises(HardwareError):
        to_jpeg(Still(1280, 720, b"short", AT))
