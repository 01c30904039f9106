"""Sessions whose applications run in processes of their own: what holds with them as without, and when they die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ssh.conftest import SECRET, Place, serving
from tui.screens.dialog import READING_TIME
from tui.terminal.modes import RESTORE

SERVER = """
import asyncio, json, pathlib, sys
from core.engine import EngineSettings, Server
from tui.ssh.ssh_server import SSHServer
from tui.ssh.ssh_settings import SSHSettings

async def main():
    directory = pathlib.Path(sys.argv[1])
    node = Server(EngineSettings(data_dir=directory, host="127.0.0.1", port=0, name="ada", preset="local"))
    await node.start()
    ssh = SSHServer(node, SSHSettings("127.0.0.1", 0, directory, workers=2))
    await ssh.start()
    print(json.dumps(ssh.worker_pool.pids()), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[Place]:
    """A node whose sessions run in one worker."""
    async with serving(tmp_path, workers=1) as made:
        yield made


def pids(place: Place) -> list[int]:
    assert place.ssh.worker_pool is not None
    return place.ssh.worker_pool.pids()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def path_of(pid: int) -> list[Path]:
    """Where a process looks for modules before it looks elsewhere; nowhere before it runs Python."""
    variables = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    paths = [each.partition("=")[2] for each in variables if each.startswith("PYTHONPATH=")]
    return [Path(each) for path in paths for each in path.split(":")]


def is_package(directory: Path) -> bool:
    return (directory / "__init__.py").exists()


async def test_what_is_typed_is_posted_by_an_application_in_another_process(crowd: Place):
    async with crowd.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        terminal.type("from afar\r")
        await crowd.until(lambda: crowd.node.snapshot().activities == 1)
        await terminal.shows("from afar")
        assert crowd.apps() == []
        [view] = crowd.ssh.sessions()
        assert (view.user, view.size) == ("anonymous", (90, 24)) and view.bytes_in > 9 and view.bytes_out > 1000


async def test_a_worker_reads_no_module_that_lies_where_the_server_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    somewhere = tmp_path / "somewhere"
    somewhere.mkdir()
    (somewhere / "msgspec.py").write_text("raise SystemExit('this is not what was asked for')\n")
    monkeypatch.chdir(somewhere)
    async with serving(tmp_path, workers=1) as place, place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        assert place.apps() == []


async def test_sessions_in_a_worker_see_what_others_write(crowd: Place):
    async with crowd.terminal("anonymous") as one, crowd.terminal("anonymous") as other:
        await one.shows("you are anonymous")
        await other.shows("you are anonymous")
        one.type("are you there?\r")
        await other.shows("are you there?")


async def test_a_worker_that_is_killed_gives_the_terminal_back_and_another_takes_its_place(crowd: Place):
    async with crowd.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        [pid] = pids(crowd)
        os.kill(pid, signal.SIGKILL)
        await terminal.shows("come in again")
        assert await terminal.status() == 1
        assert RESTORE.encode() in terminal.output
    await crowd.until(lambda: bool(pids(crowd)) and pids(crowd) != [pid])
    async with crowd.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")


async def test_a_worker_that_does_not_answer_any_more_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with serving(tmp_path, workers=1) as place, place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        monkeypatch.setattr("tui.ssh.workers.worker_process.SILENCE_MAX", 1.5)
        [pid] = pids(place)
        os.kill(pid, signal.SIGSTOP)
        await terminal.shows("come in again")
        await place.until(lambda: not lives(pid))


async def test_no_worker_stays_behind_when_the_node_is_killed(tmp_path: Path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    workers = json.loads(await process.stdout.readline())
    assert len(workers) == 2 and all(lives(pid) for pid in workers)
    process.kill()
    await process.wait()
    async with asyncio.timeout(10):
        while any(lives(pid) for pid in workers):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_no_worker_stays_behind_when_ssh_is_no_longer_served(tmp_path: Path):
    async with serving(tmp_path, workers=2) as place:
        workers = pids(place)
    assert not any(lives(pid) for pid in workers)


async def test_a_worker_finds_the_modules_where_they_are_here_and_takes_none_of_ours_for_others(crowd: Place):
    """Where nothing is installed, `python -m tui` is all there is; and our rooms have names as others' packages do."""
    [pid] = pids(crowd)
    await crowd.until(lambda: path_of(pid) != [])
    paths = path_of(pid)
    assert is_package(paths[0] / "tui") and is_package(paths[0] / "core")
    assert not any(map(is_package, paths))


async def test_sessions_go_to_the_worker_that_has_fewest(tmp_path: Path):
    async with (
        serving(tmp_path, workers=2) as place,
        place.terminal("anonymous") as one,
        place.terminal("anonymous") as other,
    ):
        await one.shows("you are anonymous")
        await other.shows("you are anonymous")
        assert place.ssh.worker_pool is not None
        assert [len(process.sessions) for process in place.ssh.worker_pool._processes] == [1, 1]


async def test_nobody_is_vouched_for_but_as_the_owner_of_their_account(crowd: Place):
    await crowd.register("alice")
    await crowd.register("bob")
    async with await crowd.connect("alice", password=SECRET):
        [connection] = crowd.ssh._connections
        assert connection.vouched("alice") == "alice"
        assert connection.vouched("bob") is None
        assert connection.vouched("anonymous") is None


async def test_the_key_of_a_newcomer_is_bound_through_a_worker(crowd: Place):
    async with crowd.terminal("carol", key="carol") as terminal:
        await terminal.shows("Register and come in")
        terminal.type("\t\t\r")
        await terminal.shows("You came in with the key")
        for attempt in range(10):
            # A person has read it by then, and not before. On a busy machine the question may come behind its text.
            await asyncio.sleep(READING_TIME + 0.2)
            terminal.type("y\r")
            with contextlib.suppress(AssertionError) if attempt < 9 else contextlib.nullcontext():
                await terminal.shows("The key opens this account from now on.", 3.0)
                break
        assert len(crowd.keys("carol")) == 1
