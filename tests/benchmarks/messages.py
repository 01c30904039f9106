"""What a registration and a broadcast cost. `python -m tests.benchmarks.messages` prints it.

Lock messages are counted in networks in memory and in one of real processes. The throughput of a server is measured
with receivers in a process of their own, and a sender that keeps a window of activities under way.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from core.simulation.testing import ScriptedNetwork
from core.simulation.testing import random_tree as in_memory
from tests.base_peers.network import random_tree
from tests.processes.harness import REPOSITORY, NodeNetwork, NodeProcess, wait_for

RECEIVERS = 200
WINDOW = 256
SECONDS = 8.0
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
        asyncio.run(throughput(Path(directory) / "throughput"))


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


async def throughput(directory: Path) -> None:
    """Deliveries a second of one server, durable, to many receivers."""
    async with NodeProcess(directory, options=("--no-redirects", "--backup-interval", "0")) as node:
        generator = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.messages", "generate", str(node.port), str(SECONDS)),
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
        )
        said, _ = await asyncio.wait_for(generator.communicate(), SECONDS + 30)
        posted, delivered, seconds = json.loads(said)
        await node.kill()
    print(
        f"broadcast to {RECEIVERS} receivers, window {WINDOW}: {delivered / seconds:,.0f} deliveries/s"
        f" ({posted / seconds:,.0f} activities/s, {seconds:.1f} s)"
    )


class _Receiver(asyncio.Protocol):
    """Counts broadcasts without parsing them."""

    def __init__(self, changed: asyncio.Event) -> None:
        self.count = 0
        self.changed = changed
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b'{"command":"LOGIN","username":"anonymous"}\n')

    def data_received(self, data: bytes) -> None:
        self.count += data.count(b"\n")
        self.changed.set()


async def generate(port: int, seconds: float) -> None:
    """Post so that the slowest of all receivers is never more than the window behind."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    everybody = [
        (await loop.create_connection(lambda: _Receiver(changed), "127.0.0.1", port))[1] for _ in range(RECEIVERS)
    ]
    sender = everybody[0]
    assert sender.transport is not None
    # The first line of each is LOGIN_SUCCESS.
    while min(receiver.count for receiver in everybody) < 1:
        await asyncio.sleep(0.01)
    line = json.dumps(
        {"command": "ACTIVITY_MESSAGE", "username": "anonymous", "activity": {"type": "Note", "content": "x" * 100}}
    ).encode()
    posted = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        room = WINDOW - (posted - (min(receiver.count for receiver in everybody) - 1))
        if room > 0:
            sender.transport.write((line + b"\n") * room)
            posted += room
        changed.clear()
        await asyncio.wait_for(changed.wait(), 10)
    while min(receiver.count for receiver in everybody) - 1 < posted:
        await asyncio.sleep(0.001)
    took = time.perf_counter() - began
    delivered = sum(receiver.count - 1 for receiver in everybody)
    print(json.dumps([posted, delivered, took]))
    for receiver in everybody:
        assert receiver.transport is not None
        receiver.transport.abort()


if __name__ == "__main__":
    if sys.argv[1:2] == ["generate"]:
        asyncio.run(generate(int(sys.argv[2]), float(sys.argv[3])))
    else:
        main()
