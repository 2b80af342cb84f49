"""How the lamp says what: rhythms, so that nobody needs to tell colours apart.

A rhythm is seconds on, off, on, off…, over and over; an empty one is dark, one without an end of its own is steady.
None flashes more than three times in any second (WCAG 2.2, success criterion 2.3.1: photosensitive epilepsy).
"""

from collections.abc import Mapping

from device.ports import LampPattern

Rhythm = tuple[float, ...]

STEADY: Rhythm = (float("inf"),)
DARK: Rhythm = ()

FIRST: Mapping[LampPattern, Rhythm] = {
    "off": DARK,
    "watched": STEADY,  # a camera is live: the one light that never goes out in between
    "ringing": (0.5, 0.5),  # calm: wait
    "talking": (1.7, 0.3),  # long: speak
    "released": (0.17, 0.17),  # quick and even: push now
    "failed": (0.2, 0.2, 0.2, 0.2, 0.2, 1.0),  # three, and a pause: it did not work
    "typing": (0.1, 0.9),  # a short wink: more digits, or #
    "trouble": (0.1, 0.3, 0.1, 3.5),  # two winks, long dark: who presses now reaches nobody
}

SECOND: Mapping[LampPattern, Rhythm] = {
    "talking": STEADY,
    "released": FIRST["released"],
}
"""The lamp of its own for "speak" and "come in"; dark otherwise."""
