"""Packets that are lost on the way: nftables drops some of them at random, in the namespace of whoever receives."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator

from tests.harness.namespaces import Network

_RULES = """\
table inet doorward_loss {{
  chain arriving {{
    type filter hook input priority 0;
    meta l4proto udp numgen random mod 100 < {percent} drop
  }}
}}
"""


def missing() -> str | None:
    """Why no packet can be lost here; None if they can."""
    return None if shutil.which("nft") else "the command `nft` is not installed (nftables)"


@contextlib.contextmanager
def loss(net: Network, percent: int) -> Iterator[None]:
    """So many of a hundred datagrams never reach the home, for as long as the block lasts."""
    subprocess.run(net.at_home("nft", "-f", "-"), input=_RULES.format(percent=percent), text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(net.at_home("nft", "delete", "table", "inet", "doorward_loss"), check=True)
