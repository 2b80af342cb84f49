"""Makes adapters from the configuration: shared by the daemon and by `check`, so both try the same thing.

What is heavy to import is imported when it is built.
"""

from collections.abc import Callable

from device.adapters.gpio import GpiozeroPanel, PanelWiring, StrikeLine
from device.config import Config
from device.core.events import Event
from device.identity import DeviceIdentity
from device.ports import Peers, Sound, VideoSource

Post = Callable[[Event], None]


def build_panel(config: Config, post: Post) -> GpiozeroPanel:
    doors = {name: StrikeLine(door.pin_bcm, door.open_s) for name, door in config.door.items()}
    buttons = {name: button.pin_bcm for name, button in config.button.items()}
    lamp = config.lamp.pin_bcm if config.lamp else None
    return GpiozeroPanel(PanelWiring(config.gpio.pins, buttons, doors, lamp), post)


def build_sound(config: Config, post: Post) -> Sound:
    from device.adapters.audio import AlsaSound  # noqa: PLC0415 - PyAV's import must not delay the button

    return AlsaSound(config.sound.capture, config.sound.playback, config.sound.period_ms, post)


def build_video(config: Config, caption: str, post: Post) -> VideoSource:
    from device.adapters.pattern import PatternCamera  # noqa: PLC0415 - PyAV's import must not delay the button

    video = config.video
    return PatternCamera(video.width, video.height, video.fps, video.bitrate_bps, caption, post)


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
