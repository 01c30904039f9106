"""A recording of everything that goes over the network, from the first join to a quit, holds no secret and no text."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.base_peers.network import SECRET
from tests.processes.harness import REPOSITORY, NodeNetwork, NodeProcess, wait_for

TEXT = "the bread is ready, and nobody on the way knows"
NAME = "alice-of-the-recording"
PIECE = 8
"""Bytes of a secret or a text that may not be found either."""


class Relay:
    """Where a server is reached: passes on what both sides say, and writes it down."""

    def __init__(self, server: NodeProcess, recorded: bytearray) -> None:
        self._server = server
        self._recorded = recorded
        self.connections = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        listener = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        yield listener.sockets[0].getsockname()[1]
        listener.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there, back = await asyncio.open_connection(*self._server.address)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self._recorded += data
                writer.write(data)
                await writer.drain()
        writer.close()


async def run(home: Path, *arguments: str, stays: bool = False) -> asyncio.subprocess.Process:
    """A command of ours, by somebody with a home directory of their own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui", *arguments),
        cwd=REPOSITORY,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "ACTIVITY_TUI_ACCEPT_NEW": "yes"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    if not stays:
        out, errors = await asyncio.wait_for(process.communicate(), 60.0)
        assert process.returncode == 0, errors.decode()
        process.said = out.decode().strip()  # type: ignore[attr-defined]
    return process


async def test_nothing_that_people_or_servers_keep_to_themselves_is_in_a_recording(tmp_path: Path) -> None:
    recorded = bytearray()
    async with NodeNetwork(tmp_path, options=("--preset", "local", "--no-redirects")) as network:
        first, second = (NodeProcess(tmp_path / name, options=network.options) for name in ("first", "second"))
        network.nodes += [first, second]
        relays = [Relay(first, recorded), Relay(second, recorded)]
        async with relays[0].listening() as one, relays[1].listening() as two:
            first.options += ("--advertise", f"127.0.0.1:{one}")
            await first.start()
            second.join = ("127.0.0.1", one)
            second.options += ("--advertise", f"127.0.0.1:{two}")
            await second.start()
            await network.settled([first, second])

            home, other = tmp_path / "home", tmp_path / "other"
            for directory in (home, other):
                directory.mkdir()
            registered = await run(home, "register", f"127.0.0.1:{one}", "-u", NAME)
            secret = registered.said  # type: ignore[attr-defined]
            tail = await run(other, "tail", f"127.0.0.1:{two}", stays=True)
            assert tail.stdout is not None and tail.stderr is not None
            await wait_for(lambda: relays[1].connections > 0)
            await run(home, "post", f"127.0.0.1:{one}", "-u", NAME, TEXT)
            assert TEXT.encode() in await asyncio.wait_for(tail.stdout.readline(), 30.0)
            # It goes on at the server that the one which leaves has named.
            assert await second.quit() == 0
            await run(home, "post", f"127.0.0.1:{one}", "-u", NAME, TEXT + " still")
            assert f"{TEXT} still".encode() in await asyncio.wait_for(tail.stdout.readline(), 30.0)
            tail.terminate()
            await tail.wait()
            assert await first.quit() == 0
    assert len(recorded) > 10_000 and min(relay.connections for relay in relays) > 1
    for kept in (secret, SECRET, TEXT, NAME):
        pieces = {kept[at : at + PIECE].encode() for at in range(max(1, len(kept) - PIECE + 1))}
        assert not [piece for piece in pieces if piece in recorded]
