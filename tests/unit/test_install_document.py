"""docs/install.md can be followed by a program: every command in it has a place, or a reason why nobody runs it."""

import pytest

from tests.hil.document import INSTALL, LEFT_OUT, blocks, inline, user_data


def test_every_block_says_where_it_is_typed() -> None:
    found = blocks(INSTALL.read_text(encoding="utf-8"))
    assert {block.place for block in found} == {"operator", "door", "server"}
    with pytest.raises(ValueError, match="Upgrades"):
        blocks("## Upgrades\n\n```sh\ntrue\n```\n")


def test_a_command_within_a_sentence_is_in_a_block_or_named_with_its_reason() -> None:
    text = INSTALL.read_text(encoding="utf-8")
    typed = {line for block in blocks(text) for line in block.text.splitlines()}
    mentioned = set(inline(text))
    assert mentioned - typed - set(LEFT_OUT) == set()
    assert set(LEFT_OUT) <= mentioned, "what is not in the document needs no reason"


def test_the_file_for_cloud_init_is_understood() -> None:
    found = user_data(INSTALL.read_text(encoding="utf-8"))
    assert "[button.flat-1]" in found.files["/etc/doorward/device.toml"]
    assert found.commands[-1].startswith("doorward-device keygen")
