"""How many people fit into one process over SSH, and how it feels for them. Prints a table against the bars.

    python -m tests.benchmarks.ssh_sessions [--only NAME,...] [--busy 50] [--idle 100] [--churn 300]

The server runs in a process of its own, the clients (asyncssh) in this one, over the loopback; with two cores the load
therefore takes its share of what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pty
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import asyncssh

from core.client import ActivityArrived, Client, ClientEvent, ClientSettings, LoggedIn
from core.wire.address import Address
from tui.activities import note

FIRST_FRAME = "Palette".lower().encode()
"""The last words of the first whole frame."""


class BenchServer:
    """The server's process."""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.benchmarks.ssh_server",
            os.environ.get("BENCH_WORKERS", "0"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        told = await self._answer()
        self.ssh, self.node, self.pid = told["ssh"], told["node"], told["pid"]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 15)
        except TimeoutError:
            self._process.kill()

    async def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer

    async def ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        return await self._answer()


class Seat(asyncssh.SSHClientSession[bytes]):
    """One person's terminal."""

    def __init__(self) -> None:
        self._wanted = b""
        self._found: asyncio.Future[float] | None = None
        self._tail = b""
        self.received = 0

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self.received += len(data)
        if self._found is not None and not self._found.done():
            self._tail += data
            if self._wanted in self._tail:
                self._found.set_result(time.perf_counter())
                self._tail = b""

    def expect(self, data: bytes) -> asyncio.Future[float]:
        """When these bytes come."""
        self._wanted, self._tail = data, b""
        self._found = asyncio.get_running_loop().create_future()
        return self._found


class Person:
    """A connection with one session in it."""

    async def open(self, port: int, size: tuple[int, int] = (100, 30)) -> float:
        """Come in; seconds until the first whole frame."""
        begun = time.perf_counter()
        self.conn = await asyncssh.connect(
            "127.0.0.1", port, username="anonymous", client_keys=None, known_hosts=None, agent_path=None, config=None
        )
        self.seat = Seat()
        painted = self.seat.expect(FIRST_FRAME)
        self.chan, _ = await self.conn.create_session(
            lambda: self.seat, term_type="xterm-256color", term_size=size, encoding=None
        )
        return await asyncio.wait_for(painted, 60) - begun

    async def close(self) -> None:
        self.conn.close()
        await self.conn.wait_closed()


async def keys(person: Person, count: int, gap: float) -> list[float]:
    """Seconds from each key to what it painted."""
    times = []
    for number in range(count):
        letter = chr(0x4E00 + number)
        painted = person.seat.expect(letter.encode())
        begun = time.perf_counter()
        person.chan.write(letter.encode())
        times.append(await asyncio.wait_for(painted, 30) - begun)
        if number % 25 == 24:
            person.chan.write(b"\x15")
        await asyncio.sleep(gap)
    return times


async def broadcasts(port: int, count: int, gap: float) -> list[float]:
    """Seconds from posting an activity at the node to its arrival at another of its clients, over TCP."""
    sent: dict[str, float] = {}
    times: list[float] = []
    ready = [asyncio.Event(), asyncio.Event()]

    def heard(place: int, event: ClientEvent) -> None:
        if isinstance(event, LoggedIn):
            ready[place].set()
        elif isinstance(event, ActivityArrived) and place == 1:
            for mark in list(sent):
                if mark.encode() in event.body:
                    times.append(time.perf_counter() - sent.pop(mark))

    def client(place: int) -> Client:
        settings = ClientSettings(username="anonymous")
        return Client(settings, (Address("127.0.0.1", port),), lambda event: heard(place, event))

    clients = [client(0), client(1)]
    tasks = [asyncio.create_task(each.run()) for each in clients]
    await asyncio.gather(*(event.wait() for event in ready))
    for number in range(count):
        mark = f"mark-{number}-{os.getpid()}"
        sent[mark] = time.perf_counter()
        clients[0].post(note(mark))
        await asyncio.sleep(gap)
    async with asyncio.timeout(20):
        while sent:
            await asyncio.sleep(0.01)
    for each in clients:
        await each.close()
    await asyncio.gather(*tasks)
    return times


def percentile(times: Sequence[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


class Table:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str]] = []

    def add(self, what: str, bar: str, found: str, met: bool | None = None) -> None:
        self.rows.append((what, bar, found, {True: "met", False: "NOT MET", None: ""}[met]))
        print(f"  {what}: {found} (bar {bar or '-'}) {self.rows[-1][3]}", flush=True)

    def show(self) -> None:
        print("\n| | bar | measured | |\n|---|---|---|---|")
        for row in self.rows:
            print("| " + " | ".join(row) + " |")


async def measure(arguments: argparse.Namespace, table: Table) -> None:
    wanted = set(arguments.only.split(",")) if arguments.only else None

    def doing(name: str) -> bool:
        return wanted is None or name in wanted

    if doing("idle"):
        async with BenchServer() as server, AsyncExitStack() as stack:
            warm = Person()
            await warm.open(server.ssh)
            await warm.close()
            firsts = []
            for _ in range(20):
                person = Person()
                firsts.append(await person.open(server.ssh))
                await person.close()
            median = statistics.median(firsts)
            table.add("connect to first painted frame, quiet, median", "≤ 150 ms", ms(median), median <= 0.15)
            before = (await server.ask("stats"))["rss"]
            people = []
            for _ in range(arguments.idle):
                person = Person()
                await person.open(server.ssh)
                stack.push_async_callback(person.close)
                people.append(person)
            await asyncio.sleep(3)
            stats = await server.ask("stats")
            each = (stats["rss"] - before) / arguments.idle / 1e6
            table.add(f"memory per idle session ({arguments.idle})", "≤ 2.5 MB", f"{each:.2f} MB", each <= 2.5)
            begun, received = time.perf_counter(), sum(person.seat.received for person in people)
            await asyncio.sleep(5)
            after = await server.ask("stats")
            share = (after["cpu"] - stats["cpu"]) / (time.perf_counter() - begun)
            sent = (sum(person.seat.received for person in people) - received) / 5 / arguments.idle
            table.add(f"processor with {arguments.idle} idle sessions", "", f"{share * 100:.1f} %, {sent:.0f} B/s each")
            times = await keys(people[0], arguments.keys, 0.03)
            p99 = percentile(times, 0.99)
            table.add(
                f"key to repaint, {arguments.idle} idle sessions, p99",
                "≤ 50 ms",
                f"{ms(p99)} (median {ms(statistics.median(times))})",
                p99 <= 0.05,
            )
    if doing("busy"):
        async with BenchServer() as server, AsyncExitStack() as stack:
            quiet = await broadcasts(server.node, 300, 0.02)
            people = []
            for _ in range(arguments.busy):
                person = Person()
                await person.open(server.ssh)
                stack.push_async_callback(person.close)
                people.append(person)
            await server.ask("rate 20")
            await asyncio.sleep(4)
            if arguments.profile:
                await server.ask("profile on")
            before, begun = await server.ask("stats"), time.perf_counter()
            received = sum(person.seat.received for person in people)
            times = await keys(people[0], arguments.keys, 0.05)
            if arguments.profile:
                await server.ask(f"profile {arguments.profile}")
            after, took = await server.ask("stats"), time.perf_counter() - begun
            sent = (sum(person.seat.received for person in people) - received) / took / len(people)
            p99 = percentile(times, 0.99)
            table.add(
                f"key to repaint, {arguments.busy} sessions that follow 20 activities/s, p99",
                "≤ 150 ms",
                f"{ms(p99)} (median {ms(statistics.median(times))}; processor "
                f"{(after['cpu'] - before['cpu']) / took * 100:.0f} %, {sent / 1000:.1f} kB/s each)",
                p99 <= 0.15,
            )
            times = await broadcasts(server.node, 300, 0.02)
            ratio = percentile(times, 0.99) / percentile(quiet, 0.99)
            table.add(
                f"broadcast latency p99 with {arguments.busy} busy sessions, against none",
                "≤ 2×",
                f"{ratio:.1f}× ({ms(percentile(times, 0.99))} against {ms(percentile(quiet, 0.99))}; medians "
                f"{ms(statistics.median(times))}, {ms(statistics.median(quiet))})",
                ratio <= 2,
            )
    if doing("burst"):
        async with BenchServer() as server:
            warm = Person()
            await warm.open(server.ssh)
            await warm.close()
            people = [Person() for _ in range(50)]
            begun = time.perf_counter()
            await asyncio.gather(*(person.open(server.ssh) for person in people))
            last = time.perf_counter() - begun
            table.add("burst of 50 logins, last one painted", "≤ 3 s", f"{last:.2f} s", last <= 3)
            await asyncio.gather(*(person.close() for person in people))
    if doing("churn"):
        async with BenchServer() as server:
            hundredth = 0
            for number in range(arguments.churn):
                person = Person()
                await person.open(server.ssh)
                person.chan.write(b"x\x1b[<35;4;5M")
                await person.close()
                if number == min(99, arguments.churn // 3):
                    await asyncio.sleep(4)
                    hundredth = (await server.ask("stats"))["rss"]
            await asyncio.sleep(4)
            stats = await server.ask("stats")
            grown = (stats["rss"] - hundredth) / 1e6
            table.add(
                f"{arguments.churn} sessions opened and closed: applications alive; growth after the first 100",
                "0; ≤ 5 MB",
                f"{stats['apps']}; {grown:.1f} MB",
                stats["apps"] == 0 and grown <= 5,
            )
    if doing("processes"):
        async with BenchServer() as server:
            firsts, sizes = await processes(server.node, 5)
        table.add("a process per session on a pseudo-terminal: first frame, median", "", ms(statistics.median(firsts)))
        table.add(
            "a process per session on a pseudo-terminal: memory (proportional)", "", f"{statistics.mean(sizes):.1f} MB"
        )


async def processes(port: int, count: int) -> tuple[list[float], list[float]]:
    """The same application as a process of its own per person: seconds to the first frame, megabytes each."""
    import fcntl
    import termios

    firsts, running = [], []
    home = tempfile.mkdtemp()
    for number in range(count):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        begun = time.perf_counter()
        environment = os.environ | {"TERM": "xterm-256color", "HOME": f"{home}/{number}"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tui", "join", f"127.0.0.1:{port}", "--user", "anonymous"),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        painted, seen = asyncio.get_running_loop().create_future(), bytearray()

        def read(master: int = master, seen: bytearray = seen, painted: asyncio.Future[float] = painted) -> None:
            seen += os.read(master, 65536)
            if FIRST_FRAME in seen and not painted.done():
                painted.set_result(time.perf_counter())

        asyncio.get_running_loop().add_reader(master, read)
        firsts.append(await asyncio.wait_for(painted, 30) - begun)
        running.append((process, master))
    await asyncio.sleep(1)
    sizes = []
    for process, _ in running:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                sizes.append(int(line.split()[1]) * 1024 / 1e6)
    for process, master in running:
        asyncio.get_running_loop().remove_reader(master)
        process.kill()
        await process.wait()
        os.close(master)
    return firsts, sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="idle, busy, burst, churn, processes")
    parser.add_argument("--busy", type=int, default=50)
    parser.add_argument("--idle", type=int, default=100)
    parser.add_argument("--churn", type=int, default=300)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--profile", default="", help="file for a profile of the server in the busy run")
    table = Table()
    asyncio.run(measure(parser.parse_args(), table))
    table.show()


if __name__ == "__main__":
    main()
