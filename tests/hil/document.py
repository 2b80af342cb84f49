"""What docs/install.md tells people to type, and where: each of its shell blocks names the machine."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

INSTALL = Path(__file__).parents[2] / "docs/install.md"

NEVER_WRITTEN = "A card that is never written"
"""The section of what is not for everybody."""

Place = Literal["operator", "door", "server"]
_BLOCK = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:doorward-(?:device|provision|signaling)|apt-get|systemctl|journalctl|make|ssh|scp) [^`]+)`")

LEFT_OUT = {
    "ssh door": "to log in; the commands on the door are given to it over ssh",
    "apt-get install ./doorward-provision_*.deb": "tests/packages installs it in a Debian",
    "make setup": "the computer that runs this has done it",
    "doorward-device check --audible": "tests/hil/test_check.py does it, where the microphone hears the loudspeaker",
    "ssh door doorward-device check": "what to look at when something failed; the block above it runs the same check",
    "doorward-provision device enroll door --device front-door": "step 6 does it; here it is named for many doors",
}
"""Commands within sentences that are not in a block, and why nothing is lost by that."""


@dataclass(frozen=True, slots=True)
class Block:
    """What is typed at one place, in one go. `section` is the nearest heading."""

    section: str
    place: str
    text: str


def blocks(text: str) -> list[Block]:
    """The shell blocks in order. ValueError for one that does not say where it is typed."""
    found = []
    for match in _BLOCK.finditer(text):
        if match[1] != "sh":
            continue
        section = re.findall(r"^## (.*)$", text[: match.start()], re.MULTILINE)[-1]
        if match[2] not in ("operator", "door", "server"):
            raise ValueError(f"{section}: a block says nothing of where it is typed: ```sh operator, door or server")
        found.append(Block(section, match[2], match[3]))
    return found


def inline(text: str) -> list[str]:
    """Commands within sentences."""
    prose = _BLOCK.sub("", text)
    return [" ".join(command.split()) for command in _INLINE.findall(prose)]


@dataclass(frozen=True, slots=True)
class UserData:
    """The part of a cloud-init file that says what a machine gets and runs."""

    files: dict[str, str]
    commands: list[str]


def user_data(text: str) -> UserData:
    """That of the document: as much of YAML as it uses."""
    (yaml,) = [match[3] for match in _BLOCK.finditer(text) if match[1] == "yaml"]
    files = {}
    for match in re.finditer(
        r"^  - path: (\S+)\n(?:    \w+: .*\n)*?    content: \|\n((?:      .*\n)+)", yaml, re.MULTILINE
    ):
        files[match[1]] = re.sub(r"^      ", "", match[2], flags=re.MULTILINE)
    commands = re.findall(r"^  - (.*)$", yaml.split("runcmd:\n")[1], re.MULTILINE)
    return UserData(files, commands)
