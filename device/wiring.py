"""Makes adapters and rules from the configuration: shared by the daemon and by `check`, so both try the same thing.

What is heavy to import is imported when it is built.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from device.adapters.gpio import GpiozeroPanel, KeypadLines, LampLines, PanelWiring, StrikeLine
from device.config import Config, VideoConfig
from device.core.events import Event
from device.core.rules import CallRules, DoorRules, PanelRules, SnapshotRules
from device.identity import DeviceIdentity
from device.panel_config import ContactConfig, DoorConfig, lines
from device.ports import Peers, Sound, Stream, StreamFormat, ToneName, VideoSource, VoiceFilter
from device.strikes import remember
from protocol.errors import ConfigError

log = structlog.get_logger()

Post = Callable[[Event], None]

VOICE_REMEDY = "install pywebrtc-audio, or set off = true in [sound.voice]; until then the loudspeaker is heard as echo"


def panel_wiring(config: Config) -> PanelWiring:
    """What the panel is built from: every line that is configured."""
    pins = lines(config)
    return PanelWiring(
        pins=config.gpio.pins,
        buttons={name: pins[f"button.{name}"] for name in config.button},
        doors={name: StrikeLine(pins[f"door.{name}"], door.open_s) for name, door in config.door.items()},
        lamp=LampLines(pins["lamp"], pins.get("lamp.second")) if config.lamp else None,
        exits={name: pins[f"door.{name}.exit"] for name, door in config.door.items() if door.exit},
        contacts={name: pins[f"door.{name}.contact"] for name, door in config.door.items() if door.contact},
        tamper=pins.get("tamper"),
        keypad=KeypadLines(
            [pins[f"keypad.row-{number}"] for number in (1, 2, 3, 4)],
            [pins[f"keypad.column-{number}"] for number in (1, 2, 3)],
        )
        if config.keypad
        else None,
    )


def build_panel(config: Config, post: Post) -> GpiozeroPanel:
    return GpiozeroPanel(panel_wiring(config), post)


def remember_strikes(config: Config) -> None:
    """So that they are low at once however the daemon ends; without that it takes what reading the file takes."""
    wiring = panel_wiring(config)
    if wiring.pins != "lgpio":
        return
    try:
        remember(line.pin_bcm for line in wiring.doors.values())
    except OSError as error:
        log.warning("strikes-not-remembered", why=str(error), consequence="a killed daemon's are lowered later")


def call_rules(config: Config) -> CallRules:
    return CallRules(
        ring_s=config.call.ring_s,
        talk_s=config.call.talk_s,
        view_s=config.call.view_s,
        doors={name: _door_rules(door) for name, door in config.door.items()},
        long_press={name: button.long_press for name, button in config.button.items() if button.long_press},
        snapshots=SnapshotRules(config.snapshots.keep, config.snapshots.after_s),
    )


def panel_rules(config: Config) -> PanelRules:
    return PanelRules(
        long_press_s={name: button.long_press_s for name, button in config.button.items() if button.long_press},
        keypad=config.keypad.door if config.keypad else None,
    )


def _door_rules(door: DoorConfig) -> DoorRules:
    contact = door.contact or ContactConfig()
    return DoorRules(door.open_s, contact.left_open_s, contact.forced_alarm)


def build_sound(config: Config, post: Post) -> Sound:
    from device.adapters.audio import AlsaSound  # noqa: PLC0415 - PyAV's import must not delay the button
    from device.media.mixer import Mixer, Night, Volume  # noqa: PLC0415 - likewise
    from device.media.tones import Samples, Tones, load_sound  # noqa: PLC0415 - likewise

    sound = config.sound
    own: dict[ToneName, Samples] = {}
    for name, path in sound.tones.items():
        try:
            own[name] = load_sound(Path(path))
        except ConfigError as error:  # ours is played instead; `check` shows it
            log.warning("sound-not-taken", tone=name, why=str(error))
    night = sound.night and Night(sound.night.begins, sound.night.ends, Volume(sound.night.tones, sound.night.voice))
    mixer = Mixer(Tones(own), lambda: night.at(dt.datetime.now().astimezone().time()) if night else Volume())
    return AlsaSound(sound.capture, sound.playback, sound.period_ms, mixer, post, build_voice(config))


def build_voice(config: Config) -> VoiceFilter | None:
    """What the microphone goes through; None for nothing: it is switched off, or cannot be had (which is logged)."""
    voice = config.sound.voice
    if voice.as_it_is:
        return None
    try:
        from device.adapters.echo import VoiceSettings, WebrtcVoice  # noqa: PLC0415 - numpy must not delay the button
    except ImportError as error:  # a door that echoes is still a door
        log.error("voice-not-filtered", why=str(error), remedy=VOICE_REMEDY)
        return None
    return WebrtcVoice(VoiceSettings(voice.echo, voice.noise, voice.high_pass, voice.gain_db))


def build_video(config: Config, caption: str, post: Post) -> VideoSource:
    video = config.video
    formats = stream_formats(video)
    if video.source == "pattern":
        from device.adapters.pattern import PatternCamera  # noqa: PLC0415 - PyAV's import must not delay the button

        return PatternCamera(formats, caption, post, video.grain)
    from device.adapters.camera import CameraSetup, Picamera2Camera  # noqa: PLC0415 - likewise

    setup = CameraSetup(video.camera, video.rotation, video.mirror, video.idle, video.encoder)
    return Picamera2Camera(formats, setup, post)


def stream_formats(video: VideoConfig) -> Mapping[Stream, StreamFormat]:
    """What each stream of the camera is to be; VP8 is made at the small size."""
    second = video.second
    small = StreamFormat(second.width, second.height, second.fps, second.bitrate_bps)
    return {"main": StreamFormat(video.width, video.height, video.fps, video.bitrate_bps), "small": small, "vp8": small}


def build_peers(config: Config, identity: DeviceIdentity, video: VideoSource, sound: Sound, post: Post) -> Peers:
    from device.adapters.webrtc import AiortcPeers  # noqa: PLC0415 - aiortc's import must not delay the button

    return AiortcPeers(
        identity.key,
        identity.certificate,
        video,
        sound,
        stream_formats(config.video),
        post,
        host_addresses=config.media.host_addresses,
    )
