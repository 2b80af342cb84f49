"""The demonstration at a terminal: an address to open, keys to press, and what happens at the door in plain words."""

import contextlib
import os
import select
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator, Mapping
from pathlib import Path

import segno

from tests.demo.house import House, Place
from tests.harness import chromium
from tests.harness.processes import Line

KEYS = "Enter presses the button, q quits."

BLACK_ON_WHITE, PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"

WORDS: Mapping[str, str] = {
    "ringing": "the bell rings; people who see it: {linked}, people without an open page: {absent}",
    "pressed-while-busy": "pressed again during a call: the visitor hears the busy tone",
    "nobody-reached": "nobody could be reached: {why}; open the page first",
    "answered": "answered: both ends hear each other",
    "declined": "declined",
    "door-opened": "{by} opened the door",
    "call-ended": "the call is over: {outcome}",
    "link-up": "{answerer} is connected and verified",
    "refused": "refused: {command} ({code})",
    "fault": "fault: {what}: {detail}",
    "fault-gone": "works again: {what}",
    "talking-link-lost": "the talking page vanished",
}


def play(house: House, place: Place, folder: Path) -> int:
    """Until `q`; 0. 1 if a program died."""
    browser = _own_browser()
    print(_introduction(house, place, own_browser=browser is not None), flush=True)
    shown = 0
    with _single_keys(), contextlib.ExitStack() as opened:
        while True:
            until = house.device.mark()
            for line in house.device.lines[shown:until]:
                _tell(line)
            shown = until
            if house.died is not None:
                print(f"\nA program died:\n{house.died}", flush=True)
                return 1
            match _key(0.1):
                case "\r" | "\n" | " ":
                    print("  · the button is pressed", flush=True)
                    house.press()
                case "o" if browser:
                    opened.enter_context(_browse(browser, house, folder))
                case "q" | "Q" | "\x04" | "":
                    return 0


def _introduction(house: House, place: Place, *, own_browser: bool) -> str:
    link = house.invitation
    ca = house.site.ca_path
    qr = _qr(link)
    here = (
        "this machine and its network" if place.listen != ("127.0.0.1",) else "this machine only (LAN=1: phones, too)"
    )
    own = "\n     Or press o: a browser of its own opens it, and trusts this demonstration only." if own_browser else ""
    return f"""
{qr}
Doorward demonstration. A door station with simulated hardware is running; {house.sound.says}.
Reached from {here}.

  1. Let your browser trust the demonstration's CA, {ca}
     (or accept the warning):
       Chromium, Chrome on Linux   certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n doorward-demo -i {ca}
       Firefox                     Settings, Privacy, View Certificates, Authorities, Import: for websites
       macOS, Windows              open the file, install it as a trusted root
       Android                     Settings, Security, Install a certificate, CA certificate
       iOS                         open the file, install the profile, then trust it in General, About
     Its key lies unencrypted in {ca.parent}: remove it from the browser afterwards.

  2. Open this address (it holds the key of "Alice": whoever has it is her):

{link}
{own}
  3. {KEYS}
"""


def _qr(link: str) -> str:
    """The link as half-height blocks, if the terminal has room."""
    code = segno.make(link, error="l")
    rows = [list(row) for row in code.matrix_iter(border=2)]
    width = len(rows[0])
    if sys.stdout.isatty() and os.get_terminal_size(sys.stdout.fileno()).columns < width:
        return f"(The QR code of the address needs a terminal {width} columns wide.)\n"
    rows += [[0] * width] * (len(rows) % 2)
    halves = {(0, 0): " ", (0, 1): "▄", (1, 0): "▀", (1, 1): "█"}
    return "".join(
        f"{BLACK_ON_WHITE}{''.join(halves[pair] for pair in zip(rows[i], rows[i + 1], strict=True))}{PLAIN}\n"
        for i in range(0, len(rows), 2)
    )


def _tell(line: Line) -> None:
    words = WORDS.get(str(line.get("event")))
    if words is not None:
        print(f"  · {words.format_map(line)}", flush=True)
    elif line.get("level") in ("warning", "error"):
        said = ", ".join(f"{name} {value}" for name, value in line.items() if name not in ("level", "timestamp"))
        print(f"  · {said}", flush=True)


@contextlib.contextmanager
def _single_keys() -> Iterator[None]:
    """Keys arrive as they are pressed; Ctrl-C still interrupts."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSADRAIN)  # what was typed meanwhile counts
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _key(wait_s: float) -> str | None:
    """The next key; None if none came, "" if the terminal is gone."""
    terminal = sys.stdin.fileno()
    if not select.select([terminal], [], [], wait_s)[0]:
        return None
    try:
        return os.read(terminal, 1).decode(errors="replace")
    except OSError:
        return ""


def _own_browser() -> str | None:
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return chromium.executable() if display and chromium.missing() is None else None


@contextlib.contextmanager
def _browse(program: str, house: House, folder: Path) -> Iterator[None]:
    home = folder / "browser"
    home.mkdir(mode=0o700, exist_ok=True)
    chromium.trust(home, house.site.ca_path)
    command = [program, f"--user-data-dir={home}/profile", "--no-first-run", house.invitation]
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [*command, *sandbox],
        env={**os.environ, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
