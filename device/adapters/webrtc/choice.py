"""Which of the camera's streams one link is sent, and when it is moved. Pure: time is an argument.

A slow link is moved down at once, so that it takes nothing from the others, and up again by trying: a browser's
estimate cannot tell of room that nobody has used. Each attempt that fails doubles the wait before the next.
"""

from collections.abc import Mapping, Sequence

from device.adapters.webrtc.capacity import SETTLE_S, Capacity
from device.ports import Stream, StreamFormat

FIRST_WAIT_S, LONGEST_WAIT_S = 10.0, 120.0
"""Before a larger stream is tried again."""

FAILED_WITHIN_S = 15.0
"""A link that must go down again so soon after it went up has failed an attempt."""

QUIET_S = 5.0
"""No sign of congestion for so long before a larger stream is tried."""

UNUSED = 0.7
"""A limit of which less than this part is used limits nothing: the picture is still."""

FLOOR_BPS = 120_000
"""Below this no picture of a face is of use, and some encoders hang (100 kbit/s)."""

WORTH = 0.4
"""Below this part of what it was configured for, the full size serves worse than the small one."""

H264: Sequence[Stream] = ("main", "small")
VP8: Sequence[Stream] = ("vp8",)


def floors(formats: Mapping[Stream, StreamFormat]) -> Mapping[Stream, int]:
    """Below which bit rate, in bits a second, each stream is not worth sending: what `Choice` goes by."""
    main = max(formats["small"].bitrate_bps, int(formats["main"].bitrate_bps * WORTH))
    return {"main": main, "small": FLOOR_BPS, "vp8": FLOOR_BPS}


class Choice:
    """`stream` is what to send now; None for a path that cannot even take the smallest: it has its sound alone.

    `rungs` are the streams that this link can be sent, the largest first. `floors` says, for each, below which bit
    rate the next one serves better.
    """

    def __init__(self, rungs: Sequence[Stream], floors: Mapping[Stream, int]) -> None:
        self._rungs: Sequence[Stream | None] = (*rungs, None)
        self._floors = floors
        self._rung = 0
        self._since = -LONGEST_WAIT_S
        self._wait = FIRST_WAIT_S
        self.went_up = False
        """Whether the last move was an attempt to send more."""

    @property
    def stream(self) -> Stream | None:
        return self._rungs[self._rung]

    @property
    def retry_at(self) -> float:
        """When a link without a picture is to be judged again: nothing is sent to it, so it reports nothing."""
        return self._since + self._wait

    def begin(self, now: float) -> None:
        """A view begins, with the largest stream, unless the view before it has just shown that this is too much."""
        if now >= self.retry_at:
            self._rung = 0
            self._since, self.went_up = now, False

    def judge(self, capacity: Capacity, now: float) -> None:
        """Decide anew what `stream` is."""
        stream = self.stream
        if stream is None:
            if now >= self.retry_at:
                self._move(-1, now)
        elif self._too_much(stream, capacity, now):
            failed = self.went_up and now - self._since < FAILED_WITHIN_S
            self._wait = min(LONGEST_WAIT_S, self._wait * 2) if failed else FIRST_WAIT_S
            self._move(1, now)
        elif self._rung > 0 and self._has_room(capacity, now):
            self._move(-1, now)

    def _too_much(self, stream: Stream, capacity: Capacity, now: float) -> bool:
        """Losses alone never take the picture away: less of it would not make a bad radio better."""
        last = self._rung == len(self._rungs) - 2
        limit = capacity.estimate if last else capacity.limit
        return limit is not None and limit < self._floors[stream] and (self._rung == 0 or now - self._since >= SETTLE_S)

    def _has_room(self, capacity: Capacity, now: float) -> bool:
        if now < self.retry_at or now - capacity.congested_at < QUIET_S:
            return False
        return capacity.limit is None or capacity.sending(now) < UNUSED * capacity.limit

    def _move(self, by: int, now: float) -> None:
        self._rung += by
        self._since, self.went_up = now, by < 0
