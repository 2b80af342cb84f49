"""People who talk: speech by espeak-ng, in several voices, at one level."""

import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 48_000

SPEECH_DBFS = -26.0
"""Active speech level, as telephony adjusts it (ITU-T P.56 levels are commonly set to -26 dBov)."""

PAUSE_DB = 40.0
"""What is this much below the loudest moment of a recording is a pause."""

Sound = npt.NDArray[np.float64]
"""Mono, 48 kHz, full scale is 1."""


@dataclass(frozen=True, slots=True)
class Talker:
    """A voice of espeak-ng with its pace in words a minute, its pitch (0–99), and what it says."""

    voice: str
    pace: int
    pitch: int
    text: str


VISITORS = (
    Talker(
        "en-gb+m3", 155, 45, "Good evening. I have a parcel for the third floor, but there is nobody to take it. "
        "Could you sign for it, please? It will only take a minute. Otherwise I can leave it with your neighbours.",
    ),
    Talker(
        "en-us+f2", 165, 60, "Hello, it is me. I forgot my key again, would you let me in? My bag is heavy and it has "
        "begun to rain. I waited at the back door first, because I thought that you would be in the garden.",
    ),
    Talker(
        "en-gb-x-rp+f4", 150, 50, "This is the water company. We would like to read the meter in the cellar. "
        "You should have had a letter from us last week. May I show you my card through the camera?",
    ),
    Talker(
        "en-gb-scotland+m1", 160, 40, "Is the doctor in today? My appointment was at half past nine, and I could not "
        "find anywhere to park. Please tell them that I have arrived, and that the boy has a fever.",
    ),
)  # fmt: skip
"""At the door: the near end."""

TENANTS = (
    Talker(
        "en-us+m7", 160, 38, "Thank you for coming. Please wait a moment, I am on my way down from the fifth floor. "
        "The lift is broken, so it may take a little longer than it usually does. Do not go away, please.",
    ),
    Talker(
        "en-gb+f3", 155, 65, "Who is there, please? I cannot see you very well, the sun is right behind you. Could "
        "you take one step to the left? Yes, that is much better. Now tell me again whom you wanted to see.",
    ),
    Talker(
        "en-gb-x-gbcwmd+m4", 150, 42, "Just leave it in front of the door on the right, next to the bicycles. If it "
        "is too big, put it under the stairs. The code for the cellar has changed, the new one came by post.",
    ),
    Talker(
        "en-029+f5", 165, 55, "I am sorry, there is no one of that name in this house. Perhaps you want number "
        "seventeen, across the street. The blue door beside the bakery, with the two bells, one above the other.",
    ),
)  # fmt: skip
"""Behind it: the far end, which the loudspeaker plays."""


def missing() -> str | None:
    """Why nobody can talk here; None if they can."""
    lacking = [program for program in ("espeak-ng", "sox") if shutil.which(program) is None]
    return f"{' and '.join(lacking)} not installed" if lacking else None


def speak(talker: Talker, seconds: float) -> Sound:
    """The talker's text again and again, cut to `seconds`, its active parts at SPEECH_DBFS."""
    with tempfile.TemporaryDirectory(prefix="doorward-speech-") as folder:
        said, resampled = Path(folder) / "said.wav", Path(folder) / "resampled.wav"
        subprocess.run(
            ["espeak-ng", "-v", talker.voice, "-s", str(talker.pace), "-p", str(talker.pitch), "-w", str(said),
             talker.text],
            check=True, capture_output=True,
        )  # fmt: skip
        subprocess.run(["sox", "-D", said, "-r", str(RATE_HZ), "-b", "16", resampled], check=True, capture_output=True)
        with wave.open(str(resampled), "rb") as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64) / 32768
    wanted = int(seconds * RATE_HZ)
    once = np.concatenate([samples, np.zeros(RATE_HZ // 2)])
    return at_level(np.tile(once, -(-wanted // len(once)))[:wanted], SPEECH_DBFS)


def at_level(sound: Sound, dbfs: float) -> Sound:
    """The sound with the RMS of its active parts at `dbfs`."""
    levelled: Sound = sound * (10 ** (dbfs / 20) / np.sqrt(np.mean(np.square(sound[active(sound)]))))
    return levelled


def active(sound: Sound, window_s: float = 0.02) -> npt.NDArray[np.bool_]:
    """By sample, whether somebody is talking: not within a pause."""
    size = int(window_s * RATE_HZ)
    blocks = sound[: len(sound) // size * size].reshape(-1, size)
    power = np.mean(np.square(blocks), axis=1)
    talking = np.repeat(power > power.max() * 10 ** (-PAUSE_DB / 10), size)
    return np.pad(talking, (0, len(sound) - len(talking)))
