"""Echo, noise and rumble out of the microphone, by WebRTC's audio processing; only here is pywebrtc_audio imported.

The canceller looks for the echo's delay itself and follows it. It judges what is audible by absolute levels, and takes
too much of a visitor who talks while the loudspeaker does; given the microphone more quietly, it takes less
(docs/sound.md has the figures). Its samples are floating point, so nothing is lost by that.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from pywebrtc_audio import AudioProcessor, GainController

from device.ports import NoiseLevel

RATE_HZ = 48_000
FULL_SCALE = 32768.0

NOISE_LEVELS: tuple[NoiseLevel, ...] = ("mild", "moderate", "strong", "strongest")
"""The library's 0 to 3: 6, 12, 18 and 21 dB."""

QUIETER = 0.5
"""What the microphone is multiplied by on its way into the canceller, and divided by on its way out: 6 dB.

The far end is not: below 40 dB under full scale the canceller takes it for silence and lets its echo through.
"""

Block = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """What is done to the microphone. `gain_db` is the most by which a quiet visitor is made louder; 0 for not at all.

    The canceller brings the high-pass (below 100 Hz or so) along: `high_pass` is for doors without it.
    """

    echo: bool = True
    noise: NoiseLevel = "moderate"
    high_pass: bool = True
    gain_db: float = 0.0


class WebrtcVoice:
    """`device.ports.VoiceFilter`. What comes out is some 15 ms later than what goes in, at most."""

    def __init__(self, settings: VoiceSettings) -> None:
        self._quieter = QUIETER if settings.echo else 1.0
        self._processor = AudioProcessor(
            sample_rate=RATE_HZ,
            echo_cancellation=settings.echo,
            noise_suppression=settings.noise != "off",
            high_pass_filter=settings.high_pass,
            ns_level=0 if settings.noise == "off" else NOISE_LEVELS.index(settings.noise),
        )
        self._gain = GainController(sample_rate=RATE_HZ, max_gain_db=settings.gain_db) if settings.gain_db else None

    def process(self, near: Block, far: Block) -> Block:
        """See `device.ports.VoiceFilter.process`. The library lets go of Python's lock meanwhile."""
        quiet = near.astype(np.float32) * np.float32(self._quieter / FULL_SCALE)
        done = self._processor.process(quiet, far.astype(np.float32) / np.float32(FULL_SCALE))
        done = done / np.float32(self._quieter)
        if self._gain is not None:
            done = self._gain.process(done)
        return cast("Block", np.clip(np.rint(done * FULL_SCALE), -32768, 32767).astype(np.int16))

    def reset(self) -> None:
        """Forget the room, the noise and the gain; the settings stay."""
        self._processor.reset()
        if self._gain is not None:
            self._gain.reset()
