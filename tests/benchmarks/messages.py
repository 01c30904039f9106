"""What a registration costs the network in messages. `python -m tests.benchmarks.messages` prints it.

Lock messages are counted in networks in memory and in one of real processes.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from core.simulation.testing import ScriptedNetwork
from core.simulation.testing import random_tree as in_memory
from tests.base_peers.network import random_tree
from tests.processes.harness import NodeNetwork, wait_for

PROCESSES = 6


def main() -> None:
    for count in (2, 5, 20, 100):
        network = ScriptedNetwork(checked=False)
        servers = network.build(in_memory(count), settle=3.0)
        network.registered(servers[count // 2], "ann")
        network.run(20.0)
        print(f"lock messages of one registration, n = {count}: {network.lock_messages().total()}")
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(processes(Path(directory) / "locks"))


async def processes(directory: Path) -> None:
    """Lock messages of one registration in a network of real processes."""
    async with NodeNetwork(directory, options=("--backup-interval", "0")) as network:
        nodes = await network.build(random_tree(PROCESSES, seed=3))

        async def sent() -> int:
            return sum([int((await node.status())["lock_messages"]) for node in nodes])

        before = await sent()
        async with await nodes[PROCESSES // 2].client() as client:
            await client.register("ann", "her secret")

        async def counted() -> bool:
            return await sent() >= before + 2 * (PROCESSES - 1)

        await wait_for(counted, 10, "the lock messages are counted")
        print(f"lock messages of one registration, {PROCESSES} processes: {await sent() - before}")


if __name__ == "__main__":
    main()
