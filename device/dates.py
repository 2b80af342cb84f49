"""Whether the device's certificate is still good, and whether the system's clock can be right at all."""

import time
from collections.abc import Callable

import structlog
from cryptography import x509

from device.adapters.store import Clock
from device.core.events import Event, Warned
from protocol.certificates import days_left

WARN_DAYS = 90

CLOCK_BEHIND_S = 300
"""A system clock that is this far behind a time once known is wrong."""

log = structlog.get_logger()


class Dates:
    """Posts `Warned` for `certificate` and `clock`; logs when either becomes wrong, or the certificate ends soon."""

    def __init__(self, certificate: x509.Certificate, clock: Clock, post: Callable[[Event], None]) -> None:
        self._certificate = certificate
        self._clock = clock
        self._post = post
        self._wrong: set[str] = set()
        self._warned_of: int | None = None

    def judge(self) -> None:
        """Look at both now."""
        now = self._clock.now().utc
        left = days_left(self._certificate, now)
        known = max(self._certificate.not_valid_before_utc.timestamp(), now - CLOCK_BEHIND_S)
        for what, wrong in (("certificate", left < 0), ("clock", time.time() < known)):
            if wrong and what not in self._wrong:
                log.warning("fault", what=what, certificate_days_left=round(left, 1))
            (self._wrong.add if wrong else self._wrong.discard)(what)
            self._post(Warned(what, wrong))
        if 0 <= left < WARN_DAYS and self._warned_of != int(left):  # once a day
            self._warned_of = int(left)
            log.warning("certificate-expires", days_left=round(left, 1))
