"""An echo canceller that knows the room: what the microphone hears of the loudspeaker is told to it."""

import numpy as np
import numpy.typing as npt

Block = npt.NDArray[np.int16]


class FakeVoice:
    """`device.ports.VoiceFilter`: takes away `far`, `delay` samples late, times `gain`; keeps what it was given."""

    def __init__(self, delay: int = 0, gain: float = 0.0) -> None:
        self.near: list[Block] = []
        self.far: list[Block] = []
        self.resets = 0
        self._gain = gain
        self._delay = delay
        self._past = np.zeros(delay, np.int16)

    def process(self, near: Block, far: Block) -> Block:
        self.near.append(near.copy())
        self.far.append(far.copy())
        played = np.concatenate([self._past, far])
        self._past = played[len(far) :]
        echo = np.rint(played[: len(near)] * self._gain)
        return np.clip(near.astype(np.int32) - echo.astype(np.int32), -32768, 32767).astype(np.int16)

    def reset(self) -> None:
        self.resets += 1
        self._past = np.zeros(self._delay, np.int16)
