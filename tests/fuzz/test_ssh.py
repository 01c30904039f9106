"""Noise at the door of SSH: what comes before there are keys, and what a client says of whom some bytes are others."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.fuzz.noise import drawn_seed, generator
from tests.ssh.conftest import serving

ROUNDS = 40
LIMIT = 20.0


def noise(rng: random.Random) -> bytes:
    """What is nearly the beginning of SSH, or nothing of the kind."""
    length = rng.choice((0, 1, 5, 35_000, 2**31, 2**32 - 1)).to_bytes(4, "big")
    beginning = rng.choice(
        (b"", b"SSH-2.0-x\r\n", b"SSH-1.0-x\r\n", b"SSH-2.0-" + b"x" * 300 + b"\r\n", b"\r\n" * 2000)
    )
    return beginning + rng.choice((b"", length)) + rng.randbytes(rng.choice((0, 4, 300, 40_000)))


async def shout(port: int, rng: random.Random) -> None:
    """Say something, hear what comes for a moment, and hang up."""
    with contextlib.suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(noise(rng))
        async with asyncio.timeout(rng.choice((0.01, 0.2))):
            await writer.drain()
            await reader.read()
    with contextlib.suppress(OSError, UnboundLocalError):
        writer.close()


async def come_through(port: int, rng: random.Random) -> None:
    """A real client, of whose bytes some are others on the way, from somewhere on."""
    at = rng.choice((rng.randrange(60), rng.randrange(1500), rng.randrange(6000)))

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mangled: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 14):
                if mangled and passed <= at < passed + len(data):
                    place = at - passed
                    changed = rng.choice((b"", b"\xff", rng.randbytes(40)))
                    data = data[:place] + changed + data[place + 1 :]
                passed += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, far_writer, True), pass_on(far_reader, writer, False))

    proxy = await asyncio.start_server(between, "127.0.0.1", 0)
    options: dict[str, Any] = {"known_hosts": None, "client_keys": None, "agent_path": None, "config": None}
    with contextlib.suppress(OSError, asyncssh.Error, TimeoutError, ValueError):
        async with asyncio.timeout(1.0):
            async with asyncssh.connect(
                "127.0.0.1", proxy.sockets[0].getsockname()[1], username="anonymous", **options
            ) as connection:
                await connection.run("help")
    proxy.close()


@pytest.mark.parametrize("caller", [shout, come_through], ids=lambda one: one.__name__)
async def test_noise_over_ssh_hurts_nobody_else(caller: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    print(f"FUZZ_SEED={drawn_seed()}")
    rng, faults = generator("ssh", caller.__name__), []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    async with serving(tmp_path) as place:
        turn = asyncio.Semaphore(8)

        async def calls() -> None:
            async with turn:
                await caller(place.port, rng)

        async with asyncio.timeout(LIMIT * 2), await place.connect("anonymous") as innocent:
            await asyncio.gather(*(calls() for _ in range(ROUNDS)))
            assert (await innocent.run("help")).exit_status == 0
        async with await place.connect("anonymous") as later:
            assert (await later.run("help")).exit_status == 0
        await place.until(lambda: not place.ssh._connections)
    assert faults == []
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
