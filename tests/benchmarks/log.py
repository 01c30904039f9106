"""The bars of the log, each with its figure. `python -m tests.benchmarks.log [ROW ...]` prints them.

A row is a function below. What is large is made once and kept in the temporary directory (`tests.benchmarks.data`).
`--help` tells the rows, and how to have them with less: `--activities 10000` for a look.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.engine.threads.opening_store import open_sqlite
from core.engine.transport.line_intake import POSTS_AT_ONCE
from core.reconciliation.summary_queries import SumWanted
from core.store import grouping
from core.wire.entries import COUNTER_MAX, Entry, Stream
from core.wire.entry_columns import EntryColumns
from tests.benchmarks import damage, sealing
from tests.benchmarks.data import BODY_BYTES, Contents, activities, copied, prepared, settings
from tests.benchmarks.figures import resident
from tests.benchmarks.live import Writing, percentile, reading
from tests.benchmarks.rows import RowParser, Rows, at_most, measure_rows, row
from tests.processes.harness import REPOSITORY, NodeProcess

IN_FLIGHT = 256
COMMITS = 400
SECONDS = 8.0
LIVE_A_SECOND = 50
QUIET = 5.0
"""Seconds of live traffic while nothing else happens."""
LIMIT = 400.0
"""Seconds after which a row gives up."""
SETTLED = 3.0
"""Seconds in which two servers in agreement say next to nothing."""
QUIET_BYTES = 2_000
OPTIONS = ("--no-redirects", "--backup-interval", "0", "--bytes-kept", "0", "--activities-kept", "1000000000",
           "--anonymous-rate", "0")  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """How much of everything: what the bars are for, unless somebody asks for less."""

    activities: int = 1_000_000
    accounts: int = 100_000
    past_starts: int = 1_000_000
    tries: int = 2_000


# --- past starts ------------------------------------------------------------------------------------------------------


async def starts(scale: Scale, directory: Path) -> None:
    """Past starts: what a login costs on the wire, what two servers in agreement say when they link, and memory."""
    what = f"{scale.past_starts:,} past starts"
    loose = copied(Contents(past_starts=scale.past_starts, is_packed=False), directory / "loose")
    none = _opened(directory / "nothing")
    packing = _opened(loose)
    at_most(f"{what}, open_store when none of them is packed, CPU more than with none",
            packing["cpu"] - none["cpu"], 2, "s", 2)  # fmt: skip
    row("it takes, and leaves in memory",
        f"{packing['seconds']:.2f} s, {(packing['memory'] - none['memory']) / 1024:.0f} MB", "", met=None)  # fmt: skip
    async with server(directory / "none") as node:
        without = await _steady(node)
    here, there = (Contents(past_starts=scale.past_starts, copy=copy) for copy in ("one", "two"))
    async with server(copied(here, directory / "one")) as node:
        at_most(f"{what}, memory more than with none", (await _steady(node) - without) / 1024, 50, "MB")
        began = time.perf_counter()
        async with asyncio.timeout(LIMIT):
            first = await _login(node, {})
            row(f"{what}, until the login was over", f"{time.perf_counter() - began:.2f} s", "", met=None)
            have = first.told.get("begins", {})
            place = [first.told.get("id", ""), *first.told.get("place", (0, 0))]
            again = await _login(node, {"place": place, "have": have})
            elsewhere = await _login(node, {"place": ["another", 1, 1], "have": have})
        for kind, login in (("", first), (" of who comes back", again), (" of who was at another server", elsewhere)):
            figure = f"{login.bytes / 1000:,.1f} kB" + ("" if login.is_through else ", and then the server hung up")
            row(f"{what}, a native login{kind}", figure, "4 kB", met=login.is_through and login.bytes <= 4_000)
        at_most(f"{what}, memory then", (resident(node.pid) - without) / 1024, 50, "MB")
        two = copied(there, directory / "two")
        async with counting(node.port) as proxy, server(two, join=proxy.address) as other:
            linked = await _agreed(node, other, proxy)
        said = f"{proxy.bytes / 1000:,.1f} kB" + ("" if linked else ", and no link within a minute")
        row(f"{what}, two servers in agreement link with", said,
            "64 kB", met=linked and proxy.bytes <= 64_000)  # fmt: skip


@dataclass
class _Said:
    """What a login puts on the wire, in both directions, what it is told, and whether it succeeds."""

    bytes: int
    told: dict[str, Any] = field(default_factory=dict)
    is_through: bool = False


async def _login(node: NodeProcess, more: dict[str, Any]) -> _Said:
    reader, writer = await asyncio.open_connection(*node.address, limit=2**30)
    features = ["quit", "resume", "ack", "ping", "status", "place"]
    asked = json.dumps({"command": "LOGIN", "username": "anonymous", "features": features, **more}).encode() + b"\n"
    writer.write(asked)
    said = _Said(len(asked))
    with contextlib.suppress(ConnectionError):
        while not said.is_through and (line := await reader.readline()):
            said.bytes += len(line)
            message = json.loads(line)
            said.is_through = message.pop("command") == "CAUGHT_UP"
            said.told |= message
    writer.close()
    return said


class Counting:
    """A way to a server that counts what goes over it, in both directions."""

    def __init__(self, port: int) -> None:
        self.bytes = 0
        self.address = ("127.0.0.1", 0)
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
            await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(2**18):
                self.bytes += len(data)
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def counting(port: int) -> AsyncIterator[Counting]:
    proxy = Counting(port)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.address = listener.sockets[0].getsockname()
    try:
        yield proxy
    finally:
        listener.close()


async def _agreed(one: NodeProcess, other: NodeProcess, proxy: Counting) -> bool:
    """Whether two servers are linked, and have nothing more to say to each other."""
    ends = time.perf_counter() + 60.0
    while time.perf_counter() < ends:
        before = proxy.bytes
        await asyncio.sleep(SETTLED)
        if before and proxy.bytes - before < QUIET_BYTES:
            with contextlib.suppress(OSError, AssertionError):
                states = [[server["state"] for server in (await node.status(20.0))["servers"]] for node in (one, other)]
                if states == [["here", "reachable"]] * 2:
                    return True
    return False


# --- the store --------------------------------------------------------------------------------------------------------


async def seals(scale: Scale, directory: Path) -> None:
    """Signatures and digests, for an activity and for a commit."""
    sealing.main()


async def store(scale: Scale, directory: Path) -> None:
    """The store's part of an activity with 256 in flight: by itself, and in a server that a client writes to."""
    alone, sums = _commits(directory / "commits")
    at_most(f"the store's part of an activity, commits of {IN_FLIGHT} and what follows them, CPU", alone, 5.0, "µs")
    row("its part in the sums, when a neighbour asks for them", f"{sums:.1f} µs", "", met=None)
    async with server(directory / "server") as node:
        writing = Writing(node)
        async with writing.connected():
            before = _thread_seconds(node.pid)
            posted = await writing.window(IN_FLIGHT, SECONDS)
            after = _thread_seconds(node.pid)
    spent = {thread: seconds - before.get(thread, 0.0) for thread, seconds in after.items()}
    loop = spent.pop(node.pid)
    # Of the other threads the one that has most to do is the store's.
    at_most(
        f"the store's thread in a server with {IN_FLIGHT} in flight, CPU an activity, its seal among it",
        1e6 * max(spent.values()) / posted,
        5 + 6,
        "µs",
    )
    row(
        "its event loop's, beside it", f"{1e6 * loop / posted:.1f} µs at {posted / SECONDS:,.0f} a second", "", met=None
    )


def _commits(directory: Path) -> tuple[float, float]:
    """Microseconds of CPU for an activity, with what follows the commits and without the seals; and for its sum."""
    opened, recovered = open_sqlite(settings(directory))
    stream = Stream(recovered.node, recovered.incarnation)
    entries = activities(stream, 1, IN_FLIGHT * COMMITS, int(time.time() * 1e6), random.Random(1))
    batches: list[list[EntryColumns]] = [
        [_accepted([next(entries) for _ in range(POSTS_AT_ONCE)]) for _ in range(IN_FLIGHT // POSTS_AT_ONCE)]
        for _ in range(COMMITS)
    ]
    # As a server does when it has started; and it does not have all of these at once.
    gc.collect()
    gc.freeze()
    spent = 0.0
    with timed(grouping, "seal_columns") as sealing:
        for batch in batches:
            began = time.thread_time()
            opened.commit(batch)
            # As between commits that come one after the other.
            opened.follow(idle=False)
            spent += time.thread_time() - began
        began = time.thread_time()
        while opened.follow(idle=True):
            pass
        spent += time.thread_time() - began
    began = time.thread_time()
    while not opened.prepare_summary(SumWanted(0, COUNTER_MAX)):
        pass
    sums = time.thread_time() - began
    opened.close()
    gc.unfreeze()
    return 1e6 * (spent - sum(sealing)) / (IN_FLIGHT * COMMITS), 1e6 * sums / (IN_FLIGHT * COMMITS)


def _accepted(entries: Sequence[Entry]) -> EntryColumns:
    """Activities as the node hands them over: as columns, with the fingerprints by which it has looked for them."""
    columns = EntryColumns.of(entries).dated_by(1)
    assert None not in columns.fingerprints
    return columns


@contextlib.contextmanager
def timed(owner: object, name: str) -> Iterator[list[float]]:
    """The seconds of this thread's CPU that each call of a function takes."""
    function, took = getattr(owner, name), list[float]()

    def call(*given: Any) -> Any:
        began = time.thread_time()
        try:
            return function(*given)
        finally:
            took.append(time.thread_time() - began)

    setattr(owner, name, call)
    try:
        yield took
    finally:
        setattr(owner, name, function)


def _thread_seconds(pid: int) -> dict[int, float]:
    """CPU seconds of each thread of a process (proc(5), `stat`)."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        found[int(task.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


async def disk(scale: Scale, directory: Path) -> None:
    """What an activity takes on the disk, indexes included."""
    size = sum(
        file.stat().st_size for file in prepared(Contents(activities=scale.activities)).rglob("*") if file.is_file()
    )
    at_most(f"disk for an activity of {BODY_BYTES} B, of {scale.activities:,}", size / scale.activities, 400, "B", 0)


# --- catching up ------------------------------------------------------------------------------------------------------


async def catching_up(scale: Scale, directory: Path) -> None:
    """A server that joins and has nothing yet: by itself, and while people write at the other one and read at both."""
    what = f"catching up {scale.activities:,}"
    async with server(directory / "beside") as alone:
        starting = sum(_thread_seconds(alone.pid).values())
    async with server(copied(Contents(activities=scale.activities), directory / "full")) as node:
        before = sum(_thread_seconds(node.pid).values())
        async with server(directory / "alone", join=node.address) as joining:
            rate = await _caught_up(joining, scale.activities)
            giver = sum(_thread_seconds(node.pid).values()) - before
            joiner = sum(_thread_seconds(joining.pid).values()) - starting
        row(what, f"{rate:,.0f} a second", "100,000", met=rate >= 100_000)
        for where, seconds in (("server that gives", giver), ("one that catches up", joiner)):
            at_most(f"{what}, CPU for one at the {where}", 1e6 * seconds / scale.activities, 10, "µs")
    async with server(copied(Contents(activities=scale.activities), directory / "again")) as node:
        writing = Writing(node)
        async with writing.connected():
            live = asyncio.create_task(writing.evenly(LIVE_A_SECOND))
            await asyncio.sleep(QUIET)
            quiet, writing.delays = writing.delays, []
            async with server(directory / "joining", join=node.address) as joining:
                # Before it is linked nothing is live there.
                while not await _activities(joining):
                    await asyncio.sleep(0.05)
                async with reading(joining) as there:
                    rate = await _caught_up(joining, scale.activities)
                    here, after = writing.delays, len(there)
                    await asyncio.sleep(QUIET)
            live.cancel()
    row(f"{what} with people at both", f"{rate:,.0f} a second", "", met=None)
    figures = (("server that gives", here, quiet), ("one that catches up", there[:after], there[after:]))
    for where, meanwhile, otherwise in figures:
        at_most(
            f"live traffic meanwhile, p99 at the {where} (of {len(meanwhile):,};"
            f" {1000 * percentile(otherwise):.0f} ms when nothing is caught up)",
            1000 * percentile(meanwhile), 50, "ms",
        )  # fmt: skip


async def _caught_up(joining: NodeProcess, activities: int) -> float:
    """How many a second come, from when it listens until it has so many."""
    had, began = await _activities(joining), time.perf_counter()
    while (kept := await _activities(joining)) < activities and time.perf_counter() < began + LIMIT:
        await asyncio.sleep(0.2)
    if kept < activities:
        print(f"  only {kept:,} after {LIMIT:.0f} s", flush=True)
    return (kept - had) / (time.perf_counter() - began)


async def _activities(node: NodeProcess) -> int:
    return int((await node.status(60.0))["activities"])


# --- a start ----------------------------------------------------------------------------------------------------------


async def start(scale: Scale, directory: Path) -> None:
    """A start with much kept: the store alone, then a whole server, beside an empty one."""
    what = f"start with {scale.activities:,} activities and {scale.accounts:,} accounts"
    full = copied(Contents(activities=scale.activities, accounts=scale.accounts), directory / "full")
    opened = _opened(full)
    at_most(f"{what}, open_store", opened["seconds"], 0.4, "s", 2)
    row(
        "its CPU, and what it leaves in memory",
        f"{opened['cpu']:.2f} s, {opened['memory'] / 1024:.0f} MB",
        "",
        met=None,
    )
    took: dict[str, float] = {}
    spent: dict[str, float] = {}
    memory: dict[str, float] = {}
    for name in ("empty", "full"):
        began = time.perf_counter()
        async with server(directory / name) as node:
            took[name] = time.perf_counter() - began
            spent[name] = sum(_thread_seconds(node.pid).values())
            memory[name] = await _steady(node) / 1024
    at_most(f"{what}, serve until it listens, more than an empty one", took["full"] - took["empty"], 0.4, "s", 2)
    both = (f"{took[name]:.2f} s, {spent[name]:.2f} s of CPU" for name in ("full", "empty"))
    row("it and an empty one", "; ".join(both), "", met=None)
    at_most(f"{what}, memory of serve", memory["full"], 100, "MB", 0)
    row("an empty one's", f"{memory['empty']:.0f} MB", "", met=None)


def _opened(directory: Path) -> dict[str, float]:
    """What opening a store took, in a process of its own: seconds, CPU, and KiB that it leaves in memory."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.log", "--open", str(directory)],
        cwd=REPOSITORY, capture_output=True, check=True, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(told.stdout)
    return found


def opened(directory: Path) -> None:
    """Open a store in a process that does nothing else, and print what that took."""
    before = resident(os.getpid())
    began, spent = time.perf_counter(), time.process_time()
    kept, _ = open_sqlite(settings(directory))
    told = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - spent}
    print(json.dumps(told | {"memory": resident(os.getpid()) - before}))
    kept.close()


# --- damage -----------------------------------------------------------------------------------------------------------


async def flips(scale: Scale, directory: Path) -> None:
    """Bytes of a small database flipped one at a time, and what its server serves then, with a neighbour to help."""
    found = await damage.flipped(directory, scale.tries, LIMIT)
    what = f"a byte of a database of {found.size:,} B flipped, {found.tries:,} tries"
    row(f"{what}, wrong bodies served", f"{found.wrong:,}", "0", met=not found.wrong)
    row(f"{what}, tracebacks", f"{found.tracebacks:,}", "0", met=not found.tracebacks)
    row(f"{what}, not complete again", f"{found.incomplete:,}, of which {found.refused:,} did not start", "0",
        met=not found.incomplete)  # fmt: skip
    for example in found.examples:
        print(f"  {example}")


# --- all of it --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def server(directory: Path, *, join: tuple[str, int] | None = None) -> AsyncIterator[NodeProcess]:
    node = NodeProcess(directory, join=join, options=OPTIONS)
    await node.start(LIMIT)
    try:
        yield node
    finally:
        await node.kill()


async def _steady(node: NodeProcess) -> float:
    """KiB, once it has stopped changing, or after a while."""
    last = -1
    for _ in range(20):
        if (now := resident(node.pid)) == last:
            break
        last = now
        await asyncio.sleep(1.5)
    return float(last)


ROWS: Rows[Scale] = {
    "starts": starts,
    "seals": seals,
    "store": store,
    "disk": disk,
    "catching-up": catching_up,
    "start": start,
    "flips": flips,
}


async def main(rows: list[str] | None = None, scale: Scale | None = None) -> None:
    await measure_rows(ROWS, rows, scale or Scale())


def command(given: list[str]) -> None:
    parser = RowParser("tests.benchmarks.log", __doc__, ROWS, Scale())
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    arguments = parser.read(given)
    if arguments.open is not None:
        opened(arguments.open)
        return
    asyncio.run(main(arguments.rows, arguments.scale))


if __name__ == "__main__":
    command(sys.argv[1:])
