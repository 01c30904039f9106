"""How many people fit into one process over SSH, and how it feels for them. Prints a table against the bars.

    python -m tests.benchmarks.ssh_sessions [--row NAME]... [--workers N] [--size 120x40]

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
from typing import Any, Final, Self

import asyncssh

from core.client import ActivityArrived, Client, ClientEvent, ClientSettings, LoggedIn
from core.wire.address import Address
from tui.feed.activities import note
from tui.ssh.ssh_settings import usual_workers

FIRST_FRAME = "Palette".lower().encode()
"""The last words of the first whole frame."""


class BenchServer:
    """The server's process, and its workers'."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.benchmarks.ssh_server",
            str(self._workers),
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


class ClientTerminal(asyncssh.SSHClientSession[bytes]):
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

    first = 0.0
    """Seconds to the first whole frame."""

    async def open(self, port: int, size: tuple[int, int] = (100, 30)) -> float:
        """Come in; seconds until the first whole frame."""
        begun = time.perf_counter()
        self.conn = await asyncssh.connect(
            "127.0.0.1", port, username="anonymous", client_keys=None, known_hosts=None, agent_path=None, config=None
        )
        self.terminal = ClientTerminal()
        painted = self.terminal.expect(FIRST_FRAME)
        self.chan, _ = await self.conn.create_session(
            lambda: self.terminal, term_type="xterm-256color", term_size=size, encoding=None
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
        painted = person.terminal.expect(letter.encode())
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


class Bench:
    """The rows of the table. Each has a server of its own."""

    def __init__(self, arguments: argparse.Namespace, table: Table) -> None:
        self._arguments = arguments
        self._table = table
        self._size: tuple[int, int] = arguments.size
        self._first: float | None = None
        self._memory: float | None = None

    def _server(self) -> BenchServer:
        return BenchServer(self._arguments.workers)

    async def _person(self, server: BenchServer, stack: AsyncExitStack | None = None) -> Person:
        person = Person()
        person.first = await person.open(server.ssh, self._size)
        if stack is not None:
            stack.push_async_callback(person.close)
        return person

    async def _warm(self, server: BenchServer) -> None:
        """Let every worker have had a session: what is loaded with the first one is no part of the others."""
        people = [await self._person(server) for _ in range(max(1, self._arguments.workers))]
        for person in people:
            await person.close()

    async def first(self) -> None:
        """From nothing to the first whole frame, one after the other."""
        async with self._server() as server:
            await self._warm(server)
            firsts = []
            before = await server.ask("stats")
            for _ in range(self._arguments.starts):
                person = await self._person(server)
                firsts.append(person.first)
                await asyncio.sleep(0.1)
                await person.close()
            after = await server.ask("stats")
        median = self._first = statistics.median(firsts)
        each = (after["cpu"] - before["cpu"]) / len(firsts)
        self._table.add(
            "connect to first painted frame, quiet, median",
            "≤ 150 ms",
            f"{ms(median)} (p90 {ms(percentile(firsts, 0.9))}; processor for a session's whole life {ms(each)})",
            median <= 0.15,
        )

    async def idle(self) -> None:
        """What sessions cost in which nothing happens, and how long a key takes beside them."""
        count = self._arguments.idle
        async with self._server() as server, AsyncExitStack() as stack:
            await self._warm(server)
            await asyncio.sleep(1)
            before = (await server.ask("stats"))["rss"]
            people = [await self._person(server, stack) for _ in range(count)]
            await asyncio.sleep(3)
            stats = await server.ask("stats")
            each = self._memory = (stats["rss"] - before) / count / 1e6
            base = f"; the workers' own {before / 1e6:.0f} MB with the node's not counted" if stats["workers"] else ""
            self._table.add(f"memory per idle session ({count})", "≤ 2.5 MB", f"{each:.2f} MB{base}", each <= 2.5)
            # Whatever follows the opening has settled, and every timer that is not rarer than that comes at least once.
            await asyncio.sleep(self._arguments.settle)
            stats, begun = await server.ask("stats"), time.perf_counter()
            received = sum(person.terminal.received for person in people)
            if self._arguments.profile:
                await server.ask("profile on")
            await asyncio.sleep(self._arguments.idle_time)
            if self._arguments.profile:
                await server.ask(f"profile {self._arguments.profile}")
            after, took = await server.ask("stats"), time.perf_counter() - begun
            share, own = ((after[which] - stats[which]) / took * 100 for which in ("cpu", "node_cpu"))
            sent = (sum(person.terminal.received for person in people) - received) / took / count
            wakes = (after["wakeups"] - stats["wakeups"]) / took
            self._table.add(
                f"processor with {count} idle sessions",
                "",
                f"{share:.2f} %, of that the node's process {own:.2f} %; {wakes:.0f} wakeups/s; {sent:.0f} B/s each; "
                f"over {took:.0f} s",
            )
            times = await keys(people[0], self._arguments.keys, 0.03)
            p99 = percentile(times, 0.99)
            found = f"{ms(p99)} (median {ms(statistics.median(times))})"
            self._table.add(f"key to repaint, {count} idle sessions, p99", "≤ 50 ms", found, p99 <= 0.05)

    async def busy(self) -> None:
        """What keys and the node's own broadcasts wait for while every session follows a feed that never rests."""
        count = self._arguments.busy
        async with self._server() as server:
            await self._warm(server)
            # Windows before and after, each with its own tail, so that what else the machine does hits both alike.
            quiet = [await broadcasts(server.node, 200, 0.02) for _ in range(WINDOWS)]
            async with AsyncExitStack() as stack:
                people = [await self._person(server, stack) for _ in range(count)]
                await server.ask("rate 20")
                await asyncio.sleep(4)
                if self._arguments.profile:
                    await server.ask("profile on")
                before, begun = await server.ask("stats"), time.perf_counter()
                received = sum(person.terminal.received for person in people)
                times = await keys(people[0], self._arguments.keys, 0.05)
                if self._arguments.profile:
                    await server.ask(f"profile {self._arguments.profile}")
                after, took = await server.ask("stats"), time.perf_counter() - begun
                sent = (sum(person.terminal.received for person in people) - received) / took / count
                p99 = percentile(times, 0.99)
                self._table.add(
                    f"key to repaint, {count} sessions that follow 20 activities/s, p99",
                    "≤ 150 ms",
                    f"{ms(p99)} (median {ms(statistics.median(times))}; processor "
                    f"{(after['cpu'] - before['cpu']) / took * 100:.0f} %, of that the node's process "
                    f"{(after['node_cpu'] - before['node_cpu']) / took * 100:.0f} %; {sent / 1000:.1f} kB/s each)",
                    p99 <= 0.15,
                )
                loaded = [await broadcasts(server.node, 200, 0.02) for _ in range(WINDOWS)]
                await server.ask("rate 0")
            await asyncio.sleep(2)
            quiet += [await broadcasts(server.node, 200, 0.02) for _ in range(WINDOWS)]
            with_them, without = (
                statistics.median(percentile(window, 0.99) for window in windows) for windows in (loaded, quiet)
            )
            medians = [statistics.median(each for window in windows for each in window) for windows in (loaded, quiet)]
            self._table.add(
                f"broadcast latency p99 with {count} busy sessions, against none",
                "≤ 2×",
                f"{with_them / without:.1f}× ({ms(with_them)} against {ms(without)}; medians {ms(medians[0])}, "
                f"{ms(medians[1])})",
                with_them / without <= 2,
            )

    async def burst(self) -> None:
        """Fifty people at the door at once."""
        async with self._server() as server:
            await self._warm(server)
            people = [Person() for _ in range(50)]
            before, begun = await server.ask("stats"), time.perf_counter()
            firsts = await asyncio.gather(*(person.open(server.ssh, self._size) for person in people))
            last = time.perf_counter() - begun
            after = await server.ask("stats")
            self._table.add(
                "burst of 50 logins, last one painted",
                "≤ 3 s",
                f"{last:.2f} s (median {statistics.median(firsts):.2f} s; processor for each "
                f"{ms((after['cpu'] - before['cpu']) / 50)})",
                last <= 3,
            )
            await asyncio.gather(*(person.close() for person in people))

    async def churn(self) -> None:
        """People who come and go leave nothing behind."""
        count = self._arguments.churn

        async def left() -> dict[str, Any]:
            """When nothing is left to be taken back; at the latest after a quarter of a minute."""
            for _ in range(15):
                await asyncio.sleep(1)
                stats = await server.ask("stats")
                if stats["apps"] == 0:
                    await asyncio.sleep(4)
                    break
            return await server.ask("stats")

        async with self._server() as server:
            hundredth = later = 0
            for number in range(count):
                person = await self._person(server)
                person.chan.write(b"x\x1b[<35;4;5M")
                await person.close()
                if number == min(99, count // 3):
                    hundredth = (await left())["rss"]
                if number == count * 2 // 3:
                    later = (await left())["rss"]
            stats = await left()
            grown = (stats["rss"] - hundredth) / 1e6
            self._table.add(
                f"{count} sessions opened and closed: applications alive; growth after the first 100",
                "0; ≤ 5 MB",
                f"{stats['apps']}; {grown:.1f} MB, of that {(stats['rss'] - later) / 1e6:.1f} MB in the last third",
                stats["apps"] == 0 and grown <= 5,
            )

    async def processes(self) -> None:
        """Against a process per session on a pseudo-terminal."""
        async with self._server() as server:
            firsts, sizes = await processes(server.node, 5)
        first, size = statistics.median(firsts), statistics.mean(sizes)
        ahead = None
        if self._first is not None and self._memory is not None:
            ahead = self._first < first and self._memory < size
        self._table.add(
            "against a process per session on a pseudo-terminal: first frame; memory (proportional)",
            "ahead in both",
            f"{ms(self._first) if self._first is not None else '?'} against {ms(first)}; "
            f"{f'{self._memory:.2f} MB' if self._memory is not None else '?'} against {size:.1f} MB",
            ahead,
        )


ROWS: Final = ("first", "idle", "busy", "burst", "churn", "processes")
WINDOWS: Final = 3


async def measure(arguments: argparse.Namespace, table: Table) -> None:
    bench = Bench(arguments, table)
    for row in ROWS:
        if not arguments.row or row in arguments.row:
            await getattr(bench, row)()


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
    parser.add_argument("--row", action="append", choices=ROWS, help="only this one; may be repeated")
    parser.add_argument("--workers", type=int, default=usual_workers(), help="processes for the sessions; 0: none")
    parser.add_argument(
        "--size", type=lambda text: tuple(map(int, text.split("x"))), default=(100, 30), help="COLUMNSxROWS"
    )
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--busy", type=int, default=50)
    parser.add_argument("--idle", type=int, default=100)
    parser.add_argument("--idle-time", type=float, default=20, help="seconds for which idle sessions are looked at")
    parser.add_argument("--settle", type=float, default=5, help="seconds that are left to them before")
    parser.add_argument("--churn", type=int, default=300)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--profile", default="", help="file for a profile of the node's process")
    table = Table()
    asyncio.run(measure(parser.parse_args(), table))
    table.show()


if __name__ == "__main__":
    main()
