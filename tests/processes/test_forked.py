"""A node that is forked from a loaded program is what a node is that was started by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.processes.forked import ForkedProcess, can_fork, fork
from tests.processes.harness import REPOSITORY

pytestmark = pytest.mark.skipif(not can_fork(), reason="this system cannot hand out what that takes")

VARIABLES = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"}


async def both(home: Path, *arguments: str) -> list[tuple[int, str, str]]:
    """Status, output and errors of a command that is forked, and of one that is started."""
    environment = {**VARIABLES, "HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    process: ForkedProcess | asyncio.subprocess.Process = await fork(arguments, REPOSITORY, environment)
    found = []
    for _ in range(2):
        assert process.stdout is not None and process.stderr is not None
        out, err = await asyncio.gather(process.stdout.read(), process.stderr.read())
        found.append((await process.wait(), out.decode(), err.decode()))
        if len(found) == 1:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tui", *arguments),
                cwd=REPOSITORY,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
    return found


@pytest.mark.parametrize(
    "arguments", [["--version"], ["config", "show"], ["config", "path"], ["tell"], []], ids=" ".join
)
async def test_a_command_says_and_answers_the_same(arguments: list[str], tmp_path: Path) -> None:
    forked, started = await both(tmp_path, *arguments)
    assert forked == started


async def test_two_have_nothing_in_common(tmp_path: Path) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    one, two = [await both(home, "config", "path") for home in homes]
    assert [str(home) in said[0][1] for home, said in zip(homes, (one, two), strict=True)] == [True, True]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_signal_ends_it_and_its_status_says_so(number: signal.Signals, tmp_path: Path) -> None:
    environment = {**VARIABLES, "HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    arguments = ["serve", "--headless", "--port", "0", "--host", "127.0.0.1", "--preset", "local"]
    process = await fork(arguments, REPOSITORY, environment)
    async with asyncio.timeout(30):
        while b"listening" not in await process.stderr.readline():
            pass
        assert process.returncode is None
        process.send_signal(number)
        assert await process.wait() == (0 if number is signal.SIGTERM else -number)
    assert process.returncode == await process.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
