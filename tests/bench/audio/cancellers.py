"""The candidates: ours as the door runs it, and two others to compare with. All at 48 kHz, 10 ms at a time."""

import ctypes
import ctypes.util
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 480
SPEEX_TAIL = 4800 * 3
"""300 ms: speexdsp does not look for the delay, so its filter has to reach over it."""

Block = npt.NDArray[np.int16]
Process = Callable[[Block, Block], Block]
"""(near, far) -> what is sent."""


class Livekit:
    """libwebrtc's own audio processing module, out of LiveKit's client library: echo, noise, high-pass."""

    def __init__(self) -> None:
        from livekit import rtc

        self._frame = rtc.AudioFrame
        self._module = rtc.AudioProcessingModule(echo_cancellation=True, noise_suppression=True, high_pass_filter=True)

    def process(self, near: Block, far: Block) -> Block:
        played = self._frame(bytearray(far.tobytes()), 48_000, 1, BLOCK)
        heard = self._frame(bytearray(near.tobytes()), 48_000, 1, BLOCK)
        self._module.process_reverse_stream(played)
        self._module.set_stream_delay_ms(0)
        self._module.process_stream(heard)
        return np.frombuffer(bytes(heard.data), np.int16)


class Speex:
    """libspeexdsp (Debian's libspeexdsp1) through ctypes: MDF echo canceller, then its residual echo suppressor.

    Numbers of the requests: speex/speex_echo.h and speex/speex_preprocess.h.
    """

    def __init__(self) -> None:
        name = ctypes.util.find_library("speexdsp")
        if name is None:
            raise ImportError("libspeexdsp1 is not installed")
        self._lib: Any = ctypes.CDLL(name)
        self._lib.speex_echo_state_init.restype = ctypes.c_void_p
        self._lib.speex_preprocess_state_init.restype = ctypes.c_void_p
        self._echo = ctypes.c_void_p(self._lib.speex_echo_state_init(BLOCK, SPEEX_TAIL))
        self._after = ctypes.c_void_p(self._lib.speex_preprocess_state_init(BLOCK, 48_000))
        rate = ctypes.c_int(48_000)
        self._lib.speex_echo_ctl(self._echo, 24, ctypes.byref(rate))  # SPEEX_ECHO_SET_SAMPLING_RATE
        self._lib.speex_preprocess_ctl(self._after, 24, self._echo)  # SPEEX_PREPROCESS_SET_ECHO_STATE
        self._lib.speex_preprocess_ctl(self._after, 0, ctypes.byref(ctypes.c_int(1)))  # SPEEX_PREPROCESS_SET_DENOISE

    def process(self, near: Block, far: Block) -> Block:
        near, far, out = np.ascontiguousarray(near), np.ascontiguousarray(far), np.empty(BLOCK, np.int16)
        self._lib.speex_echo_cancellation(
            self._echo, *(ctypes.c_void_p(block.ctypes.data) for block in (near, far, out))
        )
        self._lib.speex_preprocess_run(self._after, ctypes.c_void_p(out.ctypes.data))
        return out

    def __del__(self) -> None:
        self._lib.speex_preprocess_state_destroy(self._after)
        self._lib.speex_echo_state_destroy(self._echo)
