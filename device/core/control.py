"""The control channel of one link: what may be said on it, in which order (protocol section 5; section 8, 4 and 8)."""

from dataclasses import dataclass

from protocol.errors import PeerError
from protocol.messages import Command, Done, Hello, LinkClose, RosterKeyMessage, RosterMessage, ToDoor

MESSAGES_PER_S = 20

Heard = Command | Done | RosterMessage | RosterKeyMessage | LinkClose


@dataclass(slots=True)
class Control:
    """Counts the peer's commands and messages; `pings` numbers our own."""

    last_id: int = 0
    pings: int = 0
    allowance: float = MESSAGES_PER_S
    counted_at: float = 0.0

    def greeted(self, message: ToDoor, ours: Hello) -> int:
        """The serial of the peer's roster. PeerError unless this is a hello of this very link (RFC 8844)."""
        if not isinstance(message, Hello):
            raise PeerError("the first message is not hello", "hello")
        theirs = (message.link, message.site, message.device, message.answerer)
        if theirs != (ours.link, ours.site, ours.device, ours.answerer):
            raise PeerError("hello of another link", "hello")
        return message.serial

    def judged(self, message: ToDoor, now: float) -> Heard:
        """What may be acted on. PeerError for a flood, a second hello, or a command whose id is not the next one."""
        self.allowance = min(MESSAGES_PER_S, self.allowance + (now - self.counted_at) * MESSAGES_PER_S)
        self.counted_at = now
        self.allowance -= 1
        if self.allowance < 0:
            raise PeerError(f"more than {MESSAGES_PER_S} messages a second")
        match message:
            case Hello():
                raise PeerError("a second hello")
            case LinkClose() | RosterMessage() | RosterKeyMessage() | Done():
                return message
        if message.id != self.last_id + 1:
            raise PeerError(f"command {message.id} after {self.last_id}")
        self.last_id = message.id
        return message
