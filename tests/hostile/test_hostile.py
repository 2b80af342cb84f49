"""A server that was stolen, against real doors and real pages: whatever it says, it hears, shows and opens nothing."""

import pytest

from tests.harness.processes import SCALE
from tests.hostile.attack import Attack
from tests.hostile.attacks import ATTACKS
from tests.hostile.campaign import queues
from tests.hostile.conftest import Results
from tests.hostile.controls import CONTROLS, Control
from tests.hostile.den import Den
from tests.hostile.trial import trial

RESULT_S = 300 * SCALE


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_the_detectors_see_what_succeeds(house: Den, control: Control) -> None:
    """These come first, alone: they hold the keys, so they must get what no attack may get."""
    result = house.below.run(trial(house, control.attack))
    assert control.seen(result) == [], str(result)


@pytest.mark.timeout(RESULT_S)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_is_refused(results: Results, attack: Attack) -> None:
    result = results[attack.name].result(RESULT_S)
    assert (result.gains, result.lacks) == ([], []), attack.tries


def test_each_attack_is_its_own() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(set(names)) == len(names) >= 40


def test_every_attack_is_in_a_lane_that_runs() -> None:
    queued = [attack.name for queue in queues(ATTACKS) for attack in queue]
    assert sorted(queued) == sorted(attack.name for attack in ATTACKS)
