"""The keypad: from keys to codes, and how often a code may be tried.

Digits, then `#`; `*` begins anew. Each wrong code counts, and a count is forgiven every `FORGIVEN_S`; from the third on
the keypad is deaf for a time that doubles. So whoever guesses for a day has about a hundred tries, whatever others type
in between: a right code forgives nothing.
"""

from device.core.effects import Effect, JudgeCode, Note
from device.core.events import CodeAccepted, CodeJudged, CodeRefused, Event, Instant, KeyPressed, Typing, Warned

LONGEST = 12
"""Digits of a code, at most; whoever types more has typed a wrong one."""

PAUSE_S = 10.0
"""Without a key for so long, what was typed is forgotten: nobody finishes what another has begun."""

FREE = 2
"""Wrong codes in a row that cost no waiting: people mistype."""

FIRST_WAIT_S = 10.0
LONGEST_WAIT_S = 900.0
FORGIVEN_S = 900.0


class Keypad:
    """`handle` returns effects, and events for the doors; `door` is the one that its codes open."""

    def __init__(self, door: str | None) -> None:
        self._door = door
        self._typed = ""
        self._forget_at: float | None = None
        self._judging = False
        self._wrong = 0
        self._forgive_at: float | None = None
        self._deaf_until: float | None = None

    def handle(self, event: Event, now: Instant) -> list[Effect | Event]:
        outcome = self._expire(now)
        match event:
            case KeyPressed(key) if self._door is not None:
                outcome += self._key(key, now)
            case CodeJudged(name) if self._judging and self._door is not None:
                self._judging = False
                outcome += [CodeAccepted(self._door, name)] if name is not None else self._refused(now)
        return outcome

    @property
    def deadline(self) -> float | None:
        times = [self._forget_at, self._forgive_at, self._deaf_until]
        return min((at for at in times if at is not None), default=None)

    def _key(self, key: str, now: Instant) -> list[Effect | Event]:
        if self._deaf_until is not None:
            return [CodeRefused()] if key == "#" else []
        if self._judging:
            return []
        was = bool(self._typed)
        if key == "#":
            typed, self._typed, self._forget_at = self._typed, "", None
            if not typed:
                return []
            self._judging = True
            return [Typing(False), JudgeCode(typed)]
        self._typed = "" if key == "*" else (self._typed + key)[: LONGEST + 1]
        self._forget_at = now.mono + PAUSE_S if self._typed else None
        return [Typing(bool(self._typed))] if bool(self._typed) != was else []

    def _refused(self, now: Instant) -> list[Effect | Event]:
        self._wrong += 1
        if self._forgive_at is None:
            self._forgive_at = now.mono + FORGIVEN_S
        out: list[Effect | Event] = [Note("warning", "code-refused", {"wrong": self._wrong}), CodeRefused()]
        if self._wrong <= FREE:
            return out
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (self._wrong - FREE - 1))
        self._deaf_until = now.mono + wait_s
        return [*out, Note("warning", "keypad-locked", {"for_s": wait_s}), Warned("guesses", True)]

    def _expire(self, now: Instant) -> list[Effect | Event]:
        out: list[Effect | Event] = []
        if self._forget_at is not None and self._forget_at <= now.mono:
            self._typed, self._forget_at = "", None
            out.append(Typing(False))
        while self._forgive_at is not None and self._forgive_at <= now.mono:
            self._wrong -= 1
            self._forgive_at = self._forgive_at + FORGIVEN_S if self._wrong > 0 else None
        if self._deaf_until is not None and self._deaf_until <= now.mono:
            self._deaf_until = None
            out.append(Warned("guesses", False))
        return out
