"""Session descriptions and candidates, spoilt: taken or refused, and nothing else happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import candidates, sdp
from protocol.errors import PeerError
from tests.unit.tampering import examples, tampered
from tests.unit.test_parsers import try_it
from tests.unit.test_sdp import ANSWER, OFFER


@pytest.mark.parametrize("text", [OFFER, ANSWER])
def test_descriptions_spoilt(text: str) -> None:
    lines = st.sampled_from(OFFER.split("\r\n")).map(lambda line: f"{line}\r\n")

    @examples(300)
    @given(tampered(text, st.characters() | lines))
    def check(spoilt: str) -> None:
        try_it(sdp.vet_offer, spoilt)
        try_it(sdp.vet_answer, spoilt)

    check()


CANDIDATE = "candidate:1 1 udp 2130706431 10.0.0.1 50000 typ host"
BAD_HOSTS = [
    "fe80::1%eth0",
    "fe80::1%\u0661",
    "1.2.3",
    "010.0.0.1",
    "0x7f.1",
    "\u0661.1.1.1",
    "[::1]",
    "224.0.0.1",
    "::",
]


@examples(300)
@given(tampered(CANDIDATE, st.characters() | st.sampled_from([*BAD_HOSTS, " ", "1", "\u0661"])))
def test_candidates_spoilt(text: str) -> None:
    try_it(candidates.vet_candidate_line, text)


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_hosts_of_candidates_are_addresses_of_one_spelling(host: str) -> None:
    with pytest.raises(PeerError):
        candidates.vet_candidate_line(CANDIDATE.replace("10.0.0.1", host))


@pytest.mark.parametrize("digits", ["\u0665\u0660", "\uff15", "\U0001d7d3"])
def test_digits_of_other_scripts_are_none_here(digits: str) -> None:
    """Python's `\\d` and int() read them, the page's do not: one text, two readings."""
    for number in ("50000", "2130706431"):
        with pytest.raises(PeerError):
            candidates.vet_candidate_line(CANDIDATE.replace(number, digits))
