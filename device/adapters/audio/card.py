"""The sound card while it is set up: a recording of what it plays, and its mixer. Not used by the running daemon."""

import threading
import time
from typing import Any, Literal

import alsaaudio
import numpy as np
import numpy.typing as npt

from device.errors import HardwareError

RATE_HZ = 48_000
PERIOD = 480
PERIODS = 8
LOWEST_DB, HIGHEST_DB = -200.0, 100.0
"""What a control can sensibly say; a card without dB leaves the library with whatever was in memory."""

MUTED = -9_999_999
"""SND_CTL_TLV_DB_GAIN_MUTE of <sound/tlv.h>: the lowest step of a control is silence."""

Samples = npt.NDArray[np.int16]
Which = Literal["playback", "capture"]
Unit = Literal["dB", "%"]


class AlsaCard:
    """Two PCMs by name. HardwareError says which one, what was wrong, and what to do."""

    def __init__(self, capture: str, playback: str) -> None:
        self._names = {"capture": capture, "playback": playback}

    def record_while_playing(self, played: Samples, more_s: float) -> tuple[Samples, int]:
        """What the microphone heard, until `more_s` after the end; how many samples it begins after the playing."""
        capture = self._open("capture")
        try:
            playback = self._open("playback")
        except HardwareError:
            capture.close()
            raise
        began: list[float] = []
        failed: list[Exception] = []
        speaker = threading.Thread(target=self._play, args=(playback, played, began, failed), name="sweep")
        recorded: list[Samples] = []
        try:
            channels = capture.info()["channels"]
            capture.read()  # runs from here on
            first = time.monotonic()
            speaker.start()
            wanted = len(played) + int(more_s * RATE_HZ)
            while sum(map(len, recorded)) < wanted and not failed:
                count, data = capture.read()
                if count < 0:
                    raise HardwareError(
                        "the microphone's sound was lost while recording; is the machine busy? try again"
                    )
                frames = np.frombuffer(data, np.int16).reshape(-1, channels)
                recorded.append(frames.mean(axis=1).astype(np.int16))
        except alsaaudio.ALSAAudioError as error:
            raise HardwareError(f"ALSA {self._names['capture']!r}: {error}") from error
        finally:
            capture.close()
            if speaker.ident is not None:
                speaker.join(len(played) / RATE_HZ + 5)
            playback.close()
        if failed:
            raise HardwareError(f"ALSA {self._names['playback']!r}: {failed[0]}") from failed[0]
        return np.concatenate(recorded), round((first - began[0]) * RATE_HZ)

    @staticmethod
    def _play(pcm: Any, played: Samples, began: list[float], failed: list[Exception]) -> None:
        try:
            channels = pcm.info()["channels"]
            began.append(time.monotonic())
            for at in range(0, len(played), PERIOD):
                pcm.write(np.repeat(played[at : at + PERIOD], channels).tobytes())
        except alsaaudio.ALSAAudioError as error:
            failed.append(error)

    def _open(self, which: Which) -> Any:
        name = self._names[which]
        kind = alsaaudio.PCM_CAPTURE if which == "capture" else alsaaudio.PCM_PLAYBACK
        try:
            pcm = alsaaudio.PCM(
                type=kind,
                device=name,
                rate=RATE_HZ,
                channels=1,
                format=alsaaudio.PCM_FORMAT_S16_LE,
                periodsize=PERIOD,
                periods=PERIODS,
            )
        except alsaaudio.ALSAAudioError as error:
            busy = "; another program has it: stop that, or the daemon" if "busy" in str(error) else ""
            raise HardwareError(f"{which}: ALSA {name!r}: {error}{busy}; compare with `aplay -L`") from error
        granted = pcm.info()
        if granted["rate"] != RATE_HZ or granted["format"] != alsaaudio.PCM_FORMAT_S16_LE:
            pcm.close()
            raise HardwareError(
                f"{which}: ALSA {name!r} does not give S16_LE at {RATE_HZ} Hz: name plug:{name} instead"
            )
        return pcm


class AlsaMixer:
    """A card's controls by their simple names (as `amixer scontrols` shows them)."""

    def __init__(self, card: str) -> None:
        self._card = card

    def names(self) -> list[str]:
        """What the card has. HardwareError if there is no such card."""
        try:
            return list(alsaaudio.mixers(device=self._card))
        except alsaaudio.ALSAAudioError as error:
            raise HardwareError(f"mixer: ALSA {self._card!r}: {error}; compare with `aplay -L`") from error

    def read(self, control: str, which: Which) -> tuple[float, Unit, float, float]:
        """Value, unit, lowest and highest. A control for both directions is the same in either."""
        with self._control(control) as mixer:
            kind = _kind(mixer, which)
            low, high = mixer.getrange(kind, alsaaudio.VOLUME_UNITS_DB)
            if _tells_db(low, high):
                value = mixer.getvolume(kind, alsaaudio.VOLUME_UNITS_DB)[0] / 100
                return max(value, LOWEST_DB), "dB", max(low / 100, LOWEST_DB), high / 100
            return float(mixer.getvolume(kind, alsaaudio.VOLUME_UNITS_PERCENTAGE)[0]), "%", 0.0, 100.0

    def write(self, control: str, which: Which, value: float, unit: Unit) -> None:
        """Set it, on all channels."""
        with self._control(control) as mixer:
            kind = _kind(mixer, which)
            if unit == "dB":
                mixer.setvolume(round(value * 100), pcmtype=kind, units=alsaaudio.VOLUME_UNITS_DB)
            else:
                mixer.setvolume(round(value), pcmtype=kind, units=alsaaudio.VOLUME_UNITS_PERCENTAGE)

    def switch(self, control: str, on: bool) -> None:
        """Switch it on (heard) or off."""
        with self._control(control) as mixer:
            if any(can.startswith("Capture") for can in mixer.switchcap()):
                mixer.setrec(int(on))
            else:
                mixer.setmute(int(not on))

    def _control(self, control: str) -> "_Control":
        return _Control(self._card, control)


class _Control:
    """A mixer element while it is used; the library's exceptions come out as HardwareError."""

    def __init__(self, card: str, control: str) -> None:
        self._card = card
        self._name = control

    def __enter__(self) -> Any:
        try:
            self._mixer = alsaaudio.Mixer(self._name, device=self._card)
        except alsaaudio.ALSAAudioError as error:
            raise HardwareError(f"mixer: ALSA {self._card!r}: {error}") from error
        return self._mixer

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._mixer.close()
        if isinstance(error, alsaaudio.ALSAAudioError):
            raise HardwareError(f"mixer: ALSA {self._card!r}: {self._name}: {error}") from error


def _kind(mixer: Any, which: Which) -> int:
    """The direction, or the only one that the control has."""
    prefix = which.capitalize()
    own = [can for can in mixer.volumecap() if can.startswith(prefix)]
    capture = (which == "capture") == bool(own or not mixer.volumecap())
    return int(alsaaudio.PCM_CAPTURE if capture else alsaaudio.PCM_PLAYBACK)


def _tells_db(low: int, high: int) -> bool:
    return low < high and high <= HIGHEST_DB * 100 and (low == MUTED or low >= LOWEST_DB * 100)
