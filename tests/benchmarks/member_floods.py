"""What a member that makes things up does to a network: `python -m tests.benchmarks.member_floods [KIND ...]`.

A member knows the network's secret, so nothing at the door keeps it out. It links with one of two honest servers, each
a process of its own, says of very many things that there are not, and comes back under another name from another
address whenever it is sent away. Meanwhile somebody writes at the server that it is linked with, and somebody reads at
the other. The bars stand beside the figures. The first argument that is a number says how many there are of each kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.floods import SECRET, Line, resident, seconds_until
from tests.processes.harness import NodeProcess

COUNTS: Final = {"invented servers": 50_000, "invented streams": 40_000, "invented accounts": 50_000}
QUIET_SECONDS: Final = 10.0
AFTER_SECONDS: Final = 15.0
POSTS_A_SECOND: Final = 20
ROW: Final = 50
"""Invented servers hang on the member in rows of so many, so that all can be reached, as it says."""
AT_ONCE: Final = 200
COMES_BACK_MAX: Final = 20
"""How often it comes back at most."""
MEMORY_BAR: Final = 250.0
"""MB more that a server may have meanwhile."""
P99_BAR: Final = 1.0
"""Seconds from one server to a reader at the other."""
TICKS: Final = os.sysconf("SC_CLK_TCK")


# --- what it says -----------------------------------------------------------------------------------------------------


def servers(member: str, count: int) -> Iterator[dict[str, Any]]:
    """Link-state records of servers that there are not, and the member's own, which has a link with each row."""
    rows = range(0, count, ROW)
    ends = [[f"row{first}x{member}", 1 + first] for first in rows]
    yield {**_record(member, version=2), "links": ends}
    for first in rows:
        before = member
        for number in range(first, min(first + ROW, count)):
            own = f"row{first}x{member}" if number == first else f"made{number}x{member}"
            follows = [[f"made{number + 1}x{member}", 2 + number]] if number + 1 < min(first + ROW, count) else []
            yield {**_record(own), "links": [[before, 1 + number], *follows]}
            before = own


def _record(server: str, version: int = 1) -> dict[str, Any]:
    where = {"hostname": "192.0.2.1", "port": 1, "load": 0}
    return {"command": "SERVER_ANNOUNCE", "id": server, **where, "incarnation": 1, "version": version, "name": server}


def streams(member: str, count: int) -> Iterator[dict[str, Any]]:
    """The first activity of each of so many servers that there are not."""
    stamp = int(time.time() * 1_000_000)
    for number in range(count):
        entry = {"id": f"made{number}x{member}.1.1", "stamp": stamp + number, "sender": "somebody"}
        yield {"command": "ACTIVITY_BROADCAST", "activity": {"text": "made up"}, **entry}


def accounts(member: str, count: int) -> Iterator[dict[str, Any]]:
    """So many registrations at servers that there are not."""
    stamp = int(time.time() * 1_000_000)
    for number in range(count):
        account = {"username": f"nobody {number} {member}", "verifier": "$argon2id$none", "claimed_at": stamp}
        own = {"id": f"{member}.1.{number + 1}", "stamp": stamp + number, "claim": f"{member}.1.{number + 1}"}
        yield {"command": "ACCOUNT", **own, **account}


KINDS: Final[dict[str, Callable[[str, int], Iterator[dict[str, Any]]]]] = {
    "invented servers": servers,
    "invented streams": streams,
    "invented accounts": accounts,
}


@dataclass
class Member:
    """The one that makes things up."""

    port: int
    secret: str
    said: int = 0
    sent_away: list[str] = field(default_factory=list)

    async def say_all(self, kind: str, count: int) -> None:
        """Say everything, and what was not said yet under the next name where it is sent away."""
        for visit in range(COMES_BACK_MAX):
            if self.said >= count:
                return
            with contextlib.suppress(OSError):
                await self._visit(f"member{visit}", f"127.0.3.{visit + 1}", kind, count - self.said)

    async def _visit(self, member: str, source: str, kind: str, count: int) -> None:
        line = await Line.open(self.port, source)
        try:
            hello = {"command": "AUTHENTICATE", "secret": self.secret, "id": member, "incarnation": 1, "name": member}
            line.say(**hello, features=["sync", "quit", "user_info"], link="join", stamp=1)
            if (answer := await line.hear("SERVER_HELLO", "SERVER_REFUSED"))["command"] == "SERVER_REFUSED":
                self.sent_away.append(str(answer.get("info")))
                return
            line.say(**_record(member), links=[])
            line.say(command="SYNC_DONE", upto={})
            hearing = asyncio.create_task(self._hear(line))
            for number, message in enumerate(KINDS[kind](member, count)):
                line.say(**message)
                if number % AT_ONCE == 0:
                    await line.writer.drain()
                    if hearing.done():
                        return
                self.said += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(hearing), AFTER_SECONDS)
            hearing.cancel()
        finally:
            line.close()

    async def _hear(self, line: Line) -> None:
        while text := await line.reader.readline():
            message = json.loads(text)
            if message["command"] == "PING":
                line.say(command="PONG", number=message["number"])
            elif message["command"] in ("INVALID_MESSAGE", "SERVER_REFUSED", "AUTHENTICATION_FAIL"):
                self.sent_away.append(str(message.get("info")))


# --- measuring --------------------------------------------------------------------------------------------------------


def processor_seconds(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


async def delays(writes_at: int, reads_at: int, until: Callable[[], bool]) -> list[float]:
    """Seconds from somebody who writes at one server to a reader at the other; infinity for what has not come."""
    reader, writer = await Line.open(reads_at), await Line.open(writes_at)
    for line in (reader, writer):
        line.say(command="LOGIN", username="ann", secret=SECRET)
        await line.hear("LOGIN_SUCCESS")
    came: dict[int, float] = {}
    sent: dict[int, float] = {}

    async def read() -> None:
        while True:
            activity = (await reader.hear("ACTIVITY_BROADCAST"))["activity"]
            if "n" in activity:
                came[activity["n"]] = time.perf_counter()

    tasks = [asyncio.create_task(read()), asyncio.create_task(writer.hear("never"))]
    while not until():
        number = len(sent)
        sent[number] = time.perf_counter()
        writer.say(command="ACTIVITY_MESSAGE", username="ann", secret=SECRET, activity={"n": number})
        await asyncio.sleep(1 / POSTS_A_SECOND)
    await asyncio.sleep(3.0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for line in (reader, writer):
        line.close()
    return [came.get(number, float("inf")) - at for number, at in sent.items()]


async def reachable_at(port: int) -> int:
    """How many servers a server says that it reaches, itself included."""
    line = await Line.open(port)
    try:
        line.say(command="LOGIN", username="ann", secret=SECRET, features=["quit", "ack", "ping", "status"])
        await line.hear("LOGIN_SUCCESS")
        line.say(command="STATUS_REQUEST")
        status = (await line.hear("STATUS"))["status"]
        return int(len(status["servers"]) + status.get("left_out", 0) - status.get("unreachable", 0))
    finally:
        line.close()


async def measure(kind: str, count: int, directory: Path) -> None:
    """One kind, as a row."""
    # The member speaks in clear, as servers of the version before do.
    options = ("--no-redirects", "--backup-interval", "0", "--links", "mixed")
    async with NodeProcess(directory / "first", options=options) as first:
        register = {"command": "REGISTER", "username": "ann", "secret": SECRET}
        assert await seconds_until(first.port, register, "REGISTER_SUCCESS") < float("inf")
        async with NodeProcess(directory / "second", join=first.address, options=options) as second:
            await asyncio.sleep(2.0)
            quiet_until = time.perf_counter() + QUIET_SECONDS
            quiet = await delays(first.port, second.port, lambda: time.perf_counter() > quiet_until)
            nodes = (first, second)
            before = [resident(node.pid) for node in nodes]
            worked = [processor_seconds(node.pid) for node in nodes]
            most = list(before)
            member = Member(first.port, first.secret)
            began = time.perf_counter()
            saying = asyncio.create_task(member.say_all(kind, count))
            ends: list[float] = []

            def is_over() -> bool:
                for number, node in enumerate(nodes):
                    most[number] = max(most[number], resident(node.pid))
                if saying.done() and not ends:
                    ends.append(time.perf_counter())
                return bool(ends) and time.perf_counter() > ends[0] + AFTER_SECONDS

            seen = await delays(first.port, second.port, is_over)
            await saying
            used = [processor_seconds(node.pid) - at for node, at in zip(nodes, worked, strict=True)]
            lost = sum("[lost]" in line or "unlinked" in line for line in second.stderr_lines)
            reached = [await reachable_at(node.port) for node in nodes]
    if not member.said:
        raise RuntimeError(f"the member was not let in, so nothing is measured: {member.sent_away[:1]}")
    missing = sum(one == float("inf") for one in seen)
    rows = (
        f"{kind}, {count:,}: {member.said:,} said in {ends[0] - began:.1f} s; sent away {len(member.sent_away)} times"
        + (f" ({member.sent_away[0][:100]})" if member.sent_away else ""),
        (
            f"from one honest server to a reader at the other: p99 {_p99(seen):.3f} s, {_p99(quiet):.3f} quiet (bar"
            f" {P99_BAR:g}); {missing} of {len(seen)} have not come (bar 0)"
        ),
        f"links lost between honest servers: {lost} (bar 0); servers reached in the end: {reached[0]} and {reached[1]}",
        *(
            (
                f"{name}: {start / 2**20:.0f} MB before, {peak / 2**20:.0f} at most (bar +{MEMORY_BAR:g}),"
                f" {seconds:.1f} s of processor time"
            )
            for name, start, peak, seconds in zip(("the server", "the one behind it"), before, most, used, strict=True)
        ),
    )
    print("\n  ".join(rows), flush=True)


def _p99(found: list[float]) -> float:
    return sorted(found)[int(0.99 * len(found))] if found else float("inf")


async def main(*arguments: str) -> None:
    counts = [int(one) for one in arguments if one.isdigit()]
    for kind in [one for one in arguments if not one.isdigit()] or KINDS:
        with tempfile.TemporaryDirectory() as directory:
            await measure(kind, counts[0] if counts else COUNTS[kind], Path(directory))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
