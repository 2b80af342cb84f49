"""Who is connected, and who may send what to whom. The relay delivers; what it delivers is judged by the ends.

`Hub` is told of connections and messages and returns effects: what to send to which connection, and which to close.
Connections are any hashable value of the caller's.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from protocol.certificates import Identity
from protocol.errors import PeerError
from protocol.messages import (
    Answer,
    AnswererAnswer,
    AnswererCandidate,
    AnswererClose,
    AnswererOffer,
    AnswererWelcome,
    Arrived,
    Challenge,
    Close,
    DeviceCandidate,
    DeviceOnline,
    DevicePresence,
    DeviceWelcome,
    ErrorMessage,
    FromAnswerer,
    FromDevice,
    Left,
    LoginMessage,
    Offer,
    Presence,
    PushSubscribe,
    PushUnsubscribe,
    Reason,
    Ring,
    RingEnded,
    RosterAccepted,
    RosterKeyMessage,
    RosterMessage,
    ToAnswerer,
    ToDevice,
)
from protocol.operator import Status
from protocol.proof import verify_login
from protocol.roster import SignedRoster
from protocol.roster_key import LONGEST_CHAIN
from signaling.core.effects import LOGGED, Connection, Drop, Effect, KeepKeys, Note, Notify, Send, Subscribe
from signaling.core.operators import Operators

SESSIONS_PER_ANSWERER = 4


@dataclass(frozen=True, slots=True)
class _Person:
    connection: Connection
    session: str
    answerer: str
    key: str


class Hub:
    """All routing of one site. `new_token` makes sessions and nonces; `hosts` are the names logins may give; `push_key`
    is the one by which push services know this server (RFC 8292), None where nobody is woken.
    """

    def __init__(self, site: str, hosts: list[str], new_token: Callable[[], str], push_key: str | None = None) -> None:
        self._site = site
        self._push_key = push_key
        self._woken: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._hosts = frozenset(host.lower() for host in hosts)
        self._new_token = new_token
        self._rosters: dict[str, SignedRoster] = {}
        self._successions: list[str] = []
        self._operators = Operators()
        self._devices: dict[str, tuple[Connection, str]] = {}
        self._people: dict[Connection, _Person] = {}
        self._nonces: dict[Connection, str] = {}

    # Devices

    def admit(self, identity: Identity, fingerprint: str) -> str:
        """The id of a device that may connect; PeerError if its certificate is not one that its roster names."""
        if identity.site != self._site or identity.device is None:
            raise PeerError("certificate: not of a device of this site")
        if self._retired(identity.device, fingerprint):
            raise PeerError("certificate: does not stand on the device's roster")
        return identity.device

    def device_connected(self, connection: Connection, device: str, fingerprint: str, utc: int) -> list[Effect]:
        """Welcome an admitted device; an older connection of the same one goes."""
        if self._retired(device, fingerprint):  # by a roster that came while the WebSocket was opened
            return [Drop(connection, 1008, "no longer on the roster")]
        effects: list[Effect] = []
        older = self._devices.get(device)
        if older is not None:
            effects.append(Drop(older[0], 1008, "replaced"))
        self._devices[device] = (connection, fingerprint)
        present = [Presence(session=p.session, answerer=p.answerer) for p in self._named_by(device)]
        mine = [self._rosters[device].jws] if device in self._rosters else []
        inside = mine[0] if mine and not self._successions else None
        effects.append(Send(connection, DeviceWelcome(ice_servers=[], roster=inside, answerers=present, time=utc)))
        if self._successions:  # what the new key signed comes after the way to it (section 8, rule 16)
            effects += self._keys_and_rosters(connection, mine)
        effects += self._tell_people(device, DevicePresence(device=device, online=True))
        return [*effects, Note("info", "device-up", {"device": device})]

    def device_gone(self, connection: Connection, device: str) -> list[Effect]:
        current = self._devices.get(device)
        if current is None or current[0] != connection:
            return []
        del self._devices[device]
        return [
            *self._tell_people(device, DevicePresence(device=device, online=False)),
            Note("info", "device-down", {"device": device}),
        ]

    def from_device(self, connection: Connection, device: str, message: FromDevice) -> list[Effect]:
        current = self._devices.get(device)
        if current is None or current[0] != connection:
            return []  # a connection that was replaced has no say
        match message:
            case Offer(session=session, link=link, sdp=sdp):
                return self._to_person(device, session, AnswererOffer(device=device, link=link, sdp=sdp))
            case Close(session=session, link=link, reason=reason):
                return self._to_person(device, session, AnswererClose(device=device, link=link, reason=reason))
            case DeviceCandidate(session=session, link=link, candidate=line):
                candidate = AnswererCandidate(device=device, link=link, candidate=line)
                return self._to_person(device, session, candidate)
            case Ring(call=call, answerers=answerers):
                return self._wake(device, call, answerers)
            case RingEnded(call=call):
                rung = self._woken.get(device)
                if rung is None or rung[0] != call:
                    return []
                del self._woken[device]
                return [Notify(rung[1], device, call, ringing=False)]
            case RosterAccepted(jws=jws):
                return self._operators.confirmed(device, jws)
            case _:
                assert_never(message)

    # People

    def person_connected(self, connection: Connection) -> list[Effect]:
        nonce = self._nonces[connection] = self._new_token()
        return [Send(connection, Challenge(nonce=nonce, site=self._site))]

    def is_logged_in(self, connection: Connection) -> bool:
        return connection in self._people

    def person_gone(self, connection: Connection) -> list[Effect]:
        self._nonces.pop(connection, None)
        person = self._people.pop(connection, None)
        if person is None:
            return []
        return self._tell_devices(person, Left(session=person.session))

    def from_person(self, connection: Connection, message: FromAnswerer) -> list[Effect]:
        person = self._people.get(connection)
        if isinstance(message, LoginMessage):
            return self._login(connection, message.jws)
        if person is None:
            return [Drop(connection, 1008, "log in first")]
        match message:
            case AnswererAnswer(device=device, link=link, sdp=sdp, proof=proof):
                answer = Answer(session=person.session, link=link, sdp=sdp, proof=proof)
                return self._to_device(person, device, answer)
            case AnswererCandidate(device=device, link=link, candidate=line):
                candidate = DeviceCandidate(session=person.session, link=link, candidate=line)
                return self._to_device(person, device, candidate)
            case AnswererClose(device=device, link=link, reason=reason):
                return self._to_device(person, device, Close(session=person.session, link=link, reason=reason))
            case PushSubscribe(subscription=subscription):
                return [] if self._push_key is None else [Subscribe(person.key, subscription)]
            case PushUnsubscribe():
                return [Subscribe(person.key, None)]
            case _:
                assert_never(message)

    def _wake(self, device: str, call: str, answerers: list[str]) -> list[Effect]:
        """A door rings people who have no link with it: their browsers are woken, on every device of theirs."""
        note = Note("info", "ring", {"device": device, "absent": len(answerers)})
        signed = self._rosters.get(device)
        if signed is None or self._push_key is None:
            return [note]
        named = signed.roster.answerers
        keys = tuple(key for answerer in dict.fromkeys(answerers) if answerer in named for key in named[answerer].keys)
        before, rung = self._woken.get(device, (call, ()))
        self._woken[device] = (call, tuple(dict.fromkeys([*(rung if before == call else ()), *keys])))
        return [note, Notify(keys, device, call, ringing=True)]

    def _login(self, connection: Connection, jws: str) -> list[Effect]:
        nonce = self._nonces.pop(connection, None)  # used once, whatever becomes of it
        try:
            login, key = verify_login(jws)
            if nonce is None or login.nonce != nonce:
                raise PeerError("nonce: not the one of this connection, or used")
            if login.site != self._site:
                raise PeerError(f"site: this is {self._site!r}")
            if login.host not in self._hosts:
                raise PeerError("host: not a name of this server")
            if not any(signed.roster.answerer_has(login.answerer, key) for signed in self._rosters.values()):
                raise PeerError("key: stands on no roster")
        except PeerError as error:
            refused = ErrorMessage(code="login", message="this key is not known here")
            note = Note("warning", "login-refused", {"why": str(error)[:LOGGED]})
            return [Send(connection, refused), Drop(connection, 1008, "login refused"), note]
        return self._welcome(_Person(connection, self._new_token(), login.answerer, key))

    def _welcome(self, person: _Person) -> list[Effect]:
        effects: list[Effect] = []
        mine = [other for other in self._people.values() if other.answerer == person.answerer]
        if len(mine) >= SESSIONS_PER_ANSWERER:
            effects += self._end_session(mine[0], "replaced")
        self._people[person.connection] = person
        devices = [DeviceOnline(device=device, online=device in self._devices) for device in self._devices_of(person)]
        welcome = AnswererWelcome(
            session=person.session, ice_servers=[], rosters=[], devices=devices, push_key=self._push_key
        )
        effects.append(Send(person.connection, welcome))
        rosters = [self._rosters[device].jws for device in self._devices_of(person)]
        effects += self._keys_and_rosters(person.connection, rosters)
        effects += self._tell_devices(person, Arrived(session=person.session, answerer=person.answerer))
        return [*effects, Note("info", "person-up", {"answerer": person.answerer})]

    def _end_session(self, person: _Person, reason: Reason) -> list[Effect]:
        del self._people[person.connection]
        return [Drop(person.connection, 1008, reason), *self._tell_devices(person, Left(session=person.session))]

    # Operators

    def admit_operator(self, identity: Identity) -> None:
        """PeerError if it is not the operator of this site."""
        if identity.site != self._site or identity.device is not None:
            raise PeerError("certificate: not of this site's operator")

    def operator_connected(self, connection: Connection) -> list[Effect]:
        return self._operators.connected(connection)

    def operator_gone(self, connection: Connection) -> list[Effect]:
        return self._operators.gone(connection)

    def status(self) -> Status:
        """Who is here, and what each device has confirmed last."""
        sessions = Counter(person.answerer for person in self._people.values())
        return self._operators.status(self._rosters, frozenset(self._devices), sessions)

    # Rosters

    def roster_key_introduced(self, jws: str) -> list[Effect]:
        """The roster key has a successor: tell everybody. The caller has followed it; rosters stay in force."""
        self._successions = [*self._successions, jws][-LONGEST_CHAIN:]
        everybody = [*(connection for connection, _ in self._devices.values()), *self._people]
        return [
            *(Send(connection, RosterKeyMessage(jws=jws)) for connection in everybody),
            Note("info", "roster-key", {}),
        ]

    def roster_published(self, signed: SignedRoster) -> list[Effect]:
        """A newer roster: tell whom it names, drop whom it no longer does. The caller has verified and admitted it."""
        device = signed.roster.device
        before = {person.session for person in self._named_by(device)}
        self._rosters[device] = signed
        effects: list[Effect] = []
        current = self._devices.get(device)
        if current is not None:
            connection, fingerprint = current
            effects.append(Send(connection, RosterMessage(jws=signed.jws)))
            if fingerprint not in signed.roster.fingerprints:
                effects += [Drop(connection, 1008, "no longer on the roster"), *self.device_gone(connection, device)]
        for person in list(self._people.values()):
            named = person in self._named_by(device)
            if person.session in before or named:
                effects.append(Send(person.connection, RosterMessage(jws=signed.jws)))
            if named and person.session not in before:
                effects += self._to_device(person, device, Arrived(session=person.session, answerer=person.answerer))
                effects.append(Send(person.connection, DevicePresence(device=device, online=device in self._devices)))
            elif not named and person.session in before and device in self._devices:
                effects.append(Send(self._devices[device][0], Left(session=person.session)))
            if not self._devices_of(person):
                effects += self._end_session(person, "roster")
        return [*effects, Note("info", "roster", {"device": device, "serial": signed.roster.serial})]

    def standing(self) -> KeepKeys:
        """Every key that stands on a roster now."""
        people = [named for signed in self._rosters.values() for named in signed.roster.answerers.values()]
        return KeepKeys(frozenset(key for named in people for key in named.keys))

    def _keys_and_rosters(self, connection: Connection, rosters: list[str]) -> list[Effect]:
        keys = [Send(connection, RosterKeyMessage(jws=jws)) for jws in self._successions]
        return [*keys, *(Send(connection, RosterMessage(jws=jws)) for jws in rosters)]

    # Small questions

    def _retired(self, device: str, fingerprint: str) -> bool:
        signed = self._rosters.get(device)
        return signed is not None and fingerprint not in signed.roster.fingerprints

    def _knows(self, device: str, person: _Person) -> bool:
        signed = self._rosters.get(device)
        return signed is not None and signed.roster.answerer_has(person.answerer, person.key)

    def _named_by(self, device: str) -> list[_Person]:
        return [person for person in self._people.values() if self._knows(device, person)]

    def _devices_of(self, person: _Person) -> list[str]:
        return [device for device in self._rosters if self._knows(device, person)]

    def _to_person(self, device: str, session: str, message: ToAnswerer) -> list[Effect]:
        for person in self._named_by(device):
            if person.session == session:
                return [Send(person.connection, message)]
        return []  # it has left; the device is told so on its own

    def _to_device(self, person: _Person, device: str, message: ToDevice) -> list[Effect]:
        current = self._devices.get(device)
        if current is None or not self._knows(device, person):
            return []
        return [Send(current[0], message)]

    def _tell_people(self, device: str, message: ToAnswerer) -> list[Effect]:
        return [Send(person.connection, message) for person in self._named_by(device)]

    def _tell_devices(self, person: _Person, message: ToDevice) -> list[Effect]:
        return [effect for device in self._devices_of(person) for effect in self._to_device(person, device, message)]
