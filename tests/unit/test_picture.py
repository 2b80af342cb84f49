"""The test picture: what it says can be read back, by us and after the codec, and forgeries are not believed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.media.glyphs import ADVANCE, ROWS, glyph
from device.media.picture import TestPicture
from device.media.timecode import BLACK, BLOCKS, WHITE, block_edges, block_rows, decode_time_code, time_code

AT = 1_795_000_000.123


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (640, 480), (320, 180)])
def test_the_drawn_time_can_be_read(width: int, height: int) -> None:
    picture = TestPicture(width, height, "home · front-door")
    for step in range(40):
        at = AT + step * 0.773
        picture.draw(at)
        assert decode_time_code(picture.luma) == int(at * 1000) / 1000


@pytest.mark.parametrize("large", [(1280, 720), (1920, 1080), (848, 480)])
@pytest.mark.parametrize("small", [(640, 360), (640, 480), (416, 232)])
def test_it_can_be_read_in_a_smaller_picture(large: tuple[int, int], small: tuple[int, int]) -> None:
    picture = TestPicture(*large, "home · front-door")
    for step in range(10):
        at = AT + step * 0.773
        luma = np.frombuffer(picture.draw(at).reformat(*small).to_ndarray().tobytes(), np.uint8)
        assert decode_time_code(luma[: small[0] * small[1]].reshape(small[1], small[0])) == int(at * 1000) / 1000


@given(st.integers(0, 2**42 - 1))
def test_every_time_has_its_code(millis: int) -> None:
    assert decode_time_code(_code_alone(time_code(millis))) == millis / 1000


@given(st.integers(0, 2**42 - 1), st.integers(0, BLOCKS - 1))
def test_one_wrong_block_is_noticed(millis: int, block: int) -> None:
    code = time_code(millis)
    code[block] = WHITE + BLACK - code[block]
    assert decode_time_code(_code_alone(code)) is None


def test_a_picture_without_a_code_has_no_time() -> None:
    for level in (0, 16, 128, 255):
        assert decode_time_code(np.full((720, 1280), level, np.uint8)) is None


def test_drawing_leaves_nothing_of_the_frame_before() -> None:
    drawn = TestPicture(1280, 720, "home")
    for step in range(50):
        drawn.draw(AT + step * 0.2)
    fresh = TestPicture(1280, 720, "home")
    drawn.draw(AT + 60)
    fresh.draw(AT + 60)
    assert np.array_equal(drawn.frame.to_ndarray(), fresh.frame.to_ndarray())


def test_it_moves() -> None:
    picture = TestPicture(1280, 720, "home")
    picture.draw(AT)
    before = picture.luma[300:500].copy()
    picture.draw(AT + 0.5)
    assert not np.array_equal(before, picture.luma[300:500])


def test_the_caption_is_shown() -> None:
    named, unnamed = TestPicture(1280, 720, "home · front-door"), TestPicture(1280, 720, "")
    assert not np.array_equal(named.luma, unnamed.luma)


def test_a_caption_too_long_is_cut_short() -> None:
    TestPicture(320, 180, "x" * 300).draw(AT)


def test_characters_differ_and_the_unknown_is_a_box() -> None:
    known = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.,:/·()+' "
    assert len({glyph(character, 1).tobytes() for character in known}) == len(known)
    assert np.array_equal(glyph("é", 2), glyph("☃", 2))
    assert np.array_equal(glyph("a", 1), glyph("A", 1))
    assert glyph("A", 3).shape == (ROWS * 3, ADVANCE * 3)


def _code_alone(code: np.typing.NDArray[np.uint8]) -> np.typing.NDArray[np.uint8]:
    """A black picture, 640 × 360, with nothing but this code."""
    luma = np.full((360, 640), BLACK, np.uint8)
    edges = block_edges(640)
    luma[slice(*block_rows(360)), edges[0] : edges[-1]] = np.repeat(code, np.diff(edges))
    return luma
