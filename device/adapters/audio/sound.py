"""Both directions together: one engine at 48 kHz, which knows what was said when it hears the answer.

Each direction has a thread of its own, and its PCM is kept open but not running: an idle door neither listens
nor hums nor wakes the processor, and yet nothing has to be opened when the button is pressed. (Opening holds
Python's lock for 10 ms and more: measured, that much later came the first picture.)
"""

from collections.abc import Callable

import alsaaudio

from device.adapters.audio.line import Line
from device.adapters.audio.loudspeaker import Loudspeaker
from device.adapters.audio.microphone import Microphone, Sink
from device.core.events import Event
from device.media.mixer import Mixer
from device.media.reference import Reference
from device.ports import FarEnd, ToneName, VoiceFilter


class AlsaSound:
    """`device.ports.Sound` on two ALSA PCMs; they may be the same card.

    A card that fails is HardwareFault("microphone" or "loudspeaker"), posted once, and tried again every RETRY_S
    until HardwareBack, during a call as well. Nothing is read from the microphone while nobody listens.
    `voice` filters what the microphone hears.
    """

    def __init__(
        self,
        capture: str,
        playback: str,
        period_ms: int,
        mixer: Mixer,
        post: Callable[[Event], None],
        voice: VoiceFilter | None = None,
    ) -> None:
        reference = Reference()
        ear = Line("microphone", alsaaudio.PCM_CAPTURE, capture, period_ms)
        mouth = Line("loudspeaker", alsaaudio.PCM_PLAYBACK, playback, period_ms)
        self._microphone = Microphone(ear, post, voice, reference)
        self._loudspeaker = Loudspeaker(mouth, mixer, post, reference)

    def open(self) -> None:
        """Open both cards and start. Call on the event loop. A card that fails is a posted fault, no exception."""
        self._microphone.open()
        self._loudspeaker.open()

    def listen(self, sink: Sink) -> Callable[[], None]:
        """See `device.ports.Sound.listen`."""
        return self._microphone.listen(sink)

    def far_end(self) -> FarEnd:
        """See `device.ports.Sound.far_end`."""
        return self._loudspeaker.far_end()

    def tone(self, name: ToneName | None) -> None:
        """See `device.ports.Sound.tone`; a new tone begins at its beginning."""
        self._loudspeaker.tone(name)

    def close(self) -> None:
        """Stop both directions. May be called twice."""
        self._microphone.close()
        self._loudspeaker.close()
