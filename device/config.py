"""The daemon's configuration: one TOML file, every value checked, every error one line."""

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from device.boards import MixerConfig, PcmName, as_configured, load_board
from device.panel_config import PanelTables, Table, lines
from device.ports import NoiseLevel, ToneName
from protocol.errors import ConfigError, unreadable
from protocol.settings import parse_settings

Seconds = Annotated[float, Meta(gt=0, le=3600)]


class GpioConfig(Table, frozen=True):
    """`pins`: `lgpio` on a Pi; `mock` simulates them (demonstration and tests)."""

    pins: Literal["lgpio", "mock"] = "lgpio"


class CallConfig(Table, frozen=True):
    """How long a ring, a talk and a look last at most, in seconds."""

    ring_s: Seconds = 30.0
    talk_s: Seconds = 300.0
    view_s: Annotated[float, Meta(gt=0, le=300)] = 300.0


class LinksConfig(Table, frozen=True):
    """`standing = false` makes a connection for each call instead of keeping one ready."""

    limit: Annotated[int, Meta(ge=1, le=64)] = 16
    standing: bool = True


Width = Annotated[int, Meta(ge=320, le=1920, multiple_of=16)]
Height = Annotated[int, Meta(ge=180, le=1080, multiple_of=4)]
Fps = Annotated[int, Meta(ge=5, le=30)]


class SmallVideoConfig(Table, frozen=True):
    """The second picture, for slow links and for browsers without H.264; no member more than the first picture's."""

    width: Width
    height: Height
    fps: Fps = 15
    bitrate_bps: Annotated[int, Meta(ge=150_000, le=2_000_000)] = 400_000


class VideoConfig(Table, frozen=True):
    """Size in pixels, `fps` frames a second, at most `bitrate_bps`; see docs/video.md.

    `source`: `camera`, or `pattern`, a test picture; left out, `pattern` where the pins are simulated and `camera`
    elsewhere. `camera` is a model or an id, or part of it; empty for the first. `grain` is the test picture's.
    """

    source: Literal["camera", "pattern"] | None = None
    grain: bool = False
    camera: Annotated[str, Meta(max_length=128)] = ""
    rotation: Literal[0, 180] = 0
    mirror: bool = False
    idle: Literal["warm", "cold"] = "warm"
    encoder: Literal["auto", "hardware", "software"] = "auto"
    width: Width = 1280
    height: Height = 720
    fps: Fps = 30
    bitrate_bps: Annotated[int, Meta(ge=200_000, le=8_000_000)] = 2_000_000
    small: SmallVideoConfig | None = None

    @property
    def second(self) -> SmallVideoConfig:
        """The small picture: as configured, or 640 wide (half as wide below 1280) in the shape of the first."""
        if self.small is not None:
            return self.small
        width = 640 if self.width >= 1280 else max(320, self.width // 32 * 16)
        height = max(180, self.height * width // self.width // 4 * 4)
        return SmallVideoConfig(
            width=width,
            height=height,
            fps=min(15, self.fps),
            bitrate_bps=min(400_000, max(150_000, self.bitrate_bps // 2)),
        )


Factor = Annotated[float, Meta(ge=0.05, le=1)]
"""Never nothing: who presses the button at night is answered, too."""


class NightConfig(Table, frozen=True):
    """From `begins` to `ends`, in local time, the loudspeaker is quieter: `tones` and `voice` are factors."""

    begins: dt.time
    ends: dt.time
    tones: Factor = 0.3
    voice: Factor = 0.7


class VoiceConfig(Table, frozen=True):
    """What is taken out of the microphone; `gain_db`: by how much a quiet visitor is made louder, at most.

    More than 12 dB of it undoes the echo cancellation. `off` hands the microphone on as it is.
    """

    off: bool = False
    echo: bool = True
    noise: NoiseLevel = "moderate"
    high_pass: bool = True
    gain_db: Annotated[float, Meta(ge=0, le=12)] = 0.0

    @property
    def as_it_is(self) -> bool:
        """Whether nothing is to be done to the microphone."""
        return self.off or not (self.echo or self.noise != "off" or self.high_pass or self.gain_db)


class SoundConfig(Table, frozen=True):
    """ALSA PCM names, or a board that stands for them; `tones`: sound files of the house's own, by tone.

    `load_config` puts in what the board says; `capture` and `playback` are never empty afterwards.
    """

    board: str | None = None
    capture: PcmName = ""
    playback: PcmName = ""
    mixer: MixerConfig | None = None
    voice: VoiceConfig = field(default_factory=VoiceConfig)
    period_ms: Annotated[int, Meta(ge=5, le=40)] = 10
    tones: dict[ToneName, str] = field(default_factory=dict)
    night: NightConfig | None = None


class SnapshotConfig(Table, frozen=True):
    """Of which calls a picture of the visitor is kept, and how many; `stamp` burns in when, and which button."""

    keep: Literal["none", "unanswered", "all"] = "unanswered"
    after_s: Annotated[float, Meta(ge=0, le=10)] = 1.5
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50
    limit_mb: Annotated[int, Meta(ge=1, le=1000)] = 20
    stamp: bool = False


class MediaConfig(Table, frozen=True):
    """`host_addresses`: offer only these addresses of this machine to the peer; empty for all."""

    host_addresses: list[str] = field(default_factory=list)


class Config(PanelTables, frozen=True, kw_only=True):
    """The whole file; paths are made absolute, relative to the file itself."""

    identity: str
    state: str
    control_socket: str
    gpio: GpioConfig = field(default_factory=GpioConfig)
    call: CallConfig = field(default_factory=CallConfig)
    links: LinksConfig = field(default_factory=LinksConfig)
    video: VideoConfig = field(default_factory=VideoConfig)
    sound: SoundConfig = field(default_factory=SoundConfig)
    media: MediaConfig = field(default_factory=MediaConfig)
    snapshots: SnapshotConfig = field(default_factory=SnapshotConfig)


def load_config(path: Path) -> Config:
    """The checked configuration; ConfigError names the file, the member, and what would be right.

    FileUnreadable where it could not be read this time.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error, "name the configuration with --config") from error
    config = parse_settings(data, str(path), Config)
    _check(path, config)
    base = path.resolve().parent
    source = config.video.source or ("pattern" if config.gpio.pins == "mock" else "camera")
    return msgspec.structs.replace(
        config,
        sound=_sound(path, base, config),
        video=msgspec.structs.replace(config.video, source=source),
        identity=str(base / config.identity),
        state=str(base / config.state),
        control_socket=str(base / config.control_socket),
    )


def _sound(path: Path, base: Path, config: Config) -> SoundConfig:
    """[sound] with absolute paths and what its board stands for."""
    sound = config.sound
    if sound.voice.echo and not sound.voice.high_pass:
        raise ConfigError(
            f"{path}: sound.voice.high_pass: echo cancellation brings it along; leave it, or set echo = false"
        )
    try:
        capture, playback, mixer = as_configured(sound.board, sound.capture, sound.playback, sound.mixer)
        taken = [] if sound.board is None else load_board(sound.board).pins_bcm
    except ConfigError as error:
        raise ConfigError(f"{path}: sound.board: {error}") from error
    for where, pin in lines(config).items():
        if pin in taken:
            raise ConfigError(f"{path}: {where}.pin_bcm: GPIO {pin} belongs to the board {sound.board}; choose another")
    own = {name: str(base / file) for name, file in sound.tones.items()}
    return msgspec.structs.replace(sound, capture=capture, playback=playback, mixer=mixer, tones=own)


def _check(path: Path, config: Config) -> None:
    for member in ("width", "height", "fps", "bitrate_bps"):
        most = getattr(config.video, member)
        if getattr(config.video.second, member) > most:
            raise ConfigError(f"{path}: video.small.{member}: more than video.{member} ({most}); make it that or less")
    try:
        lines(config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
