"""`make bench-media`: what a call is like, and what it costs, beside others; build/reports/bench-media.json."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.bench.__main__ import say, table
from tests.bench.figures import Figure, cpu_s, machine, median_of, pss_mib
from tests.bench.house import STANDING, Door, House, house
from tests.bench.media import hearing, material, peers
from tests.bench.viewer import Viewer
from tests.harness import chromium, loss, namespaces, pulse, seeing

REPORT = Path("build/reports/bench-media.json")
HERE = Path(__file__).parent
SPEECH = (
    "The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs. "
    "How vexingly quick daft zebras jump. Sphinx of black quartz, judge my vow."
)
SETTLE_S = 4.0
"""Until a call's buffers have found their size."""

Figures = dict[str, Figure]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=150, help="calls in a row for the memory")
    parser.add_argument("--turns", type=int, default=3, help="calls of each kind for the processor time")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each of those lasts")
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"of {', '.join(PARTS)}")
    arguments = parser.parse_args()
    if unknown := [part for part in arguments.parts if part not in PARTS]:
        parser.error(f"{', '.join(unknown)}: no such part; there are {', '.join(PARTS)}")
    for lacking in (namespaces.missing(), pulse.missing(), chromium.missing(), loss.missing()):
        if lacking:
            print(f"bench-media: cannot measure here: {lacking}", file=sys.stderr)
            return 1
    with (
        tempfile.TemporaryDirectory(prefix="doorward-bench-", ignore_cleanup_errors=True) as folder,
        namespaces.network() as net,
        pulse.pulse_door(home=True) as sound,
        house(Path(folder), net, sound) as home,
        sync_playwright() as playwright,
        chromium.chromium(
            playwright,
            home.site.ca_path,
            net.at_home(),
            (chromium.PERMITTED, "--disable-features=WebRtcHideLocalIpsWithMdns"),
            sound=sound.env,
        ) as context,
    ):
        home.doors[STANDING].start()
        bench = Bench(Path(folder), net, sound, home, context, arguments)
        figures: Figures = {}
        for part in arguments.parts:
            say(f"--- {part}")
            figures |= PARTS[part](bench)
        browser = context.browser
        about = machine(browser.version if browser else bench.viewer.page.evaluate("() => navigator.userAgent"))
    report = {"target": "bench-media", "machine": about, "figures": {n: f.as_json() for n, f in figures.items()}}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(table(figures))
    print(f"\n{REPORT}")
    return 0


class Bench:
    """What every part needs: a door that is ready, a person at the page, speech, and another sender's command."""

    def __init__(
        self,
        folder: Path,
        net: namespaces.Network,
        sound: pulse.PulseDoor,
        home: House,
        context: BrowserContext,
        arguments: argparse.Namespace,
    ) -> None:
        self.folder = folder
        self.net = net
        self.sound = sound
        self.context = context
        self.arguments = arguments
        self.door: Door = home.doors[STANDING]
        self.speech = folder / "speech.wav"
        subprocess.run(["espeak-ng", "-s", "150", "-w", str(self.speech), SPEECH], check=True, capture_output=True)
        context.add_init_script(seeing.script())
        self.viewer = Viewer(context, home)

    def plain(self) -> AbstractContextManager[tuple[peers.Sender, Page]]:
        """A call with plain aiortc. PyAV brings an ALSA library of its own, which has to be told of the plugins."""
        plugins = next(iter(Path("/usr/lib").glob("*/alsa-lib")))
        command = self.net.at_door(
            sys.executable, str(HERE / "plain_aiortc.py"), "cards", "door_capture", "door_playback"
        )
        return peers.call(self.context, command, {**self.sound.env, "ALSA_PLUGIN_DIR": str(plugins)})

    def talk(self, seconds: float, during: Callable[[Page], None] | None = None) -> float:
        """A call with the door; what it cost, in cores."""
        self.viewer.answer(self.door)
        time.sleep(SETTLE_S)
        used, began = cpu_s(self.door.pid), time.monotonic()
        if during is not None:
            during(self.viewer.page)
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        used = (cpu_s(self.door.pid) - used) / (time.monotonic() - began)
        self.viewer.hang_up(self.door)
        return used


def voice(bench: Bench) -> Figures:
    """Mouth to ear, each way; and what the sound cards at both ends take of it."""
    env = bench.sound.env
    heard: dict[str, list[float]] = {"street": [], "home": []}

    def both_ways(_: Page) -> None:
        for _turn in range(2):
            heard["street"] += hearing.mouth_to_ear(bench.speech, "street", "listener", env, 12)
            heard["home"] += hearing.mouth_to_ear(bench.speech, "caller", "speaker", env, 12)

    bench.talk(0, both_ways)
    door_cards = hearing.door_cards_s(bench.speech, env)
    home_cards = hearing.home_cards_s(bench.context, bench.speech, env)
    devices = (door_cards + home_cards) / 2
    say(f"sound cards: door {door_cards * 1000:.0f} ms, home {home_cards * 1000:.0f} ms, there and back")
    figures = {"devices_ms": median_of([devices * 1000], "ms")}
    for where, name in (("street", "door_to_home"), ("home", "home_to_door")):
        raw = [delay * 1000 for delay in heard[where]]
        figures[f"mouth_to_ear_{name}_raw_ms"] = median_of(raw, "ms")
        figures[f"mouth_to_ear_{name}_ms"] = median_of([delay - devices * 1000 for delay in raw], "ms")
    worst = max(
        (figures["mouth_to_ear_door_to_home_ms"], figures["mouth_to_ear_home_to_door_ms"]), key=lambda f: f.value
    )
    return {**figures, "mouth_to_ear_ms": worst}


def picture(bench: Bench) -> Figures:
    """Glass to glass, here and with plain aiortc, and how the picture stands the loss of packets."""
    figures: Figures = {}
    offset = bench.viewer.clock()
    for percent in (0, 5, 10):
        seen: list[seeing.Frame] = []
        span = [0.0, 0.0]

        def watch(
            page: Page, percent: int = percent, seen: list[seeing.Frame] = seen, span: list[float] = span
        ) -> None:
            page.evaluate("(s) => window.watching.start(s)", f"video[data-device={STANDING}]")
            span[0] = time.time() * 1000
            if percent:
                with loss.loss(bench.net, percent):
                    page.wait_for_timeout(10_000)
            else:
                page.wait_for_timeout(10_000)
            span[1] = time.time() * 1000
            page.wait_for_timeout(6_000)
            seen += seeing.frames(page.evaluate("() => window.watching.stop()"), offset.offset_ms)

        bench.talk(0, watch)
        if percent:
            recovered = seeing.recovery_ms(seen, span[1])
            if recovered is not None:
                figures[f"recovery_{percent}_ms"] = median_of([recovered], "ms", 0)
            figures[f"frozen_{percent}_ms"] = median_of([seeing.frozen_ms(seen, *span)], "ms of 10 s", 0)
        else:
            figures["glass_to_glass_ms"] = median_of(seeing.glass_to_glass_ms(seen), "ms")
        figures[f"out_of_order_{percent}"] = median_of([float(seeing.out_of_order(seen))], "frames", 0)
    with bench.plain() as (_, page):
        page.wait_for_timeout(SETTLE_S * 1000)
        page.evaluate("() => window.watching.start('video')")
        page.wait_for_timeout(8_000)
        noted = page.evaluate("() => window.watching.stop()")
    figures["glass_to_glass_plain_ms"] = median_of(
        seeing.glass_to_glass_ms(seeing.frames(noted, offset.offset_ms)), "ms"
    )
    return figures


@contextmanager
def configured(door: Door, more: str) -> Iterator[None]:
    """A door that runs with `more` in its configuration; afterwards without, as the parts that follow expect."""
    whole = door.config.read_text(encoding="utf-8")
    door.restart(whole + more)
    try:
        yield
    finally:
        door.restart(whole)


def cores(sender: peers.Sender, page: Page, seconds: float) -> float:
    """What a call costs its sender once it has settled."""
    page.wait_for_timeout(SETTLE_S * 1000)
    used, began = cpu_s(sender.pid), time.monotonic()
    page.wait_for_timeout(seconds * 1000)
    return (cpu_s(sender.pid) - used) / (time.monotonic() - began)


def cost(bench: Bench) -> Figures:
    """Processor time of a whole door that encodes by itself, beside plain aiortc, A B A B; without the voice filter."""
    ours: list[float] = []
    plain: list[float] = []
    filtering = bench.talk(bench.arguments.seconds)
    with configured(bench.door, "[sound.voice]\noff = true\n"):
        for _ in range(bench.arguments.turns):
            ours.append(bench.talk(bench.arguments.seconds))
            with bench.plain() as (sender, page):
                plain.append(cores(sender, page, bench.arguments.seconds))
            say(f"cores: ours {ours[-1]:.3f}, plain aiortc {plain[-1]:.3f}")
    return {
        "cpu_call_filtered_cores": median_of([filtering], "cores", 3),
        "cpu_call_cores": median_of(ours, "cores", 3),
        "cpu_plain_aiortc_cores": median_of(plain, "cores", 3),
        "cpu_call_ratio_to_plain_aiortc": ratio(ours, plain),
    }


def sending(bench: Bench) -> Figures:
    """What sending costs where the board encodes: our sender with a clip and speech, in turns with two others.

    GStreamer's `webrtcbin` passes on the same clip; plain aiortc gets it decoded and encodes it itself.
    """
    clip, speech = material.clip(bench.folder / "clip.h264"), material.speech(bench.folder / "speech.s16le", SPEECH)
    senders = {
        "ours": ([sys.executable, str(HERE / "pass_through.py")], True),
        "software": ([sys.executable, str(HERE / "plain_aiortc.py"), "files"], False),
    }
    if lacking := gstreamer_missing():
        say(f"without GStreamer: {lacking}")
    else:
        senders["gstreamer"] = (["/usr/bin/python3", str(HERE / "gstreamer.py")], False)
    used: dict[str, list[float]] = {name: [] for name in senders}
    for _ in range(bench.arguments.turns):
        for name, (command, shaped) in senders.items():
            whole = bench.net.at_door(*command, str(clip), str(speech))
            env = {} if name == "gstreamer" else {"PYTHONPATH": str(Path.cwd())}
            with peers.call(bench.context, whole, env, shaped=shaped) as (sender, page):
                used[name].append(cores(sender, page, bench.arguments.seconds))
                say(f"{name}: {used[name][-1]:.3f} cores, {page.evaluate(peers.RECEIVED)}")
    figures = {f"sender_{name}_cores": median_of(cores, "cores", 3) for name, cores in used.items()}
    figures["cpu_ratio_to_software_aiortc"] = ratio(used["ours"], used["software"])
    if "gstreamer" in used:
        figures["sender_cpu_ratio_to_gstreamer"] = ratio(used["ours"], used["gstreamer"])
    return figures


def ratio(ours: list[float], others: list[float]) -> Figure:
    return median_of([a / b for a, b in zip(ours, others, strict=True)], "1", 3)


def gstreamer_missing() -> str | None:
    """Why there is no GStreamer to compare with; None if there is."""
    try:
        probe = "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import GstWebRTC"
        subprocess.run(["/usr/bin/python3", "-c", probe], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return (
            "install gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad "
            "gstreamer1.0-nice python3-gst-1.0 gir1.2-gst-plugins-bad-1.0"
        )
    return None


def endurance(bench: Bench) -> Figures:
    """Memory over calls in a row."""
    memory: list[float] = []
    for number in range(bench.arguments.calls):
        bench.viewer.answer(bench.door)
        bench.viewer.page.wait_for_timeout(300)
        bench.viewer.hang_up(bench.door)
        memory.append(pss_mib(bench.door.pid))
        if (number + 1) % 25 == 0:
            say(f"call {number + 1}: {memory[-1]:.1f} MiB")
    if len(memory) < 150:
        return {"rss_growth_mib": median_of([memory[-1] - memory[len(memory) // 3]], "MiB")}
    early, late = (median_of(memory[at - 10 : at], "MiB") for at in (50, 150))
    return {"rss_growth_mib_50_to_150": median_of([late.value - early.value], "MiB")}


PARTS: dict[str, Callable[[Bench], Figures]] = {
    "voice": voice, "picture": picture, "cost": cost, "sending": sending, "endurance": endurance,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
