"""A person at a terminal emulator: tmux with a shell in it, which says in what modes programs have left it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import pytest

_numbers = itertools.count(1)


class Tmux:
    """An asynchronous context manager: a tmux server of its own with one window, and a shell in it."""

    def __init__(
        self, directory: Path, *, size: tuple[int, int] = (100, 30), terminal: str = "screen-256color"
    ) -> None:
        if shutil.which("tmux") is None:
            pytest.skip("tmux is not installed here")
        self._socket = directory / f"tmux-{next(_numbers)}"
        self._size = size
        self._terminal = terminal

    async def __aenter__(self) -> Self:
        columns, rows = self._size
        configuration = self._socket.with_suffix(".conf")
        configuration.write_text(f"set -g default-terminal {self._terminal}\n")
        self._socket.with_suffix(".rc").write_text("PS1='ready> '\n")
        await self._run("-f", str(configuration), "new-session", "-d", "-x", str(columns), "-y", str(rows), "sh")
        await self.prompts()
        return self

    async def __aexit__(self, *exc: object) -> None:
        with contextlib.suppress(AssertionError):
            await self._run("kill-server")

    async def _run(self, *words: str) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._socket.parent),
            "LC_ALL": "C.UTF-8",
            "ACTIVITY_TUI_ACCEPT_NEW": "yes",
            "ENV": str(self._socket.with_suffix(".rc")),
        }
        process = await asyncio.create_subprocess_exec(
            *("tmux", "-u", "-S", str(self._socket), *words),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(10):
            output, errors = await process.communicate()
        assert process.returncode == 0, f"tmux {words}: {errors.decode()}"
        return output.decode("utf-8", "replace")

    async def enter(self, words: Sequence[str] | str) -> None:
        """Give the shell a command."""
        line = words if isinstance(words, str) else shlex.join(words)
        await self._run("send-keys", "-l", line)
        await self._run("send-keys", "Enter")

    async def keys(self, *names: str) -> None:
        """Press keys, by tmux's names."""
        await self._run("send-keys", *names)

    async def types(self, text: str) -> None:
        await self._run("send-keys", "-l", text)

    async def paste(self, text: str) -> None:
        """Paste, the way a terminal does: in brackets if the program has asked for them."""
        await self._run("set-buffer", text)
        await self._run("paste-buffer", "-p")

    async def resize(self, columns: int, rows: int) -> None:
        await self._run("resize-window", "-x", str(columns), "-y", str(rows))

    async def screen(self) -> str:
        """What is on the screen."""
        return await self._run("capture-pane", "-p")

    async def painted(self) -> str:
        """What is on the screen, with the escape codes of its colours."""
        return await self._run("capture-pane", "-p", "-e", "-N")

    async def cursor_at(self, words: str, limit: float = 15.0) -> None:
        """Wait until the terminal's cursor, shown or hidden, is in a line with these words behind it."""
        behind = ""
        try:
            async with asyncio.timeout(limit):
                while words not in (behind := await self._from_cursor()):  # noqa: ASYNC110 - another process has it
                    await asyncio.sleep(0.05)
        except TimeoutError:
            screen = await self.screen()
            raise AssertionError(f"{words!r} is not behind the cursor, but {behind!r}, on\n{screen}") from None

    async def seen(self) -> tuple[tuple[int, int], list[str]]:
        """Where the terminal's cursor is, shown or hidden, by column and row, and the lines of the screen then."""
        words = ("display-message", "-p", "#{cursor_x} #{cursor_y}", ";", "capture-pane", "-p")
        first, *lines = (await self._run(*words)).split("\n")
        column, row = map(int, first.split())
        return (column, row), lines

    async def _from_cursor(self) -> str:
        column, row = (await self._run("display-message", "-p", "#{cursor_x} #{cursor_y}")).split()
        lines = (await self.screen()).splitlines()
        return lines[int(row)][int(column) :] if int(row) < len(lines) else ""

    async def modes(self) -> dict[str, str]:
        """The modes of the terminal that a program could leave behind."""
        names = ("alternate_on", "cursor_flag", "mouse_any_flag", "mouse_sgr_flag", "wrap_flag", "insert_flag")
        values = await self._run("display-message", "-p", " ".join(f"#{{{name}}}" for name in names))
        return dict(zip(names, values.split(), strict=True))

    async def shows(self, words: str, limit: float = 15.0) -> str:
        """Wait until the words are on the screen; the screen then."""
        return await self.until(lambda screen: words in screen, repr(words), limit)

    async def prompts(self, limit: float = 15.0) -> str:
        """Wait until the shell has nothing to do any more; the screen then."""
        return await self.until(lambda screen: f"\n{screen}".rstrip().endswith("\nready>"), "a prompt", limit)

    async def hides(self, words: str, limit: float = 15.0) -> str:
        """Wait until the words are not on the screen any more; the screen then."""
        return await self.until(lambda screen: words not in screen, f"no {words!r}", limit)

    async def until(self, condition: Callable[[str], bool], what: str, limit: float = 15.0) -> str:
        """Wait until the screen is as it should be; the screen then. Raises AssertionError with what it is instead."""
        screen = ""
        try:
            async with asyncio.timeout(limit):
                while not condition(screen := await self.screen()):  # noqa: ASYNC110 - tmux tells no news
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{what} did not come on the screen within {limit} s, but\n{screen}") from None
        return screen


AS_IT_WAS = {
    "alternate_on": "0",
    "cursor_flag": "1",
    "mouse_any_flag": "0",
    "mouse_sgr_flag": "0",
    "wrap_flag": "1",
    "insert_flag": "0",
}
"""The modes of a terminal in which nothing runs but a shell."""
