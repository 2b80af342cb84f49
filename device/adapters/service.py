"""The service manager, told by datagrams on `NOTIFY_SOCKET`: ready, alive, and how things stand (sd_notify(3)).

Without a service manager nothing is said. A death of the loop that calls `alive` is noticed by silence: the manager
ends a service that has said nothing for `WATCHDOG_USEC` (sd_watchdog_enabled(3)).
"""

import os
import socket
from collections.abc import Mapping
from math import inf

import structlog

log = structlog.get_logger()


class SystemdService:
    """`alive_every_s`: how often to say `alive` at least, a third of what the manager tolerates; or never."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # an abstract socket
            self._address = "\0" + self._address[1:]
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environment.get("WATCHDOG_USEC", "") if self._address and ours else ""
        self.alive_every_s = int(usec) / 3_000_000 if usec.isdecimal() and int(usec) else inf
        self._fed = -inf
        self._status = ""
        self._deaf = False

    def ready(self) -> None:
        """The button is armed."""
        self._send("READY=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """How things stand, a short line for `systemctl status`; said when it is another than before."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def alive(self, now: float) -> None:
        """Feed the watchdog, if it is time to; `now` in monotonic seconds. Call it as often as you like."""
        if now - self._fed >= self.alive_every_s / 2:
            self._fed = now
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.setblocking(False)  # a manager that does not listen must not hold up the door
                to.sendto(text.encode(), self._address)
        except OSError as error:
            tell = log.debug if self._deaf else log.warning
            tell("service-manager-not-told", what=text.partition("=")[0], why=str(error))
            self._deaf = True
