"""One house, one browser and one relay for all attacks; they run side by side, and each test asks for its result."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.harness import chromium
from tests.harness.fixtures import net, pulse
from tests.harness.namespaces import Network
from tests.harness.pulse import PulseDoor
from tests.hostile.attack import Attack
from tests.hostile.campaign import campaign
from tests.hostile.den import Den, den
from tests.hostile.trial import Result

__all__ = ["net", "pulse"]

Results = dict[str, "Future[Result]"]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, net: Network, pulse: PulseDoor) -> Iterator[Den]:
    if reason := chromium.missing():
        pytest.skip(reason)
    with den(tmp_path_factory.mktemp("hostile"), net, pulse) as made:
        yield made


@pytest.fixture(scope="session")
def results(house: Den, request: pytest.FixtureRequest) -> Iterator[Results]:
    """Of every attack that was selected, as they come. No control runs meanwhile: controls do open the door."""
    chosen = [item.callspec.params.get("attack") for item in request.session.items if hasattr(item, "callspec")]
    attacks = [attack for attack in chosen if isinstance(attack, Attack)]
    made: Results = {attack.name: Future() for attack in attacks}
    running = house.below.begin(campaign(house, attacks, lambda result: made[result.attack.name].set_result(result)))
    running.add_done_callback(lambda ended: _give_up(made, ended))
    yield made
    running.cancel()


def _give_up(made: Results, ended: "Future[None]") -> None:
    """A campaign that breaks off must not leave a test waiting for its result."""
    for result in made.values():
        if not result.done():
            result.set_exception(RuntimeError(f"the campaign broke off: {ended}"))
