"""`doorward-device check`: try everything once, in the order of dependence, and say what to do about each failure."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from device.adapters.wss import probe, tls_context
from device.boards import load_board
from device.build import built
from device.check_running import check_running
from device.checked import Result
from device.config import Config, load_config
from device.core.events import Event, HardwareFault
from device.dates import WARN_DAYS
from device.identity import DeviceIdentity, current_identity
from device.machine import check_machine
from device.rosters import newest_roster
from device.wiring import VOICE_REMEDY, build_panel, build_sound, build_video, build_voice
from protocol.certificates import days_left
from protocol.errors import DoorwardError
from protocol.roster import SignedRoster

ROSTER_WARN_DAYS = 10
"""Rosters last thirty days, and the operator's timer renews them after fifteen."""

LIT_S = 1.0
"""For somebody who looks at the lamp."""

CAMERA_S = 10.0
"""A cold camera needs a second or two; whoever checks waits a little longer before it counts as broken."""


async def check(path: Path, audible: bool = False) -> list[Result]:
    """Try everything; later rows are left out where they need an earlier one that failed.

    `audible` plays a sweep at the door and listens for it. What a running daemon holds is asked of it.
    """
    try:
        config = load_config(path)
    except DoorwardError as error:
        return [Result("configuration", False, str(error), "correct the file and check again")]
    results = [Result("configuration", True, str(path))]
    hardware = await check_running(config, audible) or await _hardware(config, audible)
    below = [*check_machine(Path(config.state)), *hardware]
    try:
        identity = current_identity(Path(config.identity))
    except DoorwardError as error:
        results.append(Result("identity", False, str(error), "provision this device, or install its bundle again"))
        return results + below
    results.append(Result("identity", True, f"{identity.site}/{identity.device}"))
    roster = newest_roster(Path(config.state), identity)
    results += [_certificate(identity), _clock(identity, roster), _roster(config, roster)]
    results.append(await _server(identity))
    return results + below


def due(config: Config) -> list[str]:
    """What ends soon or has ended, a sentence each. ConfigError if there is no identity."""
    identity = current_identity(Path(config.identity))
    now = time.time()
    ends = {
        "certificate": (days_left(identity.certificate, now), WARN_DAYS, "have the operator renew it"),
        "roster": (
            (newest_roster(Path(config.state), identity).roster.expires - now) / 86400,
            ROSTER_WARN_DAYS,
            "publish a new one",
        ),
    }
    return [f"{what}: {left:.0f} days left: {remedy}" for what, (left, warn, remedy) in ends.items() if left < warn]


def table(results: list[Result]) -> str:
    """The rows as text, remedies below the rows they belong to."""
    width = max(len(result.what) for result in results)
    lines = []
    for result in results:
        lines.append(f"{result.mark}  {result.what:<{width}}  {result.seen}")
        if (result.note or not result.ok) and result.remedy:
            lines.append(f"{'':6}{'':<{width}}  → {result.remedy}")
    return "\n".join(lines)


def _certificate(identity: DeviceIdentity) -> Result:
    now = time.time()
    left = days_left(identity.certificate, now)
    begins = identity.certificate.not_valid_before_utc
    if begins.timestamp() > now:
        return Result("certificate", False, f"valid only from {begins:%Y-%m-%d}", "set this device's clock")
    if left < 0:
        return Result("certificate", False, f"expired {-left:.0f} days ago", "renew the device certificate")
    if left < WARN_DAYS:
        return Result("certificate", True, f"expires in {left:.0f} days: renew it soon")
    return Result("certificate", True, f"expires in {left:.0f} days")


def _clock(identity: DeviceIdentity, roster: SignedRoster) -> Result:
    now = time.time()
    begins = identity.certificate.not_valid_before_utc.timestamp()
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if now < max(built(), begins, roster.roster.issued):
        return Result("clock", False, f"{shown} is in the past", "set the clock, or let it reach a time server")
    return Result("clock", True, shown)


def _roster(config: Config, signed: SignedRoster) -> Result:
    roster = signed.roster
    left = (roster.expires - time.time()) / 86400
    if left < 0:
        return Result("roster", False, f"serial {roster.serial} expired", "publish a new roster")
    unknown = sorted(set(config.button) - set(roster.buttons))
    if unknown:
        seen = f"serial {roster.serial} knows no button {', '.join(unknown)}"
        return Result("roster", False, seen, "name the button in the roster, or remove it from the configuration")
    return Result("roster", True, f"serial {roster.serial}, expires in {left:.0f} days")


async def _server(identity: DeviceIdentity) -> Result:
    try:
        context = tls_context(identity.ca_pem, identity.certificate_pem, identity.key_path)
        await probe(identity.signaling, context)
    except DoorwardError as error:
        return Result("server", False, str(error), "check the address, the network, the server and its certificate")
    return Result("server", True, f"{identity.signaling}: reached and verified")


def _tones(config: Config) -> list[Result]:
    """The house's own sounds, if there are any."""
    from device.media.tones import load_sound  # noqa: PLC0415 - PyAV is imported by what needs it

    rows = []
    for name, path in config.sound.tones.items():
        try:
            seconds = len(load_sound(Path(path))) / 48_000
        except DoorwardError as error:
            rows.append(Result(f"tone {name}", False, str(error), "the built-in tone is played until then"))
        else:
            rows.append(Result(f"tone {name}", True, f"{path}, {seconds:.1f} s"))
    return rows


def _board(config: Config) -> list[Result]:
    """The board that the configuration names; whether its card is there is the next row's matter."""
    if config.sound.board is None:
        return []
    return [Result("board", True, f"{config.sound.board}: {load_board(config.sound.board).title}")]


def _sound_remedy(config: Config) -> str:
    if config.sound.board is None:
        return "compare with `aplay -L` and `arecord -L`; name the card in [sound]"
    needs = load_board(config.sound.board).needs
    return f"compare with `aplay -L` and `arecord -L`; {config.sound.board} needs, and a restart after it: {needs}"


def _voice(config: Config) -> Result:
    """What is taken out of the microphone."""
    voice = config.sound.voice
    if voice.as_it_is:
        return Result("voice", True, "the microphone is handed on as it is, as [sound.voice] says")
    if build_voice(config) is None:
        return Result("voice", False, "echo and noise stay in the microphone's sound", VOICE_REMEDY)
    parts = {"echo": voice.echo, f"{voice.noise} noise": voice.noise != "off", "rumble": voice.high_pass}
    seen = f"takes out {', '.join(name for name, on in parts.items() if on)}"
    return Result("voice", True, f"{seen}; gain {voice.gain_db:g} dB at most" if voice.gain_db else seen)


def _panel(config: Config) -> list[Result]:
    """The lines are claimed, strikes low, and read back: nothing is released; the lamp is lit meanwhile."""
    panel = build_panel(config, lambda _: None)
    try:
        panel.open()
        panel.lamp("watched")  # steady
        time.sleep(LIT_S)
        levels = panel.levels()
    except DoorwardError as error:
        return [Result("panel", False, str(error), "correct the pins, or end what holds the line")]
    finally:
        panel.close()
    rows = [Result("panel", True, f"{len(config.button)} buttons, {len(config.door)} doors ({config.gpio.pins})")]
    for name in config.button:
        held = not levels[f"button.{name}"]
        seen = "closed: somebody holds it, or its wires touch" if held else "open"
        rows.append(Result(f"button {name}", not held, seen, "let it go, or look for the short circuit"))
    for name in config.door:
        high = levels[f"door.{name}"]
        seen = "the line is high though nobody raised it" if high else "the line is low; it was not released"
        rows.append(Result(f"strike {name}", not high, seen, "look for a wire that feeds it"))
    if config.lamp is not None:
        lit = levels["lamp"]
        remedy = "look for a wire that holds it down"
        rows.append(Result("lamp", lit, "was lit" if lit else "could not be lit", remedy))
    return rows


def _loop(config: Config) -> Result:
    """A sweep from the loudspeaker to the microphone, through the air."""
    from device.adapters.audio.card import AlsaCard  # noqa: PLC0415 - numpy and ALSA are for those who ask
    from device.media.sweep import TAIL_S, analyse, sweep  # noqa: PLC0415 - likewise
    from device.tuning import judge, shown  # noqa: PLC0415 - likewise

    try:
        recorded, late_by = AlsaCard(config.sound.capture, config.sound.playback).record_while_playing(sweep(), TAIL_S)
        heard = analyse(recorded, late_by)
    except (DoorwardError, ValueError) as error:
        return Result("loop", False, str(error), "is the loudspeaker wired, and the microphone on?")
    verdict = judge(heard)
    return Result("loop", verdict.ok, "; ".join(shown(heard)), " ".join(verdict.sentences))


async def _hardware(config: Config, audible: bool) -> list[Result]:
    posted: list[Event] = []
    sound = await asyncio.to_thread(build_sound, config, posted.append)
    rows: list[tuple[str, str, Callable[[], None], Callable[[], None], str]] = [
        ("sound", f"{config.sound.capture} and {config.sound.playback}", sound.open, sound.close,
         _sound_remedy(config)),
    ]  # fmt: skip
    tried = await asyncio.to_thread(_panel, config)
    tried += [_tried(what, seen, remedy, opened, closed, posted) for what, seen, opened, closed, remedy in rows]
    voice = await asyncio.to_thread(_voice, config)
    camera = await check_camera(config)
    loop = [await asyncio.to_thread(_loop, config)] if audible else []
    return [*_board(config), *tried, *loop, voice, camera, *await asyncio.to_thread(_tones, config)]


async def check_camera(config: Config) -> Result:
    """One picture from the camera, encoded as for a call; a camera tells of its faults when it has tried."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str | None] = loop.create_future()

    def tell(fault: str | None) -> None:
        if not told.done():
            told.set_result(fault)

    def post(event: Event) -> None:
        if isinstance(event, HardwareFault):
            loop.call_soon_threadsafe(tell, event.detail)

    video = await asyncio.to_thread(build_video, config, "check", post)
    remedy = "`rpicam-hello --list-cameras` must show it, and no other program use it; docs/video.md says what fits"
    began = time.monotonic()
    try:
        video.open()
        video.watch(lambda _: tell(None))
        fault = await asyncio.wait_for(told, CAMERA_S)
    except DoorwardError as error:
        return Result("camera", False, str(error), remedy)
    except TimeoutError:
        return Result("camera", False, f"no picture within {CAMERA_S:.0f} s", remedy)
    finally:
        await asyncio.to_thread(video.close)
    if fault is not None:
        return Result("camera", False, fault, remedy)
    taken = time.monotonic() - began
    size = f"{config.video.source}, {config.video.width}×{config.video.height}"
    return Result("camera", True, f"{size}, first picture after {taken:.1f} s")


def _tried(
    what: str, seen: str, remedy: str, open_it: Callable[[], None], close_it: Callable[[], None], posted: list[Event]
) -> Result:
    """What fails says so with an exception, or, where it is tried again by itself, with a fault."""
    posted.clear()
    try:
        open_it()
    except DoorwardError as error:
        return Result(what, False, str(error), remedy)
    finally:
        close_it()
    faults = [event.detail for event in posted if isinstance(event, HardwareFault)]
    return Result(what, False, "; ".join(faults), remedy) if faults else Result(what, True, seen)
