"""Sound boards that are known by name: `[sound] board = "wm8960"` stands for their devices, levels and needs.

The profiles are in `hw/boards/`, which is installed with the program.
"""

from importlib.resources import files
from typing import Annotated

from msgspec import Meta, Struct

from protocol.errors import ConfigError
from protocol.settings import parse_settings

PcmName = Annotated[str, Meta(max_length=128)]
"""An ALSA PCM; empty: somebody else says which."""


class _Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class LevelControl(_Table, frozen=True):
    """A volume: the first of `controls` that the card has, never above `safe_db`.

    `safe_percent` is for cards that tell no dB.
    """

    controls: Annotated[list[str], Meta(min_length=1)]
    safe_db: Annotated[float, Meta(ge=-60, le=40)] = 0.0
    safe_percent: Annotated[int, Meta(ge=1, le=100)] = 80


class MixerConfig(_Table, frozen=True):
    """The card's mixer: what `tune-audio` may turn (`playback`, `capture`), and what has its one right place."""

    card: Annotated[str, Meta(min_length=1, max_length=128)]
    playback: LevelControl | None = None
    capture: LevelControl | None = None
    switches: dict[str, bool] = {}
    fixed_db: dict[str, float] = {}


class Board(_Table, frozen=True):
    """A profile. `config_txt` and `modprobe` are lines that the system needs; `pins_bcm` belong to the board."""

    title: str
    capture: PcmName
    playback: PcmName
    config_txt: list[str] = []
    modprobe: list[str] = []
    pins_bcm: list[int] = []
    note: str = ""
    mixer: MixerConfig | None = None

    @property
    def needs(self) -> str:
        """What has to be there for the card to appear, in a sentence."""
        lines = [f"config.txt: {line}" for line in self.config_txt] + [f"modprobe.d: {line}" for line in self.modprobe]
        return "; ".join(lines + ([self.note] if self.note else []))


def board_names() -> list[str]:
    """The boards that are known."""
    return sorted(
        file.name.removesuffix(".toml") for file in files("hw.boards").iterdir() if file.name.endswith(".toml")
    )


def load_board(name: str) -> Board:
    """The profile of that name; ConfigError, which names the known ones, if there is none."""
    if name not in board_names():
        raise ConfigError(f"{name!r} is not a board that is known; known are {', '.join(board_names())}")
    file = files("hw.boards") / f"{name}.toml"
    return parse_settings(file.read_bytes(), f"hw/boards/{name}.toml", Board)


def board_lines(name: str) -> str:
    """What config.txt must say for the board, where it must say something."""
    board = load_board(name)
    head = f"# {board.title}\n" if board.config_txt else ""
    return head + "".join(f"{line}\n" for line in board.config_txt)


def as_configured(
    name: str | None, capture: str, playback: str, mixer: MixerConfig | None
) -> tuple[str, str, MixerConfig | None]:
    """Capture, playback and mixer: what the configuration says, else the board, else ALSA's default."""
    board = load_board(name) if name is not None else Board(title="", capture="default", playback="default")
    return capture or board.capture, playback or board.playback, mixer or board.mixer
