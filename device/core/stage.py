"""What flows, shines and sounds: the visible side of a call.

After every event `draw` compares what should be with what is, and returns the differences. So no transition of the
call can forget to stop a picture, and a link that comes late is served like any other.
"""

from dataclasses import dataclass

from device.core.effects import Effect, Lamp, SendControl, ShowVideo, Talk, Tone
from device.core.view import Idle, Phase, Picture, Ringing, Talking, state_for
from device.ports import LampPattern, ToneName
from protocol.messages import State


@dataclass(frozen=True, slots=True)
class After:
    """What a visitor still hears and sees once a call is over, or was never possible; until then, monotonic seconds.

    `until` is infinite while nothing can be heard yet.
    """

    tone: ToneName
    lamp: LampPattern
    until: float


class Stage:
    """Remembers what was last shown, sounded and told; `doors` are those with a strike."""

    def __init__(self, doors: set[str]) -> None:
        self._doors = doors
        self._shown: set[str] = set()
        self._talking: str | None = None
        self._lamp: LampPattern = "off"
        self._tone: ToneName | None = None
        self._told: dict[str, State] = {}

    def uses(self, link: str) -> bool:
        """Whether pictures or voices go over this link."""
        return link in self._shown or link == self._talking

    def forget(self, link: str) -> None:
        """The link is gone: nothing flows there, and nothing needs to be stopped."""
        self._told.pop(link, None)
        self._shown.discard(link)
        if link == self._talking:
            self._talking = None

    def draw(self, phase: Phase, picture: Picture, after: After | None) -> list[Effect]:
        """The differences, pictures first: a visitor's face must not wait for a lamp."""
        effects: list[Effect] = []
        shown = {link for link in picture.links if picture.shows_video(phase, link)}
        effects += [ShowVideo(link, True) for link in sorted(shown - self._shown)]
        effects += [ShowVideo(link, False) for link in sorted(self._shown - shown)]
        self._shown = shown
        talking = phase.link if isinstance(phase, Talking) else None
        if talking != self._talking:
            effects += [Talk(self._talking, False)] if self._talking else []
            effects += [Talk(talking, True)] if talking else []
            self._talking = talking
        for link in picture.links:
            state = state_for(phase, picture, link, self._doors)
            if self._told.get(link) != state:
                self._told[link] = state
                effects.append(SendControl(link, state))
        lamp, tone = self._wanted_lamp(phase, picture, after), _wanted_tone(phase, picture, after)
        effects += [Lamp(lamp)] if lamp != self._lamp else []
        effects += [Tone(tone)] if tone != self._tone else []
        self._lamp, self._tone = lamp, tone
        return effects

    def _wanted_lamp(self, phase: Phase, picture: Picture, after: After | None) -> LampPattern:
        """The first that holds. All that outranks `watched`, the light of a live camera, lights the lamp as well."""
        match phase:
            case _ if picture.doors:
                return "released"
            case Ringing():
                return "ringing"
            case _ if after is not None and after.lamp != "off":
                return after.lamp
            case Talking():
                return "talking"
            case _ if self._shown:
                return "watched"
            case _ if picture.typing:
                return "typing"
            case _ if picture.reaches_nobody:
                return "trouble"
        return "off"


def _wanted_tone(phase: Phase, picture: Picture, after: After | None) -> ToneName | None:
    match phase:
        case _ if picture.doors:
            return "released"
        case Idle():
            return after.tone if after else None
        case Ringing():
            return after.tone if after else "ringback"
        case Talking():
            return None
