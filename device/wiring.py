"""Makes adapters from the configuration: shared by the daemon and by `check`, so both try the same thing.

What is heavy to import is imported when it is built.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from device.adapters.gpio import GpiozeroPanel, PanelWiring, StrikeLine
from device.config import Config, VideoConfig
from device.core.events import Event
from device.identity import DeviceIdentity
from device.ports import Peers, Sound, Stream, StreamFormat, ToneName, VideoSource
from protocol.errors import ConfigError

log = structlog.get_logger()

Post = Callable[[Event], None]


def build_panel(config: Config, post: Post) -> GpiozeroPanel:
    doors = {name: StrikeLine(door.pin_bcm, door.open_s) for name, door in config.door.items()}
    buttons = {name: button.pin_bcm for name, button in config.button.items()}
    lamp = config.lamp.pin_bcm if config.lamp else None
    return GpiozeroPanel(PanelWiring(config.gpio.pins, buttons, doors, lamp), post)


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
    return AlsaSound(sound.capture, sound.playback, sound.period_ms, mixer, post)


def build_video(config: Config, caption: str, post: Post) -> VideoSource:
    video = config.video
    formats = stream_formats(video)
    if video.source == "pattern":
        from device.adapters.pattern import PatternCamera  # noqa: PLC0415 - PyAV's import must not delay the button

        return PatternCamera(formats, caption, post)
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
        post,
        host_addresses=config.media.host_addresses,
        bitrate_bps=config.video.bitrate_bps,
        level="42e028" if config.video.height > 720 else "42e01f",
    )
