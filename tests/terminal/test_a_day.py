"""A day in the application, as somebody lives it: real servers, a terminal emulator, and nothing but keys."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.base_peers.network import SECRET
from tests.processes.harness import REPOSITORY, NodeProcess
from tests.ssh.tmux import AS_IT_WAS, Tmux

A_YEAR = 370 * 86_400
LIMIT = 60.0
"""Seconds for what starts a program, on a machine that has much else to do."""


def a_year_ago(directory: Path) -> Path:
    """Sources that are ours, but for a clock that is a year behind."""
    directory.mkdir()
    for room in ("core", "tui"):
        (directory / room).symlink_to(REPOSITORY / room)
    (directory / "sitecustomize.py").write_text(f"import time\nnow = time.time\ntime.time = lambda: now() - {A_YEAR}\n")
    return directory


class Others:
    """What other people do meanwhile, each by a command of its own."""

    def __init__(self, home: Path, server: NodeProcess) -> None:
        self._home = home
        self._server = server

    async def run(self, *words: str, given: str = "") -> str:
        """Run a command to its end, and return what it says on standard output."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tui", *words),
            env={
                "HOME": str(self._home),
                "PATH": os.environ["PATH"],
                "LANG": "C.UTF-8",
                "ACTIVITY_TUI_ACCEPT_NEW": "yes",
            },
            cwd=self._server.sources,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(LIMIT):
            out, err = await process.communicate(given.encode())
        assert process.returncode == 0, (words, err.decode())
        return out.decode()

    @property
    def where(self) -> str:
        return f"{self._server.host}:{self._server.port}"

    async def register(self, name: str) -> None:
        await self.run("register", self.where, "-u", name)

    async def post(self, name: str, *words: str) -> str:
        return await self.run("post", self.where, "-u", name, *words)

    async def post_lines(self, name: str, lines: Iterable[str]) -> str:
        return await self.run("post", self.where, "-u", name, "-", given="".join(f"{line}\n" for line in lines))


async def past_of_a_year_ago(tmp_path: Path) -> NodeProcess:
    """A server with what was written a year ago, in the present again."""
    oslo = NodeProcess(tmp_path / "oslo", options=("--name", "oslo"), sources=a_year_ago(tmp_path / "then"))
    await oslo.start()
    others = Others(tmp_path, oslo)
    await others.register("bob")
    await others.post("bob", "the boiler was replaced, the papers are in the red folder")
    await oslo.quit()
    oslo.sources = REPOSITORY
    return await oslo.restart()


async def unhurried(tmux: Tmux, *keys: str) -> None:
    """Press keys in a question that has just come: what comes sooner was not meant for it, and is dropped."""
    await asyncio.sleep(1)
    await tmux.keys(*keys)


async def leave(tmux: Tmux) -> None:
    await tmux.keys("C-q")
    await tmux.shows("Stop this server?")
    await unhurried(tmux, "y", "Enter")
    await tmux.prompts(LIMIT)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_day(tmp_path: Path) -> None:
    oslo = await past_of_a_year_ago(tmp_path)
    try:
        others = Others(tmp_path, oslo)
        async with Tmux(tmp_path, size=(100, 30)) as tmux:
            (tmp_path / "secret").touch(mode=0o600)
            (tmp_path / "secret").write_text(SECRET)
            await tmux.enter(["cd", str(REPOSITORY)])
            come = [
                *(sys.executable, "-m", "tui", "join", others.where, "--host", "127.0.0.1", "--port", "0"),
                *("--name", "lund", "--data-dir", str(tmp_path / "lund"), "--secret-file", str(tmp_path / "secret")),
            ]

            # She arrives, takes a name, and says so.
            await tmux.enter(come)
            await tmux.shows("Who are you?", LIMIT)
            await tmux.types("ada")
            await tmux.keys("Enter")
            await tmux.cursor_at("leave empty")
            await tmux.keys("Enter")
            await tmux.shows("This secret was made for you", LIMIT)
            await tmux.cursor_at("Copy (y)")
            await unhurried(tmux, "Right", "Enter")
            await tmux.cursor_at("Write to everybody")
            await tmux.types("good morning")
            await tmux.keys("Enter")
            await tmux.shows("ada          good morning")
            await leave(tmux)

            # While she is away others go on, and somebody asks her something.
            await others.post("bob", "@ada the heating is cold, do you know since when?")
            await others.post_lines("bob", (f"reading {number} of the meters" for number in range(1, 41)))

            await tmux.enter("clear")
            await tmux.enter(come)
            await tmux.shows("reading 40 of the meters", LIMIT)
            await tmux.keys("Escape")
            await tmux.cursor_at("reading 40 of the meters")
            await tmux.keys("u")
            await tmux.cursor_at("@ada the heating")
            await tmux.shows("new since you left")

            # She answers, and likes that somebody has looked; those who wrote hear of both.
            await tmux.keys("r")
            await tmux.shows("Reply to bob")
            await tmux.types("since Sunday night")
            await tmux.keys("Enter")
            await tmux.shows(
                "since when?  \N{BLACK RIGHT-POINTING SMALL TRIANGLE}\N{DOWNWARDS ARROW WITH TIP RIGHTWARDS}1", LIMIT
            )
            await tmux.hides("Reply to bob")
            await tmux.keys("Escape")
            await tmux.cursor_at("@ada the heating")
            await tmux.keys("f")
            await tmux.shows("\N{BLACK HEART SUIT}1")
            await tmux.keys("c")
            await tmux.shows("Thread")
            await tmux.cursor_at("@ada the heating")
            await tmux.keys("Down")
            await tmux.cursor_at("since Sunday night")
            await tmux.keys("Escape")
            await tmux.cursor_at("@ada the heating")
            told = await others.run("tail", others.where, "--since", "3", "--no-follow")
            assert "ada" in told and "since Sunday night" in told and "liked" in told, told

            # She looks for what was a year ago, and comes back to where she was.
            await tmux.keys("/")
            await tmux.types("boiler")
            await tmux.keys("Enter")
            await tmux.cursor_at("the boiler was replaced")
            await tmux.keys("Escape")
            await tmux.cursor_at("@ada the heating")

            # A server dies meanwhile; she notices, and goes on.
            oslo.kill9()
            await tmux.shows("1 unreachable", LIMIT)
            await tmux.keys("i")
            await tmux.types("still here")
            await tmux.keys("Enter")
            await tmux.shows("ada          still here")

            # She leaves, and has her terminal back.
            await leave(tmux)
            assert await tmux.modes() == AS_IT_WAS
    finally:
        await oslo.kill()
