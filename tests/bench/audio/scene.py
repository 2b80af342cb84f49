"""A door, simulated: what its microphone hears of its loudspeaker, of the visitor and of the street."""

from dataclasses import dataclass

import numpy as np

from tests.bench.audio.speech import RATE_HZ, SPEECH_DBFS, Sound, at_level

SPEAKER_BAND_HZ = (250.0, 9_000.0)
"""What a speaker of 40 mm in a case has to give."""

SPEAKER_DRIVE = 1.3
"""tanh(drive · x): a sine at full scale comes out with 10 % of harmonics, which is what small class-D amplifiers are
rated for (MAX98357A data sheet, output power at THD+N = 10 %)."""

ROOM_DECAY_S = 0.25
"""Until the reverberation of an entrance has fallen by 60 dB."""

DIRECT_OVER_ROOM_DB = 6.0
HISS_DBFS = -78.0
"""A MEMS microphone's own noise: 65 dB below 94 dB SPL (SPH0645, ICS-43434 data sheets); talk at the door has 80."""

UPSAMPLED = 8


@dataclass(frozen=True, slots=True)
class Scene:
    """`isolation_db`: by how much the loudspeaker, heard by the microphone, is quieter than a visitor who talks.

    `drift_ppm`: by how much the microphone's clock is faster than the loudspeaker's.
    """

    delay_ms: float = 90.0
    isolation_db: float = 6.0
    distorting: bool = True
    room: bool = True
    drift_ppm: float = 0.0
    street_dbfs: float | None = None
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """What the microphone hears, and of what that is made."""

    microphone: Sound
    echo: Sound
    visitor: Sound


def hear(scene: Scene, far: Sound, visitor: Sound | None = None) -> Heard:
    """What the microphone hears; `far` is what the loudspeaker is given. Nobody talks where `visitor` is zero."""
    rng = np.random.default_rng(scene.seed)
    near = np.zeros_like(far) if visitor is None else visitor
    echo = _band(_distorted(far) if scene.distorting else far)
    echo = _convolved(echo, _response(scene, rng))
    if scene.drift_ppm:
        echo = _drifting(echo, scene.drift_ppm)
    echo = at_level(echo, SPEECH_DBFS - scene.isolation_db)
    noise = rng.standard_normal(len(far)) * 10 ** (HISS_DBFS / 20)
    if scene.street_dbfs is not None:
        noise = noise + _street(len(far), scene.street_dbfs, rng)
    return Heard(np.clip(echo + near + noise, -1, 1), echo, near)


def _distorted(far: Sound) -> Sound:
    """The loudspeaker is played as loud as it goes: the loudest moment is full scale of its amplifier."""
    loudest = np.abs(far).max()
    played: Sound = np.tanh(SPEAKER_DRIVE * far / loudest) * loudest / SPEAKER_DRIVE
    return played


def _band(sound: Sound) -> Sound:
    """Second order at either end, in the frequency domain and minimum phase enough for the purpose."""
    low, high = SPEAKER_BAND_HZ
    size = _fft_size(len(sound))
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    s = 1j * np.maximum(hz, 1e-3)
    response = (s**2 / (s**2 + np.sqrt(2) * low * s + low**2)) * (high**2 / (s**2 + np.sqrt(2) * high * s + high**2))
    shaped: Sound = np.fft.irfft(np.fft.rfft(sound, size) * response, size)[: len(sound)]
    return shaped


def _response(scene: Scene, rng: np.random.Generator) -> Sound:
    """From the loudspeaker to the microphone: the direct sound after the delay, then what the entrance throws back."""
    start = round(scene.delay_ms * RATE_HZ / 1000)
    tail = int(ROOM_DECAY_S * RATE_HZ) if scene.room else 0
    response = np.zeros(start + 1 + tail)
    response[start] = 1.0
    if tail:
        at = np.arange(1, tail + 1) / RATE_HZ
        diffuse = rng.standard_normal(tail) * 10 ** (-3 * at / ROOM_DECAY_S)
        diffuse[: RATE_HZ // 1000] = 0  # the nearest wall is 17 cm away
        response[start + 1 :] = diffuse * 10 ** (-DIRECT_OVER_ROOM_DB / 20) / np.sqrt(np.sum(np.square(diffuse)))
    return response


def _convolved(sound: Sound, response: Sound) -> Sound:
    size = _fft_size(len(sound) + len(response))
    product: Sound = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)
    return product[: len(sound)]


def _drifting(sound: Sound, ppm: float) -> Sound:
    """As another clock would have sampled it: interpolated between samples at eight times the rate."""
    size = _fft_size(len(sound))
    spectrum = np.fft.rfft(sound, size)
    fine = np.fft.irfft(spectrum, size * UPSAMPLED) * UPSAMPLED
    at = np.arange(len(sound)) * (1 - ppm * 1e-6) * UPSAMPLED
    drifted: Sound = np.interp(at, np.arange(len(fine)), fine)
    return drifted


def _street(length: int, dbfs: float, rng: np.random.Generator) -> Sound:
    """Traffic: mostly below 500 Hz, swelling and fading as cars pass every few seconds."""
    size = _fft_size(length)
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    shape = 1 / np.sqrt(1 + (hz / 500) ** 2) * (hz > 30)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(size)) * shape, size)[:length]
    at = np.arange(length) / RATE_HZ
    swell = 1 + 0.5 * np.sin(2 * np.pi * at / 7 + 1) + 0.3 * np.sin(2 * np.pi * at / 3.1)
    passing = noise * swell
    loud: Sound = passing * (10 ** (dbfs / 20) / np.sqrt(np.mean(np.square(passing))))
    return loud


def _fft_size(length: int) -> int:
    return 1 << (length - 1).bit_length()
