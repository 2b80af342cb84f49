"""What the operator publishes: checked, kept on disk, and only then told to the hub. And what is on the disk already.

All of it happens on the loop, disk and all: publications are rare and small, and nothing may come between the check,
the file and those who are told.
"""

from protocol.errors import PeerError
from protocol.messages import ErrorMessage
from protocol.operator import FromOperator, KeyPublished, Publish, Published, PublishKey, StatusRequest, ToOperator
from signaling.adapters.store import KeyFolder, RosterFolder
from signaling.core.effects import LOGGED, Connection, Effect, Note, Send
from signaling.core.hub import Hub
from signaling.core.operators import MOST_DEVICES


class Publishing:
    """Joins the two folders with the hub."""

    def __init__(self, keys: KeyFolder, rosters: RosterFolder, hub: Hub) -> None:
        self._keys = keys
        self._rosters = rosters
        self._hub = hub

    def read(self) -> list[Effect]:
        """Take what is new in the folders: the keys first, since rosters are verified with them."""
        keys, keys_refused = self._keys.newer()
        effects = [effect for jws in keys for effect in self._hub.roster_key_introduced(jws)]
        rosters, rosters_refused = self._rosters.newer()
        effects += [effect for signed in rosters for effect in self._hub.roster_published(signed)]
        notes: list[Effect] = [Note("warning", "roster-key-refused", {"why": why}) for why in keys_refused]
        notes += [Note("warning", "roster-refused", {"why": why}) for why in rosters_refused]
        standing: list[Effect] = [self._hub.standing()] if rosters else []
        return [*notes, *effects, *standing]

    def from_operator(self, connection: Connection, message: FromOperator) -> list[Effect]:
        """Do as the operator says. Whoever is told of it is told before the operator hears that it is done."""
        try:
            match message:
                case Publish(jws=jws):
                    answer, effects = self._publish(jws)
                case PublishKey(jws=jws):
                    answer, effects = self._introduce(jws)
                case StatusRequest():
                    answer, effects = self._hub.status(), []
        except PeerError as error:
            return self._refused(connection, "roster", str(error))
        except OSError as error:
            return self._refused(connection, "storage", f"the server cannot keep it: {error.strerror or error}")
        return [*effects, Send(connection, answer)]

    def _publish(self, jws: str) -> tuple[ToOperator, list[Effect]]:
        signed, news = self._rosters.publish(jws, MOST_DEVICES)
        answer = Published(device=signed.roster.device, serial=signed.roster.serial)
        return answer, [*self._hub.roster_published(signed), self._hub.standing()] if news else []

    def _introduce(self, jws: str) -> tuple[ToOperator, list[Effect]]:
        sequence, news = self._keys.introduce(jws)
        return KeyPublished(sequence=sequence), self._hub.roster_key_introduced(jws) if news else []

    @staticmethod
    def _refused(connection: Connection, code: str, why: str) -> list[Effect]:
        refused = ErrorMessage(code=code, message=why[:256])
        return [Send(connection, refused), Note("warning", "publication-refused", {"why": why[:LOGGED]})]
