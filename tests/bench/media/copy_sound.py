"""Copies one ALSA PCM to another, in the daemon's own periods: what the sound cards alone take."""

import sys

import alsaaudio

from device.adapters.audio.line import PERIODS

PERIOD = 480


def main(capture: str, playback: str) -> None:
    heard, said = (
        alsaaudio.PCM(
            type=kind,
            device=name,
            rate=48_000,
            channels=1,
            format=alsaaudio.PCM_FORMAT_S16_LE,
            periodsize=PERIOD,
            periods=PERIODS,
        )
        for kind, name in ((alsaaudio.PCM_CAPTURE, capture), (alsaaudio.PCM_PLAYBACK, playback))
    )
    while True:
        count, data = heard.read()
        if count > 0:
            said.write(data)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
