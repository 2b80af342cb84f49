"""Does what the core wants done."""

import asyncio
from collections.abc import Callable

import structlog

from device.adapters.store import Clock, FileStore
from device.codes import FileCodes, judge
from device.core import effects as do
from device.core.events import Event, HardwareBack, StrikeFailed
from device.errors import HardwareError
from device.keeping import Keeping
from device.ports import LampPattern, Panel, Peers, Sound, ToneName, VideoSource
from device.visits import Visits
from device.work import Work
from protocol.codec import encode
from protocol.messages import FromDevice

log = structlog.get_logger()


class Performer:
    """`perform` never blocks: what takes its time goes to `work`, and what becomes of it comes back as an event.

    The daemon begins with a panel that is not open, and says what there is later; lamp and tone are then as they were
    wanted last. `tell` sends to the server.
    """

    def __init__(
        self,
        panel: Panel,
        tell: Callable[[FromDevice], None],
        clock: Clock,
        store: FileStore,
        codes: FileCodes,
        keeping: Keeping,
        visits: Visits,
        work: Work,
        post: Callable[[Event], None],
    ) -> None:
        self._panel = panel
        self._tell = tell
        self._clock = clock
        self._store = store
        self._codes = codes
        self._keeping = keeping
        self._visits = visits
        self._work = work
        self._post = post
        self._sound: Sound | None = None
        self._camera: asyncio.Future[VideoSource] = asyncio.get_running_loop().create_future()
        self._peers: Peers | None = None
        self._tone: ToneName | None = None
        self._lamp: LampPattern = "off"
        self._strike_refused = False

    def panel_opened(self) -> None:
        """Its lines are ours from now on."""
        if self._strike_refused:
            self._strike_refused = False
            self._post(HardwareBack("strike"))
        self._panel.lamp(self._lamp)

    def sound_opened(self, sound: Sound) -> None:
        """There is sound from now on, or a fault of it."""
        self._sound = sound
        sound.tone(self._tone)

    def links_built(self, video: VideoSource, peers: Peers) -> None:
        """Links can be opened from now on."""
        self._peers = peers
        self._camera.set_result(video)

    def perform(self, effect: do.Effect) -> None:
        """HardwareError for what cannot go on: the service manager starts us anew."""
        match effect:
            case do.Note(level, event, fields):
                getattr(log, level)(event, **fields)
            case do.Tell(message):
                self._tell(message)
            case do.Lamp(pattern):
                self._lamp = pattern
                self._panel.lamp(pattern)
            case do.Tone(name):
                self._tone = name
                if self._sound is not None:
                    self._sound.tone(name)
            case do.ReleaseStrike(door, seconds):
                self._release(door, seconds)
            case do.GiveUp(why):
                raise HardwareError(why)
            case do.JudgeCode(code):
                self._work.own(judge(self._codes, code, self._post))
            case do.KeepRoster(signed):
                self._clock.raise_to(signed.roster.issued)
                self._keeping.later(self._store.keep_roster, effect)
            case do.RecordCall():
                self._keeping.later(self._store.record_call, effect)
            case do.TakeSnapshot():
                self._visits.take(effect, self._camera)
            case do.SettleSnapshot():
                self._visits.settle(effect)
            case _ if self._peers is None:
                log.error("effect-before-start", effect=type(effect).__name__)
            case _:
                self._perform_on_link(effect, self._peers)

    def _perform_on_link(self, effect: do.Effect, peers: Peers) -> None:
        match effect:
            case do.OpenLink(link, ice_servers):
                peers.open_link(link, ice_servers)
            case do.AcceptAnswer(link, sdp, fingerprint):
                peers.accept(link, sdp, fingerprint)
            case do.AddCandidate(link, candidate):
                peers.add_candidate(link, candidate)
            case do.SendControl(link, message):
                peers.send(link, encode(message))
            case do.ShowVideo(link, on):
                peers.show_video(link, on)
            case do.Talk(link, on):
                peers.talk(link, on)
            case do.CloseLink(link):
                peers.close_link(link)
            case do.TellHistory() | do.SendSnapshot():
                self._visits.answer(effect, peers)

    def _release(self, door: str, seconds: float) -> None:
        try:
            self._panel.release_strike(door, seconds)
        except HardwareError as error:
            self._strike_refused = True
            self._post(StrikeFailed(door, str(error)))
