"""The service manager, told by datagrams on `NOTIFY_SOCKET`: ready, alive, and how things stand (sd_notify(3))."""

import asyncio
import os
import socket
from collections.abc import Mapping

import structlog

log = structlog.get_logger()


class SystemdService:
    """Says nothing where there is no service manager."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # an abstract socket
            self._address = "\0" + self._address[1:]
        usec = environment.get("WATCHDOG_USEC", "") if self._address else ""
        self._alive_every_s = int(usec) / 3_000_000 if usec.isdecimal() else 0.0
        self._deaf = False

    def tell(self, *said: str) -> None:
        """`READY=1`, `STOPPING=1`, `STATUS=…`."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.setblocking(False)
                to.sendto("\n".join(said).encode(), self._address)
        except OSError as error:
            note = log.debug if self._deaf else log.warning
            note("service-manager-not-told", what=said[0].partition("=")[0], why=str(error))
            self._deaf = True

    async def stay_alive(self) -> None:
        """Feed the watchdog from the event loop until cancelled: a loop that stands still is noticed by silence."""
        while self._alive_every_s:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self._alive_every_s)
