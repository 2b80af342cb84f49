"""What a real page has signed for the relay, taken to an honest server of the same site."""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets import Origin, Subprotocol
from websockets.asyncio.client import ClientConnection, connect

from tests.harness.namespaces import DOOR_ADDRESS
from tests.hostile.attack import Attack, Ends
from tests.hostile.den import HONEST_HOST
from tests.hostile.ends import Message
from tests.hostile.scene import Scene


@asynccontextmanager
async def honest_server(scene: Scene) -> AsyncIterator[tuple[ClientConnection, Message]]:
    """A connection to it, and its challenge."""
    context = ssl.create_default_context(cafile=str(scene.den.site.ca_path))
    url, origin = f"wss://{DOOR_ADDRESS}:9443/answerer", Origin(f"https://{HONEST_HOST}")
    async with connect(url, ssl=context, origin=origin, subprotocols=[Subprotocol("doorward.v1")], proxy=None) as made:
        yield made, json.loads(await made.recv())


async def log_in(scene: Scene, connection: ClientConnection, jws: str) -> None:
    """Whatever is not an error is a success, and counts as a word that the attacker heard."""
    await connection.send(json.dumps({"type": "login", "jws": jws}))
    said = json.loads(await connection.recv())
    if said["type"] != "error":
        scene.haul.words.append(said["type"])


async def replayed(scene: Scene) -> None:
    visit = await scene.visit()
    async with honest_server(scene) as (connection, _):
        await log_in(scene, connection, visit.end.login)


async def forwarded(scene: Scene) -> None:
    """The honest server's challenge is put to the page, and the page's answer to that server."""
    async with honest_server(scene) as (connection, challenge):
        scene.den.relay.challenge(scene.person, challenge)
        visit = await scene.visit()
        await log_in(scene, connection, visit.end.login)


ATTACKS = (
    Attack(
        "login-replayed", "a genuine login again, at another server of the site", "server",
        Ends(log="login-refused", why="nonce"), replayed, "page",
    ),
    Attack(
        "login-forwarded", "another server's challenge, signed by a page that believes it the relay's", "server",
        Ends(log="login-refused", why="host"), forwarded, "page",
    ),
)  # fmt: skip
