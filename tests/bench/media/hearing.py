"""How long sound takes from a mouth to an ear: two recordings of one moment, compared by correlation.

Both are monitors of sinks of the same sound server, read the same way, so what reading costs falls out of the
difference.
"""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from playwright.sync_api import BrowserContext

from tests.bench.media.peers import ORIGIN, serve

RATE_HZ = 48_000
CHUNK = 960
"""Bytes read at a time: 10 ms."""

LONGEST_S = 3.0
"""Later than this is not looked for. Far later than anybody could talk with: what is late must show as late."""

STANDS_OUT = 40.0
"""A correlation's peak by its median, from which on it is the same sound; chance and echoes of a word stay below 32."""

_COPY = """async () => {
  const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const audio = document.querySelector("audio");
  audio.srcObject = await navigator.mediaDevices.getUserMedia({ audio: raw });
  await audio.play();
}"""

Samples = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recording:
    """Mono at 48 kHz; `began` is the monotonic time of its first sample, as early as reading it allows to say."""

    samples: Samples
    began: float


class Recorder:
    """Records what a sink plays, from `start` to `stop`."""

    def __init__(self, sink: str, env: Mapping[str, str]) -> None:
        command = ["parec", f"--device={sink}.monitor", "--format=s16le", "--rate=48000", "--channels=1"]
        self._process = subprocess.Popen(
            [*command, "--latency-msec=10"], env={**os.environ, **env}, stdout=subprocess.PIPE
        )
        self._data = bytearray()
        self._began = float("inf")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            raise RuntimeError("parec has no output")
        descriptor = stream.fileno()
        while data := os.read(descriptor, CHUNK):
            # A chunk can be late but never early: the earliest says when recording began.
            self._data += data
            self._began = min(self._began, time.monotonic() - len(self._data) / 2 / RATE_HZ)

    def stop(self) -> Recording:
        self._process.terminate()
        self._process.wait(5)
        self._thread.join(5)
        whole = len(self._data) // 2 * 2
        return Recording(np.frombuffer(bytes(self._data[:whole]), "<i2").astype(np.float64) / 32768, self._began)


def delays_s(mouth: Recording, ear: Recording, window_s: float = 1.5) -> list[float]:
    """How much later the ear heard, one value for every window of the mouth's in which something was said."""
    found: list[float] = []
    size = int(window_s * RATE_HZ)
    span = int(LONGEST_S * RATE_HZ)
    for start in range(0, len(mouth.samples) - size, size):
        said = mouth.samples[start : start + size]
        if np.sqrt(np.mean(said**2)) < 0.003:
            continue
        at = start + round((mouth.began - ear.began) * RATE_HZ)
        heard = ear.samples[max(0, at) : at + size + span]
        if at < 0 or len(heard) < size + span or np.sqrt(np.mean(heard**2)) < 0.0003:
            continue
        lag = _lag(said, heard, span)
        if lag is not None:
            found.append(lag / RATE_HZ)
    return found


def _lag(said: Samples, heard: Samples, span: int) -> int | None:
    """Where `said` begins in `heard`: the highest point of their correlation, whitened so that its peak is sharp.

    None if it is not in there.
    """
    size = 1 << (len(heard) + len(said)).bit_length()
    cross = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size))
    weight = np.abs(cross) ** 0.6 + 1e-12
    correlation = np.abs(np.fft.irfft(cross / weight, size)[:span])
    at = int(np.argmax(correlation))
    return at if correlation[at] > STANDS_OUT * np.median(correlation) else None


def say(wav: Path, sink: str, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Play a file into a sink; the caller ends it."""
    return subprocess.Popen(["paplay", f"--device={sink}", str(wav)], env={**os.environ, **env})


def mouth_to_ear(wav: Path, mouth: str, ear: str, env: Mapping[str, str], seconds: float) -> list[float]:
    """Say `wav` into the sink `mouth` for so long, listen at both sinks; delays in seconds."""
    recorders = [Recorder(sink, env) for sink in (mouth, ear)]
    speaking = say(wav, mouth, env)
    try:
        time.sleep(seconds)
    finally:
        speaking.terminate()
        speaking.wait(5)
    said, heard = (recorder.stop() for recorder in recorders)
    return delays_s(said, heard)


def door_cards_s(wav: Path, env: Mapping[str, str]) -> float:
    """From the street to the door's loudspeaker, with a mere copy, period by period, between the same PCMs."""
    program = [sys.executable, "-m", "tests.bench.media.copy_sound", "door_capture", "door_playback"]
    return _loop_s(subprocess.Popen(program, env={**os.environ, **env}), wav, "street", "speaker", env)


def home_cards_s(context: BrowserContext, wav: Path, env: Mapping[str, str]) -> float:
    """From the caller's microphone to the listener's ear inside one page, with nothing between."""
    page = context.new_page()
    try:
        page.route(f"{ORIGIN}**", serve)
        page.goto(ORIGIN)
        page.evaluate(_COPY)
        page.wait_for_timeout(1500)
        return statistics.median(mouth_to_ear(wav, "caller", "listener", env, 12))
    finally:
        page.close()


def _loop_s(copying: "subprocess.Popen[bytes]", wav: Path, mouth: str, ear: str, env: Mapping[str, str]) -> float:
    try:
        time.sleep(1.5)
        return statistics.median(mouth_to_ear(wav, mouth, ear, env, 12))
    finally:
        copying.terminate()
        copying.wait(5)
