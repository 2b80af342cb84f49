"""Every key frame can be begun with, whatever the encoder repeats."""

import pytest

from device.media.nal import ParameterSets, nal_units

START = b"\0\0\0\1"
SPS, PPS, IDR, SLICE = b"\x67\x42\xe0\x1f", b"\x68\xce\x3c\x80", b"\x65\x88\x84\x01", b"\x41\x9a\x24\x01"


def unit(*nals: bytes) -> bytes:
    return b"".join(START + nal for nal in nals)


def test_a_key_frame_without_its_sets_gets_the_last_ones() -> None:
    sets = ParameterSets()
    assert sets.complete(unit(SPS, PPS, IDR)) == (unit(SPS, PPS, IDR), True)
    assert sets.complete(unit(SLICE)) == (unit(SLICE), False)
    assert sets.complete(unit(IDR)) == (unit(SPS, PPS, IDR), True)
    assert sets.complete(unit(PPS, IDR)) == (unit(SPS, PPS, IDR), True)


def test_sets_that_come_by_themselves_are_kept() -> None:
    sets = ParameterSets()
    assert sets.complete(unit(SPS, PPS)) == (unit(SPS, PPS), False)
    assert sets.complete(unit(IDR)) == (unit(SPS, PPS, IDR), True)


def test_newer_sets_replace_older_ones() -> None:
    sets = ParameterSets()
    sets.complete(unit(SPS, PPS, IDR))
    sets.complete(unit(SPS + b"\x11", PPS, IDR))
    assert sets.complete(unit(IDR))[0] == unit(SPS + b"\x11", PPS, IDR)


def test_a_key_frame_that_nobody_can_begin_with_is_none() -> None:
    assert ParameterSets().complete(unit(IDR)) == (unit(IDR), False)


@pytest.mark.parametrize("start", [b"\0\0\1", b"\0\0\0\1"])
def test_both_start_codes_are_known(start: bytes) -> None:
    assert list(nal_units(start + SPS + start + IDR)) == [SPS, IDR]
