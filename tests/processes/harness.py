"""Real nodes as real processes: started, killed, stopped politely, started again, and asked how they are."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.base_peers.client import BaseClient, UnexpectedMessage
from tests.base_peers.lines import wait_until
from tests.base_peers.network import SECRET
from tests.processes.forked import ForkedProcess, can_fork, fork

REPOSITORY = Path(__file__).resolve().parents[2]
START_LIMIT = 30.0
"""Seconds until a node must listen, on a machine that has much else to do."""

_LISTENING = re.compile(
    r"(?:listening|takes connections)[^\n]*?(?P<host>127\.0\.0\.1|10(?:\.\d+){3}|localhost|\[::1\]):(?P<port>\d+)"
)


class NodeProcess:
    """One headless node in a process of its own, on a loopback port."""

    def __init__(
        self,
        data_dir: Path,
        *,
        secret: str = SECRET,
        join: tuple[str, int] | None = None,
        base: bool = False,
        port: int = 0,
        options: Sequence[str] = (),
        sources: Path = REPOSITORY,
    ) -> None:
        """`base`: what it is to join is a base server."""
        self.data_dir = data_dir
        self.base = base
        self.sources = sources
        """Where the program is that its next start runs."""
        self.secret = secret
        self.join = join
        self.host = "127.0.0.1"
        self.port = port
        self.options = tuple(options)
        self.stderr_lines: list[str] = []
        """Everything that the process and the processes before it with the same data said."""
        self.stdout_text = ""
        self._process: asyncio.subprocess.Process | ForkedProcess | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._first_line = 0

    # --- life ---

    def command(self) -> list[str]:
        """The command line that starts it."""
        where = ["serve"]
        if self.join is not None:
            where = ["join", f"{self.join[0]}:{self.join[1]}", *(["--base"] if self.base else [])]
        return [
            *(sys.executable, "-m", "tui", *where, "--headless", "--host", self.host, "--port", str(self.port)),
            *("--data-dir", str(self.data_dir), "--secret", self.secret, *self.options),
        ]

    async def _begin(self, environment: dict[str, str]) -> asyncio.subprocess.Process | ForkedProcess:
        command = self.command()
        if command[:3] == [sys.executable, "-m", "tui"] and self.sources == REPOSITORY and can_fork():
            return await fork(command[3:], self.sources, environment)
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=self.sources,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
        )

    async def start(self, limit: float = START_LIMIT) -> Self:
        """Start the process and wait until it listens; from the second start on, on the same port."""
        home = self.data_dir.parent / f"{self.data_dir.name}-home"
        home.mkdir(parents=True, exist_ok=True)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("ACTIVITY_TUI_", "XDG_", "COV"))
        }
        environment = {
            **kept,
            "HOME": str(home),
            "TMPDIR": str(home),
            "PYTHONPATH": str(self.sources),
            "PYTHONWARNINGS": "default",
        }
        self._first_line = len(self.stderr_lines)
        self._process = await self._begin(environment)
        self._readers = [asyncio.create_task(self._read_stderr()), asyncio.create_task(self._read_stdout())]
        try:
            await wait_until(lambda: self._listening() or self.ended, limit)
        except AssertionError:
            await self.kill()
            raise AssertionError(f"the node did not listen within {limit} s:\n{self.stderr}") from None
        match = self._listening()
        if match is None:
            raise AssertionError(f"the node ended with status {self.returncode} before it listened:\n{self.stderr}")
        self.port = int(match["port"])
        return self

    async def restart(self, *, join: tuple[str, int] | None = None) -> Self:
        """Start again with the same data and port, after the process has ended."""
        assert self.ended, "the process still runs"
        self.join = join
        return await self.start()

    def kill9(self) -> None:
        """What a crash does: no word to anybody."""
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to leave the network and end."""
        self._signal(signal.SIGTERM)

    def interrupt(self) -> None:
        """Ctrl+C."""
        self._signal(signal.SIGINT)

    def pause(self) -> None:
        """Freeze it: its connections stay open and say nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the process was never started"
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def wait(self, limit: float = 15.0) -> int:
        """Wait for its end; returns the exit status (negative: the signal that killed it)."""
        assert self._process is not None
        try:
            status = await asyncio.wait_for(self._process.wait(), limit)
        except TimeoutError:
            raise AssertionError(f"the node did not end within {limit} s:\n{self.stderr}") from None
        await asyncio.gather(*self._readers)
        return status

    async def kill(self) -> None:
        """End it at once and wait for that; harmless when it has ended."""
        if self._process is not None and not self.ended:
            self.kill9()
            await self.wait()

    async def quit(self, limit: float = 15.0) -> int:
        """Let it leave politely; returns the exit status."""
        self.terminate()
        return await self.wait(limit)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    # --- what it says ---

    @property
    def address(self) -> tuple[str, int]:
        return (self.host, self.port)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def begun(self) -> bool:
        return self._process is not None

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.returncode is not None

    @property
    def returncode(self) -> int | None:
        return None if self._process is None else self._process.returncode

    @property
    def stderr(self) -> str:
        """What it said since its last start."""
        return "\n".join(self.stderr_lines[self._first_line :])

    async def said(self, text: str, limit: float = 10.0) -> None:
        """Wait until it has said something since its last start."""
        await wait_until(lambda: text in self.stderr, limit, f"{text!r} in:\n{self.stderr}")

    def _listening(self) -> re.Match[str] | None:
        return _LISTENING.search(self.stderr)

    async def _read_stderr(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        async for line in self._process.stderr:
            self.stderr_lines.append(line.decode(errors="backslashreplace").rstrip("\n"))

    async def _read_stdout(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        self.stdout_text += (await self._process.stdout.read()).decode(errors="backslashreplace")

    # --- what it knows ---

    async def client(self, *, follow: bool = False) -> BaseClient:
        """A base client that is connected to it; the caller closes it."""
        return await BaseClient.connect(*self.address, follow=follow)

    async def status(self, limit: float = 5.0) -> dict[str, Any]:
        """Its view of the network, asked over a raw socket; whoever asks counts as one more client meanwhile."""
        async with await self.client() as asker:
            asker.send({"command": "LOGIN", "username": "anonymous", "features": ["status"], "redirects": 1000})
            await asker.expect("LOGIN_SUCCESS", limit)
            asker.send({"command": "STATUS_REQUEST"})
            answer = await asker.expect("STATUS", limit)
            # Waiting for the end keeps whoever asks from weighing on the next login.
            asker.logout()
            await wait_until(asker.closed.is_set, limit, "the end after LOGOUT")
        status = answer["status"]
        assert isinstance(status, dict)
        return status


async def wait_for(condition: Callable[[], Any], limit: float = 10.0, what: str = "", interval: float = 0.05) -> Any:
    """Wait until a function, or coroutine function, returns something true; returns that.

    Errors of the connection count as "not yet". Raises AssertionError after `limit` seconds, with the last thing seen.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit
    last: Any = None
    while True:
        try:
            last = condition()
            if asyncio.iscoroutine(last):
                last = await last
        except (OSError, UnexpectedMessage) as error:
            last = None
            seen: Any = error
        else:
            seen = last
        if last:
            return last
        if loop.time() > deadline:
            raise AssertionError(f"not within {limit} s: {what or condition} (last seen: {seen})")
        await asyncio.sleep(interval)


class NodeNetwork:
    """Node processes that end with it. Whatever they were asked to do, none may have shown a traceback."""

    def __init__(self, directory: Path, *, secret: str = SECRET, options: Sequence[str] = ()) -> None:
        self.directory = directory
        self.secret = secret
        self.options = tuple(options)
        self.nodes: list[NodeProcess] = []

    async def start(
        self,
        join: NodeProcess | tuple[str, int] | None = None,
        *,
        base: bool = False,
        port: int = 0,
        options: Sequence[str] = (),
        sources: Path = REPOSITORY,
    ) -> NodeProcess:
        """Start one more node, which joins the network at `join`, where a base server is if it is `base`."""
        where = join.address if isinstance(join, NodeProcess) else join
        node = NodeProcess(
            self.directory / f"node-{len(self.nodes)}",
            secret=self.secret,
            join=where,
            base=base,
            port=port,
            options=("--name", f"n{len(self.nodes)}", *self.options, *options),
            sources=sources,
        )
        self.nodes.append(node)
        return await node.start()

    async def build(self, parents: Sequence[int], limit: float = 30.0) -> list[NodeProcess]:
        """Start a first node and one for each of `parents` (see `chain`, `star`, `random_tree`), and let it settle."""
        first = len(self.nodes)
        await self.start()
        for parent in parents:
            await self.start(self.nodes[first + parent])
        built = self.nodes[first:]
        await self.settled(built, limit=limit)
        return built

    async def settled(self, nodes: Sequence[NodeProcess] | None = None, limit: float = 30.0) -> None:
        """Wait until the given nodes (by default all that run) are one network, and each sees exactly the same."""
        wanted = list(nodes) if nodes is not None else self.running
        views: list[list[str]] = []

        async def one() -> bool:
            statuses = [await node.status() for node in wanted]
            ids = sorted(status["id"] for status in statuses)
            views[:] = [
                sorted(server["id"] for server in status["servers"] if server["state"] in ("here", "reachable"))
                for status in statuses
            ]
            return all(view == ids for view in views)

        try:
            await wait_for(one, limit)
        except AssertionError as error:
            raise AssertionError(f"{len(wanted)} nodes did not become one network: {error}; they see {views}") from None

    @property
    def running(self) -> list[NodeProcess]:
        return [node for node in self.nodes if not node.ended]

    async def stop(self) -> None:
        """Kill what still runs. Raises AssertionError if any process ever showed a traceback or warned of a fault."""
        await asyncio.gather(*(node.kill() for node in self.nodes))
        for node in self.nodes:
            text = "\n".join(node.stderr_lines)
            for fault in (
                "Traceback (most recent call last)",
                "a fault of ours",
                "never awaited",
                "was never retrieved",
            ):
                assert fault not in text, f"{node.data_dir.name} showed a fault:\n{text}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


@contextlib.asynccontextmanager
async def node_network(directory: Path, *options: str) -> AsyncIterator[NodeNetwork]:
    """A network of node processes with the same extra options."""
    async with NodeNetwork(directory, options=options) as network:
        yield network
