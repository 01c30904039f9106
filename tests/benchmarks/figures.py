"""Figures of real processes: healing, start, memory. `python -m tests.benchmarks.figures` prints them."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from tests.processes.harness import NodeNetwork, NodeProcess

TRIES = 20
IDLE_CLIENTS = 1000
OPTIONS = ("--announce-interval", "5")


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        await healing(root / "healing")
        await starting(root / "starting")
        await memory(root / "memory")


async def one_network(nodes: list[NodeProcess]) -> bool:
    """Whether each of the servers reaches all of them."""
    statuses = await asyncio.gather(*(node.status() for node in nodes), return_exceptions=True)
    views = []
    for status in statuses:
        if isinstance(status, BaseException):
            return False
        views.append(sum(server["state"] in ("here", "reachable") for server in status["servers"]))
    return views == [len(nodes)] * len(nodes)


async def healing(directory: Path) -> None:
    """From kill -9 of the middle server of a chain of five to one network again, as `status` tells it."""
    times = []
    async with NodeNetwork(directory, options=OPTIONS) as network:
        nodes = await network.build((0, 1, 2, 3))
        middle = nodes[2]
        rest = [node for node in nodes if node is not middle]
        for _ in range(TRIES):
            middle.kill9()
            killed = time.perf_counter()
            while not await one_network(rest):
                pass
            times.append(time.perf_counter() - killed)
            await middle.wait()
            await middle.restart()
            await network.settled(nodes)
    print(
        f"kill -9 of a middle server to one network again, {TRIES} tries:"
        f" median {statistics.median(times) * 1000:.0f} ms, max {max(times) * 1000:.0f} ms"
    )


async def starting(directory: Path) -> None:
    """From the start of the process to a listening headless server."""
    times = []
    for number in range(7):
        node = NodeProcess(directory / str(number), options=OPTIONS)
        began = time.perf_counter()
        async with node:
            times.append(time.perf_counter() - began)
            await node.kill()
    print(f"start of a headless server until it listens, 7 tries: median {statistics.median(times) * 1000:.0f} ms")


async def memory(directory: Path) -> None:
    """Resident memory of a headless server without clients and with idle ones."""
    async with NodeProcess(directory, options=("--no-redirects",)) as node:
        before = await steady(node.pid)
        clients = []
        for _ in range(IDLE_CLIENTS):
            reader, writer = await asyncio.open_connection(*node.address)
            writer.write(b'{"command":"LOGIN","username":"anonymous"}\n')
            clients.append((reader, writer))
        for reader, _ in clients:
            assert b"LOGIN_SUCCESS" in await reader.readline()
        after = await steady(node.pid)
        for _, writer in clients:
            writer.close()
        await node.kill()
    print(
        f"resident memory of a headless server: {before / 1024:.1f} MiB, with {IDLE_CLIENTS} idle clients"
        f" {after / 1024:.1f} MiB ({(after - before) / IDLE_CLIENTS:.1f} KiB each)"
    )


async def steady(pid: int) -> int:
    """KiB, once it has stopped changing: a start takes more for a moment than what follows."""
    last = -1
    while (now := resident(pid)) != last:
        last = now
        await asyncio.sleep(1.5)
    return now


def resident(pid: int) -> int:
    """KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


if __name__ == "__main__":
    asyncio.run(main())
