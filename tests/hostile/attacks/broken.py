"""What is no message at all: each costs a door its connection to the server, and a page nothing."""

import json
from collections.abc import Awaitable, Callable

from tests.hostile.attack import Attack, Ends
from tests.hostile.ends import Message
from tests.hostile.scene import Scene

Garbage = Message | str | bytes

BROKEN = Ends(log="signaling-down", why="broke the protocol")


def to_the_door(what: Garbage) -> Callable[[Scene], Awaitable[None]]:
    """Say this to a door that is connected; and wait until it has come back."""

    async def run(scene: Scene) -> None:
        relay = scene.den.relay
        door = await relay.door(scene.device, within_s=15)
        await door.say(what)
        await relay.door(scene.device, after=door, within_s=20)

    return run


def first(what: Garbage | None, ends_s: float = 20) -> Callable[[Scene], Awaitable[None]]:
    """The same as the first thing that a door hears from the server."""

    async def run(scene: Scene) -> None:
        relay = scene.den.relay
        door = await relay.door(scene.device, within_s=15)
        relay.door_welcomes[scene.device].append(what)
        await door.hang_up()
        lied = await relay.door(scene.device, after=door, within_s=20)
        await lied.gone.wait()
        await relay.door(scene.device, after=lied, within_s=ends_s)

    return run


def to_the_page(what: Garbage, *, welcomed: bool = True) -> Callable[[Scene], Awaitable[None]]:
    """Say this to a page, after its login or before."""

    async def run(scene: Scene) -> None:
        if welcomed:
            visit = await scene.visit()
            await visit.end.say(what)
            return
        scene.den.relay.challenge(scene.person, what)
        await scene.tab()
        await scene.den.relay.page(scene.person, within_s=15)

    return run


DEEP = "[" * 20_000 + "]" * 20_000
TWICE = '{"type":"left","type":"answer","session":"' + "s" * 22 + '"}'
WRONG = "the server said something wrong"

ATTACKS = (
    *(
        Attack(f"door-{name}", f"{tries}, to a door", "door", ends, run, "broken")
        for name, tries, ends, run in (
            ("not-json", "what is not JSON", BROKEN, to_the_door("\x00{]")),
            ("unknown-type", "a message of an unknown type", BROKEN,
             to_the_door({"type": "open-door", "door": "main"})),
            ("oversize", "a message of more than 64 KiB", Ends(log="signaling-down"), to_the_door("x" * 70_000)),
            ("binary", "a binary message", BROKEN, to_the_door(b"\xff\xfe" * 100)),
            ("deep", "JSON nested 20,000 deep", BROKEN, to_the_door(DEEP)),
            ("member-twice", "a member that stands twice", BROKEN, to_the_door(TWICE)),
            ("no-welcome", "no welcome at all", Ends(log="signaling-down", why="no welcome"), first(None)),
            ("first-left", "something else than a welcome first", BROKEN,
             first({"type": "left", "session": "s" * 22})),
        )
    ),
    *(
        Attack(f"page-{name}", f"{tries}, to a page", "page", Ends(console=console), run, "page")
        for name, tries, console, run in (
            ("not-json", "what is not JSON", WRONG, to_the_page("\x00{]")),
            ("unknown-type", "a message of an unknown type", WRONG, to_the_page({"type": "open-door", "door": "main"})),
            ("oversize", "a message of more than 64 KiB", WRONG, to_the_page(json.dumps({"type": "x" * 70_000}))),
            ("binary", "a binary message", WRONG, to_the_page(b"\xff\xfe" * 100)),
            ("deep", "JSON nested 20,000 deep", WRONG, to_the_page(DEEP)),
            ("member-twice", "a member that stands twice", WRONG, to_the_page(TWICE)),
            ("first-offer", "an offer before the login", "before welcome",
             to_the_page({"type": "offer", "device": "front-door", "link": "l" * 22, "sdp": "v=0"}, welcomed=False)),
            ("other-site", "a challenge of another site", "another site",
             to_the_page({"type": "challenge", "nonce": "n" * 22, "site": "elsewhere"}, welcomed=False)),
        )
    ),
)  # fmt: skip
