"""Every attack, by what it lies about."""

from tests.hostile.attack import Attack
from tests.hostile.attacks import proofs

ATTACKS: tuple[Attack, ...] = (*proofs.ATTACKS,)
