"""What the control socket can be asked: to press, to say how things stand, to take in a roster, to start anew."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from device.adapters.control import Request
from device.adapters.gpio import GpiozeroPanel
from device.adapters.metrics import Metrics
from device.config import Config
from device.core.authority import Authority
from device.core.events import Event, KeyPressed, Pressed, SignalingSaid
from device.core.station import Station
from device.identity import DeviceIdentity
from protocol.certificates import days_left
from protocol.errors import PeerError
from protocol.jws import typ_of
from protocol.messages import RosterKeyMessage, RosterMessage
from protocol.roster_key import TYP as ROSTER_KEY


@dataclass(frozen=True, slots=True)
class Support:
    """`answer` is called on the loop. `restart` asks for an end as soon as nobody is at the door."""

    config: Config
    identity: DeviceIdentity
    authority: Authority
    station: Station
    panel: GpiozeroPanel
    metrics: Metrics
    online: Callable[[], bool]
    post: Callable[[Event], None]
    restart: Callable[[], None]

    def answer(self, request: Request) -> dict[str, object]:
        """PeerError for a request that cannot be done; see `device.adapters.control`."""
        match request:
            case {"do": "status"}:
                return self._status()
            case {"do": "metrics"}:
                return {"metrics": self.metrics.text(self._gauges())}
            case {"do": "roster", "jws": str(jws)}:
                message = RosterKeyMessage(jws=jws) if typ_of(jws) == ROSTER_KEY else RosterMessage(jws=jws)
                self.post(SignalingSaid(message))
                return {}
            case {"do": "restart"}:
                self.restart()
                return {}
            case {"do": "press", "button": str(button)} if button in self.config.button:
                self.post(Pressed(button))
                return {}
            case {"do": "press", "button": button}:
                known = ", ".join(self.config.button)
                raise PeerError(f"there is no button {button!r}; there are: {known}")
            case {"do": "edge", "button": str(button), "pressed": bool(pressed)} if self._simulated():
                at = time.time()
                self.panel.press_edge(button, pressed)
                return {"at": at}
            case {"do": "line", "line": str(line), "closed": bool(closed)} if self._simulated():
                self.panel.drive(line, closed)
                return {}
            case {"do": "type", "keys": str(keys)} if self._simulated():
                for key in keys:
                    self.post(KeyPressed(key))
                return {}
            case {"do": "pins"} if self._simulated():
                return {"pins": self.panel.levels()}
        raise PeerError(f"cannot do {request.get('do')!r}")

    def standing(self) -> str:
        """How things stand, in a line for the service manager; names nobody."""
        said = [
            self.station.phase,
            f"{self.station.links_up} connections",
            f"server {'connected' if self.online() else 'not connected'}",
        ]
        if self.station.faults:
            said.append(f"faults: {', '.join(self.station.faults)}")
        return "; ".join(said)

    def _status(self) -> dict[str, object]:
        signed = self.authority.signed
        return {
            "device": f"{self.identity.site}/{self.identity.device}",
            "signaling": self.online(),
            "links_up": self.station.links_up,
            "quiet": self.station.quiet,
            "faults": self.station.faults,
            "doors": [f"{door} {state}" for door, state in self.station.contacts.items()],
            "roster_serial": signed.roster.serial if signed else None,
            "roster_sha256": signed.digest if signed else None,
            "roster_days_left": round((signed.roster.expires - time.time()) / 86400, 1) if signed else None,
            "fingerprint": self.identity.fingerprint,
            "certificate_days_left": round(self._certificate_days(), 1),
        }

    def _gauges(self) -> dict[str, tuple[str, float]]:
        signed = self.authority.signed
        return {
            "links_up": ("Verified connections.", self.station.links_up),
            "online": ("Whether the signaling server is connected.", float(self.online())),
            "faults": ("Faults that the pages show.", len(self.station.faults)),
            "roster_serial": ("Serial of the newest roster.", signed.roster.serial if signed else 0),
            "certificate_days_left": ("Days until the device certificate ends.", self._certificate_days()),
        }

    def _certificate_days(self) -> float:
        return days_left(self.identity.certificate, time.time())

    def _simulated(self) -> bool:
        return self.config.gpio.pins == "mock"
