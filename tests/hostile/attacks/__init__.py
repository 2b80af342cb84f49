"""Every attack, by what it lies about."""

from tests.hostile.attack import Attack
from tests.hostile.attacks import broken, logins, middle, offers, proofs, rosters

ATTACKS: tuple[Attack, ...] = (
    *proofs.ATTACKS,
    *rosters.ATTACKS,
    *offers.ATTACKS,
    *middle.ATTACKS,
    *broken.ATTACKS,
    *logins.ATTACKS,
)
