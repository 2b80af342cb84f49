"""Composition root: builds the adapters, runs the inbox, performs the effects.

The button comes first: it is armed before anything heavy is imported; then the sound, so that a visitor who presses
while the rest is still starting hears that nobody could be reached. A press before there is sound is answered by the
lamp at once, which goes on until its tone can be heard, too.
"""

import asyncio
import gc
import random
import signal
import ssl
import time
from collections.abc import Callable
from math import inf, isfinite
from pathlib import Path

import structlog

from device.adapters.control import ControlSocket
from device.adapters.metrics import Metrics
from device.adapters.service import SystemdService
from device.adapters.store import Clock, FileStore
from device.adapters.wss import WebsocketsSignaling, tls_context
from device.codes import FileCodes
from device.config import Config
from device.core.authority import Authority
from device.core.events import (
    Event,
    HardwareBack,
    HardwareFault,
    SignalingDown,
    SignalingUp,
    SoundStarted,
    Tick,
)
from device.core.rules import LinkRules
from device.core.station import Station
from device.dates import Dates
from device.errors import HardwareError
from device.identity import DeviceIdentity, current_identity
from device.keeping import Keeping
from device.performer import Performer
from device.ports import EncodedFrame, Peers, Sound, VideoSource
from device.rosters import load_rosters
from device.support import Support
from device.visits import Visits
from device.wiring import (
    build_panel,
    build_peers,
    build_sound,
    build_video,
    call_rules,
    panel_rules,
    remember_strikes,
)
from device.work import Work
from protocol.errors import DoorwardError
from protocol.ids import new_token

INBOX = 4096
"""Events waiting; more means that the loop is stuck, and the newest are dropped and counted."""

SAVE_TIME_S = 3600
JUDGE_S = 60
ARM_AGAIN_S = 2.0
WARM_UP_S = 10.0

log = structlog.get_logger()


async def run(config: Config, metrics: Metrics) -> None:
    """Run the daemon until it is told to stop. ConfigError before anything was touched, if the identity is bad."""
    identity = current_identity(Path(config.identity))
    context = tls_context(identity.ca_pem, identity.certificate_pem, identity.key_path)
    try:
        await Daemon(config, identity, context, metrics).run()
    except BaseExceptionGroup as group:
        ours, others = group.split(DoorwardError)
        if ours is None or others is not None:
            raise
        raise _first(ours) from group


def _first(group: BaseExceptionGroup[DoorwardError]) -> DoorwardError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


class Daemon:
    """Everything that lives while the door station runs. One inbox, one writer."""

    def __init__(self, config: Config, identity: DeviceIdentity, context: ssl.SSLContext, metrics: Metrics) -> None:
        self._config = config
        self._identity = identity
        self._inbox: asyncio.Queue[Event] = asyncio.Queue(INBOX)
        self._loop = asyncio.get_running_loop()
        self._dropped = 0
        self._failed: set[str] = set()
        self._started = time.monotonic()
        self._service = SystemdService()
        self._store = FileStore(Path(config.state))
        self._clock = Clock(self._store.load_time())
        self._signaling = WebsocketsSignaling(identity.signaling, context, self._post)
        self._panel = build_panel(config, self._post)
        self._sound: Sound | None = None
        self._video: VideoSource | None = None
        self._peers: Peers | None = None
        self._welcomed = asyncio.Event()
        self._camera_settled = asyncio.Event()
        self._authority = Authority(
            identity.site, identity.device, identity.roster_key, identity.fingerprint, self._clock.now
        )
        load_rosters(self._store, identity, self._authority, self._clock)
        self._dates = Dates(identity.certificate, self._clock, self._post)
        self._station = Station(
            self._authority,
            call_rules(config),
            LinkRules(config.links.limit, config.links.standing),
            panel_rules(config),
            identity.confirm,
            new_token,
            random.random,
        )
        self._main: asyncio.Task[None] | None = None
        self._online = False
        self._restarting = False
        self._work = Work()
        self._keeping = Keeping(self._work, self._post)
        self._visits = Visits(Path(config.state), config.snapshots, self._keeping, self._work)
        self._performer = Performer(
            self._panel,
            self._signaling.send,
            self._clock,
            self._store,
            FileCodes(Path(config.state)),
            self._keeping,
            self._visits,
            self._work,
            self._post,
        )
        self._support = Support(
            config,
            identity,
            self._authority,
            self._station,
            self._panel,
            metrics,
            lambda: self._online,
            self._post,
            self._restart_when_quiet,
        )

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. An unexpected death of any task ends all of it, and the service starts anew."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._work.begin(tasks)
                main = self._main = tasks.create_task(self._live(tasks))
                for number in (signal.SIGTERM, signal.SIGINT):
                    self._loop.add_signal_handler(number, main.cancel)
        finally:
            await self._close()

    async def _live(self, tasks: asyncio.TaskGroup) -> None:
        remember_strikes(self._config)
        armed = self._arm()
        socket = ControlSocket(Path(self._config.control_socket), self._support.answer)
        owned = [tasks.create_task(self._serve_inbox()), tasks.create_task(socket.run())]
        if not armed:
            owned.append(tasks.create_task(self._arm_later()))
        self._post(Tick())
        try:
            self._dates.judge()
            self._work.linger(self._visits.open())
            sound = await asyncio.to_thread(build_sound, self._config, self._post)
            self._sound = sound
            self._attempt("loudspeaker", sound.open)
            self._performer.sound_opened(sound)
            self._post(SoundStarted())
            video, peers = await asyncio.to_thread(self._build_links, sound)
            self._video, self._peers = video, peers
            self._performer.links_built(video, peers)
            self._attempt("camera", video.open)
            await self._warm_up(video, peers)
            owned.append(tasks.create_task(self._signaling.run()))
            owned.append(tasks.create_task(self._watch_dates()))
            await self._welcomed.wait()
            log.info("ready", after_s=self._age(), device=self._identity.device)
            gc.collect()
            gc.freeze()
            await asyncio.Event().wait()
        finally:
            for task in owned:
                task.cancel()
            self._work.end()

    def _arm(self) -> bool:
        """Claim the buttons' lines; the service is ready once they are ours."""
        self._attempt("buttons", self._panel.open)
        if "buttons" in self._failed:
            return False
        self._performer.panel_opened()
        log.info("armed", after_s=self._age())
        self._service.ready()
        return True

    async def _arm_later(self) -> None:
        """Another program may let go of a line; if none does, the service manager has us start anew."""
        while not self._arm():  # noqa: ASYNC110 - polled
            await asyncio.sleep(ARM_AGAIN_S)

    def _build_links(self, sound: Sound) -> tuple[VideoSource, Peers]:
        """The heavy imports (aiortc's takes longest), on a thread beside the armed button and the open loudspeaker."""
        config, identity = self._config, self._identity
        video = build_video(config, f"{identity.site} / {identity.device}", self._camera_says)
        return video, build_peers(config, identity, video, sound, self._post)

    async def _warm_up(self, video: VideoSource, peers: Peers) -> None:
        """The first call of a process must not be slower than the next: one frame, one connection."""
        seen = asyncio.Event()

        def sink(_: EncodedFrame) -> None:
            seen.set()
            self._camera_settled.set()

        stop = video.watch(sink)
        try:
            await asyncio.wait_for(self._camera_settled.wait(), WARM_UP_S)
        except TimeoutError:
            self._post(HardwareFault("camera", "no picture within 10 s of starting"))
            self._work.linger(self._late_camera(seen, stop))
        else:
            stop()
        link = new_token()
        peers.open_link(link, ())
        peers.close_link(link)

    async def _late_camera(self, seen: asyncio.Event, stop: Callable[[], None]) -> None:
        """A camera that hung at the start was late, not lost, if it brings a picture after all."""
        await seen.wait()
        stop()
        self._post(HardwareBack("camera"))

    def _camera_says(self, event: Event) -> None:
        """Post it, from any thread; a camera that has failed is not waited for at the start."""
        self._post(event)
        if isinstance(event, HardwareFault):
            self._loop.call_soon_threadsafe(self._camera_settled.set)

    # The inbox

    def _post(self, event: Event) -> None:
        """Hand an event to the inbox, from any thread."""
        self._loop.call_soon_threadsafe(self._enqueue, event)

    def _enqueue(self, event: Event) -> None:
        try:
            self._inbox.put_nowait(event)
        except asyncio.QueueFull:
            self._dropped += 1
            if self._dropped == 1:
                log.error("inbox-full", dropped=type(event).__name__)

    async def _serve_inbox(self) -> None:
        while True:
            event = await self._next_event()
            if isinstance(event, SignalingUp):
                self._welcomed.set()
            if isinstance(event, SignalingUp | SignalingDown):
                self._online = isinstance(event, SignalingUp)
            now = self._clock.now()
            for effect in self._station.handle(event, now):
                self._performer.perform(effect)
            self._service.alive(now.mono)
            self._service.status(self._support.standing())
            if self._restarting and self._station.quiet and self._main is not None:
                log.info("restarting", why="a new identity was installed")
                self._main.cancel()

    async def _next_event(self) -> Event:
        if not self._inbox.empty():
            return self._inbox.get_nowait()
        deadline = self._station.deadline
        wait_s = inf if deadline is None else max(0.0, deadline - self._clock.now().mono)
        wait_s = min(wait_s, self._service.alive_every_s)
        try:
            async with asyncio.timeout(wait_s if isfinite(wait_s) else None):
                return await self._inbox.get()
        except TimeoutError:
            return Tick()

    # Surroundings

    def _attempt(self, what: str, open_it: Callable[[], None]) -> None:
        """A door without its camera is still a door: go on, and show the fault; the same one again is no news."""
        try:
            open_it()
        except HardwareError as error:
            if what in self._failed:
                log.debug("still-failing", what=what, why=str(error))
                return
            self._failed.add(what)
            self._post(HardwareFault(what, str(error)))
            return
        if what in self._failed:
            self._failed.discard(what)
            self._post(HardwareBack(what))

    async def _watch_dates(self) -> None:
        """Judge the dates every minute; keep the time every hour."""
        while True:
            await self._keeping.now(self._store.save_time, self._clock.certain())
            for _ in range(SAVE_TIME_S // JUDGE_S):
                self._dates.judge()
                await asyncio.sleep(JUDGE_S)

    def _restart_when_quiet(self) -> None:
        """A new identity was installed: end as soon as nobody is at the door; the service manager starts us anew."""
        self._restarting = True
        self._post(Tick())

    def _age(self) -> float:
        return round(time.monotonic() - self._started, 3)

    async def _close(self) -> None:
        """In the order of harm: the strike first."""
        self._service.stopping()
        self._panel.close()
        if self._peers is not None:
            await self._peers.close()
        if self._video is not None:
            self._video.close()
        if self._sound is not None:
            self._sound.close()
        log.info("stopped")
