"""Whose word counts: the roster in force, and what it judges (protocol section 2; section 8, rules 1, 5 and 6)."""

from collections.abc import Callable

from device.core.events import Instant
from protocol.errors import PeerError
from protocol.keys import Jwk
from protocol.messages import Answer, Hello, RosterKeyMessage, RosterMessage
from protocol.proof import text_digest, verify_proof
from protocol.roster import Held, Roster, SignedRoster, admit, verify_roster
from protocol.roster_key import Pinned, follow, introduces
from protocol.sdp import Vetted, vet_answer


class Authority:
    """Holds the newest roster ever accepted, and judges answers and keys by it while it is valid."""

    def __init__(
        self,
        site: str,
        device: str,
        roster_key: Jwk,
        fingerprint: str,
        now: Callable[[], Instant],
        held: Held | None = None,
    ) -> None:
        self.site = site
        self.device = device
        self._pinned = Pinned(roster_key)
        self._successions: list[str] = []
        self._fingerprint = fingerprint
        self._now = now
        self._held = held
        self._signed: SignedRoster | None = None

    def accept(self, jws: str) -> SignedRoster | None:
        """Take a roster; None if it is the one already held. PeerError (reason `roster`) if it must be refused."""
        if self._signed is not None and jws == self._signed.jws:
            return None  # which may be by the key before the one that is believed now
        signed = verify_roster(jws, self._pinned.jwk, self.site, self.device)
        admit(signed, self._held)
        if self._signed is not None and signed.digest == self._signed.digest:
            return None
        self._signed, self._held = signed, signed.held
        return signed

    def follow(self, jws: str) -> bool:
        """Believe the successor of the roster key from now on; False if it is the one that is believed already.

        PeerError (reason `roster`) if it must be refused. The roster that is held stays in force.
        """
        if jws in self._successions or introduces(jws, self._pinned.jwk):
            return False
        self._pinned = follow(jws, self._pinned, self.site)
        self._successions.append(jws)
        return True

    @property
    def successions(self) -> tuple[str, ...]:
        """What led from the pinned roster key to the one that is believed now."""
        return tuple(self._successions)

    @property
    def signed(self) -> SignedRoster | None:
        """The newest roster, in force or not."""
        return self._signed

    def in_force(self, now: Instant) -> Roster | None:
        """The roster, unless it has expired, or this very device no longer stands on it."""
        if self._signed is None or now.utc >= self._signed.roster.expires:
            return None
        return self._signed.roster if self._fingerprint in self._signed.roster.fingerprints else None

    def knows(self, answerer: str) -> bool:
        roster = self.in_force(self._now())
        return roster is not None and answerer in roster.answerers

    def stands(self, answerer: str, key: str, now: Instant) -> bool:
        roster = self.in_force(now)
        return roster is not None and roster.answerer_has(answerer, key)

    def newer_than(self, serial: int) -> list[RosterKeyMessage | RosterMessage]:
        """What to send to somebody who holds `serial`, if our roster is newer: the way to its key, then the roster."""
        if self._signed is None or self._signed.roster.serial <= serial:
            return []
        return [*(RosterKeyMessage(jws=jws) for jws in self._successions), RosterMessage(jws=self._signed.jws)]

    def hello(self, link: str, answerer: str) -> Hello:
        serial = self._signed.roster.serial if self._signed else 1
        return Hello(v=1, link=link, site=self.site, device=self.device, answerer=answerer, serial=serial)

    def judge_answer(self, answer: Answer, answerer: str, offer: str) -> tuple[Vetted, str]:
        """The vetted description and the thumbprint of the key behind it; PeerError for whatever is not as expected."""
        proof, key = verify_proof(answer.proof)
        roster = self.in_force(self._now())
        if roster is None or not roster.answerer_has(answerer, key):
            raise PeerError("proof: its key does not stand on the roster under this answerer", "proof")
        vetted = vet_answer(answer.sdp)
        expected = {
            "site": self.site,
            "device": self.device,
            "answerer": answerer,
            "link": answer.link,
            "device_fingerprint": self._fingerprint,
            "fingerprint": vetted.fingerprint,
            "offer": text_digest(offer),
            "answer": text_digest(answer.sdp),
        }
        for member, value in expected.items():
            if getattr(proof, member) != value:
                raise PeerError(f"proof: {member} is not the one of this link", "proof")
        return vetted, key
