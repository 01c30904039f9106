"""The server that `ssh_sessions` loads, in a process of its own; told what to do by lines on standard input."""

from __future__ import annotations

import asyncio
import cProfile
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from core.client import Client, ClientSettings
from core.engine import EngineSettings, Server
from tui.feed.activities import note
from tui.ssh.applications.ssh_application import SSHApp
from tui.ssh.ssh_server import SSHServer
from tui.ssh.ssh_settings import SSHSettings

WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "the",
    "lazy",
    "dog",
    "while",
    "a",
    "node",
    "passes",
    "on",
    "what",
    "people",
    "say",
    "to",
    "each",
    "other",
]


class Load:
    """Posts activities at a rate."""

    def __init__(self, node: Server) -> None:
        self._client = Client(
            ClientSettings(username="anonymous"), (), lambda event: None, home=lambda: node.connect_local("anonymous")
        )
        self._task = asyncio.create_task(self._client.run())
        self._rate = 0.0
        self._wanted = asyncio.Event()

    def set_rate(self, rate: float) -> None:
        """Activities a second from here on; 0: none, at no cost."""
        self._rate = rate
        if rate:
            self._wanted.set()
        else:
            self._wanted.clear()

    async def run(self) -> None:
        number = 0
        due = time.monotonic()
        while True:
            if not self._rate:
                await self._wanted.wait()
                due = time.monotonic()
            due += 1 / self._rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            number += 1
            text = " ".join(WORDS[(number * 7 + place) % len(WORDS)] for place in range(5 + number % 25))
            self._client.post(note(f"{number} {text}"))


def resident(pid: int) -> int:
    """Bytes of memory that a process has now."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise OSError("the system does not tell")


def processor(pid: int) -> float:
    """Seconds that a process has computed."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def wakeups(pid: int) -> int:
    """How often a process has waited for something and gone on."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches:"):
            return int(line.split()[1])
    raise OSError("the system does not tell")


async def main() -> None:
    directory = Path(tempfile.mkdtemp(prefix="ssh-benchmark-"))
    node = Server(EngineSettings(data_dir=directory, host="127.0.0.1", port=0, name="bench", preset="local"))
    await node.start()
    settings = SSHSettings(
        "127.0.0.1",
        0,
        directory,
        unauthenticated_max=200,
        unauthenticated_per_host_max=200,
        sessions_per_connection_max=1,
        collect_after=5.0,
        workers=int(sys.argv[1]),
    )
    ssh = SSHServer(node, settings)
    await ssh.start()
    profile = cProfile.Profile()
    load = Load(node)
    loading = asyncio.create_task(load.run())
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    def answer(**values: object) -> None:
        sys.stdout.write(json.dumps(values) + "\n")
        sys.stdout.flush()

    answer(ssh=ssh.address.port, node=node.address.port, pid=os.getpid())
    while line := (await reader.readline()).decode().split():
        match line:
            case ["rate", rate]:
                load.set_rate(float(rate))
                answer()
            case ["stats"]:
                if not ssh.sessions() and ssh.worker_pool is None:
                    ssh.collector.collect()
                workers = ssh.worker_pool.pids() if ssh.worker_pool is not None else []
                sizes = [resident(pid) for pid in workers]
                answer(
                    rss=resident(os.getpid()) + sum(sizes),
                    workers=sizes,
                    apps=ssh.worker_pool.applications if ssh.worker_pool is not None else len(SSHApp.alive),
                    cpu=time.process_time() + sum(processor(pid) for pid in workers),
                    node_cpu=time.process_time(),
                    wakeups=sum(wakeups(pid) for pid in (os.getpid(), *workers)),
                )
            case ["profile", "on"]:
                profile.enable()
                answer()
            case ["profile", "off"]:
                profile.disable()
                answer()
            case ["profile", file]:
                profile.disable()
                profile.dump_stats(file)
                answer()
    loading.cancel()
    await ssh.close("the benchmark is over")
    await node.abort()


if __name__ == "__main__":
    asyncio.run(main())
