"""A network is upgraded server by server while people post and read, and goes back: real processes of two versions.

    python -m tests.processes.rolling_upgrade --servers 5
    python -m tests.processes.rolling_upgrade --servers 5 --before af3133e --pause 0.05

The version before is taken from the repository's history. It prints each step, what was posted and what came of it. The
exit status is 0 when everything that was acknowledged is at each reader and each server once, in its sender's order.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.processes.harness import REPOSITORY, NodeNetwork, NodeProcess, wait_for

BEFORE: Final = "af3133e"
"""The last version whose servers had neither keys nor records: its data is of schema 3."""
OPTIONS: Final = ("--preset", "local", "--backup-interval", "0", "--no-redirects")
ARRIVES_WITHIN: Final = 60.0
PAST_MAX: Final = 10_000
"""Activities of the past that a server shows."""
BEFORE_ENCRYPTION: Final = "ca5e9a0"
"""The last version whose servers linked in clear."""
MIXED: Final = "--links=mixed"
CHANGING: Final = ("--accept-unsigned", MIXED)
"""Options of which a server has others from start to start."""
KILLED_AFTER: Final = (0.0, 0.02, 0.05, 0.1, 0.2)
"""Seconds after which a start is killed that has said that it brings its data up."""
SECRET_OF_PEOPLE: Final = "a secret of theirs"


def checked_out(revision: str, directory: Path) -> Path | None:
    """The sources of a revision in a new directory; None where the repository's history does not have it."""
    archive = subprocess.run(
        ["git", "-C", str(REPOSITORY), "archive", revision, "core", "tui"], capture_output=True, check=False
    )
    if archive.returncode:
        return None
    directory.mkdir(parents=True)
    subprocess.run(["tar", "x", "-C", str(directory)], input=archive.stdout, check=True)
    return directory


@dataclass
class Person:
    """Somebody who uses `activity-tui post` or `tail`, of one version, for as long as it takes."""

    name: str
    sources: Path
    home: Path
    lines: list[str] = field(default_factory=list)
    """What the command has written."""
    said: list[str] = field(default_factory=list)
    """What it has written to standard error."""
    process: asyncio.subprocess.Process | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def run(self, *arguments: str) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ACTIVITY_TUI_", "XDG_"))}
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tui", *arguments),
            cwd=self.sources,
            env={**kept, "HOME": str(self.home), "PYTHONPATH": str(self.sources), "PYTHONUNBUFFERED": "1"}
            # Of two versions, at servers of two versions, of which one does not encrypt.
            | {"ACTIVITY_TUI_USER_SECRET": SECRET_OF_PEOPLE, "ACTIVITY_TUI_PLAIN": "yes"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        self.tasks += [
            asyncio.create_task(self._read(self.process.stdout, self.lines.append)),
            asyncio.create_task(self._read(self.process.stderr, self.said.append)),
        ]

    @staticmethod
    async def _read(stream: asyncio.StreamReader, note: Callable[[str], None]) -> None:
        async for line in stream:
            note(line.decode(errors="backslashreplace").rstrip("\n"))

    async def end(self) -> None:
        if self.process is not None:
            if self.process.returncode is None:
                self.process.kill()
            await self.process.wait()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@dataclass
class Writer(Person):
    """Posts numbers, one after the other."""

    posted: int = 0
    paused: bool = False

    async def begin(self, node: NodeProcess, pause: float, at_once: int) -> None:
        """Post so many at once, and go on with a pause, in seconds, before each."""
        await self.run("post", _at(node), "-u", self.name, "--timeout", "90", "--json", "-")
        self.tasks.append(asyncio.create_task(self._write(pause, at_once)))

    async def _write(self, pause: float, at_once: int) -> None:
        assert self.process is not None and self.process.stdin is not None
        while True:
            if self.posted >= at_once:
                await asyncio.sleep(pause)
            if self.paused:
                continue
            self.posted += 1
            self.process.stdin.write(json.dumps({"type": "Note", "by": self.name, "n": self.posted}).encode() + b"\n")
            await self.process.stdin.drain()

    @property
    def acknowledged(self) -> list[int]:
        """The numbers of what was accepted: each line tells the fate of the next."""
        return [number for number, line in enumerate(self.lines, 1) if line.startswith("accepted")]

    @property
    def fates(self) -> Counter[str]:
        return Counter(line.partition(" ")[0] for line in self.lines)


@dataclass
class Reader(Person):
    """Follows what is posted."""

    async def begin(self, node: NodeProcess) -> None:
        await self.run("tail", _at(node), "--json")

    def numbers(self) -> dict[str, list[int]]:
        """By writer, what has come, in the order in which it came."""
        return numbers_in(self.lines)


def numbers_in(lines: Sequence[str]) -> dict[str, list[int]]:
    """By writer, the numbers of these activities, in their order."""
    found: dict[str, list[int]] = {}
    for line in lines:
        activity = json.loads(line)
        if "by" in activity:
            found.setdefault(activity["by"], []).append(activity["n"])
    return found


def wrong_with(who: str, found: dict[str, list[int]], writers: Sequence[Writer]) -> list[str]:
    """What of the writers' acknowledged posts is not there, there more than once, or in another order."""
    wrong: list[str] = []
    for writer in writers:
        numbers = found.get(writer.name, [])
        missing = sorted(set(writer.acknowledged) - set(numbers))
        twice = sorted(number for number, count in Counter(numbers).items() if count > 1)
        early = [one for one, before in zip(numbers[1:], numbers, strict=False) if one < before]
        for what, which in (("misses", missing), ("has twice", twice), ("has out of order", early)):
            if which:
                wrong.append(f"{who} {what} {len(which)} of {writer.name}'s {writer.posted}: {which[:10]}")
    return wrong


def _without(options: Sequence[str], *left_out: str) -> tuple[str, ...]:
    return tuple(one for one in options if one not in left_out)


def _at(node: NodeProcess) -> str:
    return f"{node.host}:{node.port}"


class RollingUpgrade:
    """Servers of the version before, people at them, and each step that changes a server's version."""

    def __init__(
        self, network: NodeNetwork, before: Path, servers: int, pause: float, past: int, tell: Callable[[str], None]
    ) -> None:
        """`pause`: seconds between two posts of one writer; `past`: how many there are at first."""
        self.network = network
        self.before = before
        self._servers = servers
        self._pause = pause
        self._past = past
        self._tell = tell
        self.writers: list[Writer] = []
        self.readers: list[Reader] = []
        self.names: dict[str, str] = {}
        """Registered while it went on, and their secrets."""
        self._rng = random.Random(servers)

    @property
    def nodes(self) -> list[NodeProcess]:
        return self.network.nodes

    async def begin(self) -> None:
        """A network of the version before, and people of both at it."""
        for number in range(self._servers):
            await self.network.start(self.nodes[number - 1] if number else None, sources=self.before)
        await self.network.settled(limit=60.0)
        for number, node in enumerate(self.nodes):
            sources = (self.before, REPOSITORY)[number % 2]
            home = self.network.directory / f"home-{number}"
            await self._registered(f"writer{number}", node)
            self.writers.append(Writer(f"writer{number}", sources, home / "writer"))
            self.readers.append(Reader(f"reader{number}", (REPOSITORY, self.before)[number % 2], home / "reader"))
        for reader, node in zip(self.readers, self.nodes, strict=True):
            await reader.begin(node)
        await self._all_read()
        for writer, node in zip(self.writers, self.nodes, strict=True):
            await writer.begin(node, self._pause, self._past // self._servers)
        least = self._past // self._servers + 3
        await wait_for(lambda: all(len(one.acknowledged) > least for one in self.writers), 120.0, "writers write")

    async def _all_read(self) -> None:
        """Wait until each reader shows what is posted."""

        async def shown() -> bool:
            async with await self.nodes[0].client() as client:
                await client.login()
                client.post({"text": "are you there?"})
                await asyncio.sleep(0.5)
            return all(reader.lines for reader in self.readers)

        await wait_for(shown, 60.0, "each reader reads")

    async def end(self) -> None:
        await asyncio.gather(*(person.end() for person in (*self.writers, *self.readers)))

    # --- steps --------------------------------------------------------------------------------------------------------

    async def restart(self, node: NodeProcess, sources: Path, *options: str, killed: bool = False) -> None:
        """Have a server leave, and start it again, with these sources, on its data."""
        began = time.monotonic()
        assert await node.quit(60.0) == 0, node.stderr
        node.sources = sources
        node.options = (*_without(node.options, *CHANGING), *options)
        for seconds in KILLED_AFTER if killed else ():
            await self._start_and_kill(node, seconds)
        await node.restart()
        await self._settled()
        self._tell(f"{time.monotonic() - began:5.1f} s  {self._progress()}")

    async def _start_and_kill(self, node: NodeProcess, seconds: float) -> None:
        starting = asyncio.create_task(node.restart())
        await asyncio.sleep(0)
        await wait_for(lambda: starting.done() or "it is brought to version" in node.stderr, 60.0, interval=0.002)
        await asyncio.sleep(seconds)
        self._tell("         killed while it is upgraded" if not starting.done() else "         killed")
        node.kill9()
        with contextlib.suppress(AssertionError):
            await starting
        await node.kill()

    async def _settled(self) -> None:
        await self.network.settled(limit=90.0)
        before = [len(writer.acknowledged) for writer in self.writers]
        await wait_for(
            lambda: all(len(one.acknowledged) > count for one, count in zip(self.writers, before, strict=True)),
            90.0,
            "everybody's posts are acknowledged",
        )

    async def downgrade(self, node: NodeProcess) -> None:
        """Have a server leave, write its data back, and start the version before on it."""
        began = time.monotonic()
        assert await node.quit(60.0) == 0, node.stderr
        command = [sys.executable, "-m", "tui", "downgrade", "--data-dir", str(node.data_dir)]
        done = await asyncio.create_subprocess_exec(
            *command, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        await done.communicate()
        assert done.returncode == 0, "the data was not written back"
        node.sources = self.before
        node.options = _without(node.options, *CHANGING)
        await node.restart()
        await self._settled()
        self._tell(f"{time.monotonic() - began:5.1f} s  {self._progress()}")

    async def register_somebody(self) -> None:
        """Two people want one name at the same time, at two servers: one of them gets it."""
        name = f"name{len(self.names)}"
        one, other = self._rng.sample(self.nodes, 2)
        done = await asyncio.gather(self._registers(name, one, "first"), self._registers(name, other, "second"))
        assert done.count(True) <= 1, f"{name} was given to two people"
        if any(done):
            self.names[name] = "first" if done[0] else "second"

    async def _registered(self, name: str, node: NodeProcess) -> None:
        await wait_for(lambda: self._registers(name, node, SECRET_OF_PEOPLE), 60.0, f"{name} is registered")
        self.names[name] = SECRET_OF_PEOPLE

    async def _registers(self, name: str, node: NodeProcess, secret: str) -> bool:
        async with await node.client() as client:
            client.send({"command": "REGISTER", "username": name, "secret": secret})
            answer = await client.next(30.0)
            return answer is not None and answer["command"] == "REGISTER_SUCCESS"

    def _progress(self) -> str:
        fates = sum((writer.fates for writer in self.writers), Counter[str]())
        return ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))

    # --- what has to hold ---------------------------------------------------------------------------------------------

    async def wrong(self) -> list[str]:
        """Everybody stops writing: what does not hold of what was acknowledged, at readers and servers."""
        for writer in self.writers:
            writer.paused = True
        await wait_for(lambda: all(len(one.lines) == one.posted for one in self.writers), 120.0, "each fate is known")
        with contextlib.suppress(AssertionError):
            await wait_for(lambda: not self._wrong_at_readers(), ARRIVES_WITHIN)
        wrong = self._wrong_at_readers()
        for number, node in enumerate(self.nodes):
            with contextlib.suppress(AssertionError):
                await wait_for(lambda node=node: self._is_complete(node), ARRIVES_WITHIN)  # type: ignore[misc]
            wrong += wrong_with(f"server {number}", await self._kept_at(node), self.writers)
            wrong += [one async for one in self._wrong_names(number, node)]
        for writer in self.writers:
            writer.paused = False
        self._tell(f"         {self._progress()}; names {len(self.names)}")
        return wrong

    def _wrong_at_readers(self) -> list[str]:
        return [one for reader in self.readers for one in wrong_with(reader.name, reader.numbers(), self.writers)]

    async def _is_complete(self, node: NodeProcess) -> bool:
        return not wrong_with("", await self._kept_at(node), self.writers)

    async def _kept_at(self, node: NodeProcess) -> dict[str, list[int]]:
        """What a server shows of the past."""
        reader = Reader("past", REPOSITORY, self.network.directory / "home-past")
        await reader.run("tail", _at(node), "--json", "--since", str(PAST_MAX), "--no-follow")
        assert reader.process is not None
        assert await asyncio.wait_for(reader.process.wait(), 60.0) == 0, reader.said
        await asyncio.gather(*reader.tasks)
        return reader.numbers()

    async def _wrong_names(self, number: int, node: NodeProcess) -> AsyncIterator[str]:
        for name, secret in self.names.items():
            async with await node.client() as client:
                client.send({"command": "LOGIN", "username": name, "secret": secret})
                answer = await client.next(30.0)
            if answer is None or answer["command"] != "LOGIN_SUCCESS":
                yield f"server {number} answers {name}, who has the secret, {answer}"


async def rolled(
    directory: Path, before: Path, servers: int, pause: float, past: int, tell: Callable[[str], None]
) -> list[str]:
    """Upgrade a network while it runs, and go back; what did not hold. See `RollingUpgrade`."""
    async with NodeNetwork(directory, options=OPTIONS) as network:
        upgrade = RollingUpgrade(network, before, servers, pause, past, tell)
        try:
            tell(f"{servers} servers of the version before")
            await upgrade.begin()
            for number, node in enumerate(upgrade.nodes):
                tell(f"server {number} is upgraded")
                await upgrade.restart(node, REPOSITORY, MIXED, killed=number == 1)
                await upgrade.register_somebody()
            wrong = [f"upgraded: {one}" for one in await upgrade.wrong()]
            for number, node in enumerate(upgrade.nodes):
                tell(f"server {number} accepts what is not signed")
                await upgrade.restart(node, REPOSITORY, "--accept-unsigned", MIXED)
            for number, node in enumerate(upgrade.nodes):
                tell(f"server {number} goes back")
                await upgrade.downgrade(node)
                await upgrade.register_somebody()
            return wrong + [f"back: {one}" for one in await upgrade.wrong()]
        finally:
            await upgrade.end()


async def rolled_to_encryption(
    directory: Path, before: Path, servers: int, pause: float, past: int, tell: Callable[[str], None]
) -> list[str]:
    """Upgrade a network whose servers link in clear, one by one, and then close the door; what did not hold."""
    async with NodeNetwork(directory, options=OPTIONS) as network:
        upgrade = RollingUpgrade(network, before, servers, pause, past, tell)
        try:
            tell(f"{servers} servers that link in clear")
            await upgrade.begin()
            for options in ((MIXED,), ()):
                for number, node in enumerate(upgrade.nodes):
                    tell(f"server {number} is started with {' '.join(options) or 'nothing in clear'}")
                    await upgrade.restart(node, REPOSITORY, *options)
                    await upgrade.register_somebody()
            wrong = await upgrade.wrong()
            statuses = [await node.status() for node in upgrade.nodes]
            networks = {status["network"] for status in statuses}
            if len(networks) != 1:
                wrong.append(f"the servers are of the networks {networks}")
            links = [one for status in statuses for one in status["connections"] if one["role"] == "server"]
            if len(links) < 2 * (servers - 1) or not all(one.get("encrypted") for one in links):
                wrong.append(f"some links are in clear: {links}")
            return wrong
        finally:
            await upgrade.end()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.processes.rolling_upgrade", description=__doc__)
    parser.add_argument("--servers", type=int, default=5)
    parser.add_argument("--before", help="the version before, as git names it")
    parser.add_argument("--encryption", action="store_true", help="from the last version whose servers link in clear")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two posts of one writer")
    parser.add_argument("--past", type=int, default=5000, help="activities that there are at first")
    parser.add_argument("--directory", type=Path, help="where data and logs go, and stay")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.directory or Path(temporary)
        revision = arguments.before or (BEFORE_ENCRYPTION if arguments.encryption else BEFORE)
        before = checked_out(revision, directory / "before")
        if before is None:
            print(f"this repository has no {revision}", file=sys.stderr)
            return 2
        roll = rolled_to_encryption if arguments.encryption else rolled
        wrong = asyncio.run(roll(directory, before, arguments.servers, arguments.pause, arguments.past, print))
    for one in wrong:
        print(one)
    print("everything held" if not wrong else f"{len(wrong)} things did not hold")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
