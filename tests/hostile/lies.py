"""What a relay may make of the words of a page and a door that want to talk to each other."""

import asyncio

from tests.hostile.ends import Message
from tests.hostile.forge import Edit, with_fingerprint
from tests.hostile.peers import FakeDoor, FakePage
from tests.hostile.relay import Lie


class Edited(Lie):
    """Other descriptions than the ends have made; the proof is the page's own and untouched."""

    def __init__(self, offer: Edit = str, answer: Edit = str) -> None:
        self._edits = {"offer": offer, "answer": answer}

    async def to_page(self, message: Message) -> list[Message]:
        return [self._edited(message)]

    async def to_door(self, message: Message) -> list[Message]:
        return [self._edited(message)]

    def _edited(self, message: Message) -> Message:
        edit = self._edits.get(message["type"])
        return {**message, "sdp": edit(message["sdp"])} if edit else message


class Doubled(Lie):
    """Everything twice, in the given direction."""

    def __init__(self, *, door: bool, times: int = 2) -> None:
        self._door, self._times = door, times

    async def to_page(self, message: Message) -> list[Message]:
        return [message] if self._door else [message] * self._times

    async def to_door(self, message: Message) -> list[Message]:
        return [message] * self._times if self._door else [message]


class Reordered(Lie):
    """What the page says after its answer reaches the door before it."""

    def __init__(self) -> None:
        self._held: list[Message] = []

    async def to_door(self, message: Message) -> list[Message]:
        if message["type"] == "answer":
            self._held.append(message)
            return []
        held, self._held = self._held, []
        return [message, *held]


class Overheard(Lie):
    """The door is told nothing of what its page says; the offer is remembered."""

    offer = ""

    async def to_page(self, message: Message) -> list[Message]:
        self.offer = message.get("sdp", self.offer)
        return [message]

    async def to_door(self, message: Message) -> list[Message]:
        return []


class Held(Lie):
    """What is said of one kind, in one direction, comes so much later; None: never, and nothing after it either.

    Nothing either way: the door would offer anew, and the page then gives its first link up before its own time is out.
    """

    def __init__(self, way: str, kind: str, seconds: float | None) -> None:
        self._way, self._kind, self._seconds = way, kind, seconds
        self._mute = False

    async def to_door(self, message: Message) -> list[Message]:
        return await self._after(message, "door")

    async def to_page(self, message: Message) -> list[Message]:
        return await self._after(message, "page")

    async def _after(self, message: Message, way: str) -> list[Message]:
        if (way, message["type"]) == (self._way, self._kind):
            if self._seconds is None:
                self._mute = True
            else:
                await asyncio.sleep(self._seconds)
        return [] if self._mute else [message]


class TwoLegs(Lie):
    """The whole of it: to the page a door of its own, to the door a page of its own, and the genuine proof between."""

    def __init__(self, door: FakeDoor, page: FakePage, true: str) -> None:
        self._door, self._page, self._true = door, page, true
        self._offer: Message = {}

    async def to_page(self, message: Message) -> list[Message]:
        if message["type"] != "offer" or self._offer:
            return []
        self._offer = message
        return [{**message, "sdp": with_fingerprint(self._true)(await self._door.offer())}]

    async def to_door(self, message: Message) -> list[Message]:
        if message["type"] != "answer":
            return []
        self._door.accept(message["sdp"])
        return [{**message, "sdp": await self._page.answer(self._offer["sdp"])}]
