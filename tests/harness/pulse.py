"""A sound card without a sound card: ALSA's `pulse` plugin on a private PulseAudio with two null sinks.

`street` is what the street says: its monitor is the door's microphone. `speaker` is the door's loudspeaker.
`caller` and `listener`, where they are wanted, are the same for a person at home, whose browser uses this server.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.harness.processes import wait_until

_ALSA = """\
</usr/share/alsa/alsa.conf>
pcm.door_capture { type pulse device "street.monitor" }
pcm.door_playback { type pulse device "speaker" }
"""

_PULSE = """\
load-module module-null-sink sink_name=street rate=48000 channels=1 norewinds=1
load-module module-null-sink sink_name=speaker rate=48000 channels=1 norewinds=1
load-module module-native-protocol-unix socket={socket} auth-anonymous=1
"""

_HOME = """\
load-module module-null-sink sink_name=caller rate=48000 channels=1 norewinds=1
load-module module-null-sink sink_name=listener rate=48000 channels=1 norewinds=1
load-module module-remap-source source_name=caller_microphone master=caller.monitor
set-default-sink listener
set-default-source caller_microphone
"""


def missing() -> str | None:
    """Why there is no private sound card here; None if there can be."""
    for program in ("pulseaudio", "paplay", "parec"):
        if shutil.which(program) is None:
            return f"{program} is not installed (pulseaudio, pulseaudio-utils)"
    plugins = list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))
    return None if plugins else "ALSA's pulse plugin is not installed (libasound2-plugins)"


@dataclass
class PulseDoor:
    """The running sound server; `env` makes any ALSA or PulseAudio program use it."""

    folder: Path
    env: dict[str, str]
    _server: "subprocess.Popen[bytes] | None" = None

    def say(self, wav: Path) -> "subprocess.Popen[bytes]":
        """Play a file into the street; the caller ends it."""
        return subprocess.Popen(
            ["paplay", "--device=street", str(wav)], env={**os.environ, **self.env}, stderr=subprocess.DEVNULL
        )

    @contextlib.contextmanager
    def record_speaker(self, raw: Path) -> Iterator[None]:
        """Record what the loudspeaker plays, s16le mono 48 kHz, for as long as the block lasts."""
        command = [
            "parec",
            "--device=speaker.monitor",
            "--format=s16le",
            "--rate=48000",
            "--channels=1",
            "--latency-msec=20",
        ]
        with raw.open("wb") as file:
            recorder = subprocess.Popen(command, env={**os.environ, **self.env}, stdout=file, stderr=subprocess.DEVNULL)
            try:
                yield
            finally:
                recorder.terminate()
                recorder.wait(5)

    def plug_in(self) -> None:
        """Start the sound server: the cards are there."""
        socket = self.folder / "native"
        command = [
            "pulseaudio",
            "-n",
            "-F",
            str(self.folder / "pulse.pa"),
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
        ]
        with (self.folder / "pulse.log").open("ab") as log:
            self._server = subprocess.Popen(
                command, env={**os.environ, **self.env, "PULSE_SERVER": ""}, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until("PulseAudio's socket", socket.exists, 15)

    def pull(self) -> None:
        """End the sound server: the cards are gone, and whoever uses them has an error."""
        server, self._server = self._server, None
        if server is None:
            return
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(5)
        if server.poll() is None:
            server.kill()
            server.wait()


@contextlib.contextmanager
def pulse_door(*, home: bool = False) -> Iterator[PulseDoor]:
    """Start the private sound server, with the sinks of a person at home if wanted; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="doorward-sound-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        socket = folder / "native"
        (folder / "pulse.pa").write_text(_PULSE.format(socket=socket) + (_HOME if home else ""))
        (folder / "asound.conf").write_text(_ALSA)
        env = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{socket}",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        door = PulseDoor(folder, env)
        try:
            door.plug_in()
            yield door
        finally:
            door.pull()
