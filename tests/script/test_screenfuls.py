"""What is shown again and again stands in its place on a terminal, and below what was before elsewhere."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from core.client import QueuesRefused
from tui.script.screenfuls import Screenfuls
from tui.script.status_command import StatusCommand


class Shown:
    """Streams on a terminal of some size, or on none."""

    def __init__(self, screen: tuple[int, int] | None) -> None:
        self.screen = screen
        self.stopped = asyncio.Event()
        self.output = ""

    async def put(self, line: str) -> None:
        self.output += f"{line}\n"

    def say(self, sentence: str) -> None:
        raise AssertionError(sentence)

    def lines(self, longest: int) -> AsyncGenerator[bytes, None]:
        raise AssertionError("nothing is read")

    def seen(self) -> list[str]:
        """The rows of the terminal, for a cursor that is only ever sent home, and for what is erased after it."""
        assert self.screen is not None
        rows, row, column = [""] * self.screen[1], 0, 0
        for text, sequence in re.findall(r"([^\x1b\n]+)|(\x1b\[[0-9]*[A-Z]|\n)", self.output):
            if text:
                rows[row] = rows[row][:column] + text + rows[row][column + len(text) :]
                column += len(text)
            elif sequence == "\n":
                row, column = row + 1, 0
                assert row < self.screen[1], "it has scrolled"
            elif sequence == "\x1b[H":
                row, column = 0, 0
            elif sequence == "\x1b[K":
                rows[row] = rows[row][:column]
            elif sequence == "\x1b[J":
                rows[row:] = [rows[row][:column]] + [""] * (self.screen[1] - row - 1)
            else:
                assert sequence == "\x1b[2J"
                rows = [""] * self.screen[1]
        while rows and not rows[-1]:
            rows.pop()
        return rows


async def test_each_stands_where_the_one_before_stood_and_nothing_of_that_is_left() -> None:
    shown = Shown((20, 6))
    screenfuls = Screenfuls(shown)
    await screenfuls.show(["a long first line", "two", "three"])
    assert shown.seen() == ["a long first line", "two", "three"]
    await screenfuls.show(["short"])
    assert shown.seen() == ["short"]


async def test_only_the_first_one_clears_the_terminal_as_clearing_flickers() -> None:
    shown = Shown((20, 6))
    screenfuls = Screenfuls(shown)
    for _ in range(3):
        await screenfuls.show(["line"])
    assert shown.output.count("\x1b[2J") == 1


@pytest.mark.parametrize("rows", [3, 5])
async def test_what_finds_no_room_is_counted_in_the_last_row(rows: int) -> None:
    shown = Shown((20, rows))
    await Screenfuls(shown).show([f"line {number}" for number in range(9)])
    kept = rows - 2
    assert shown.seen() == [*(f"line {number}" for number in range(kept)), f"… {9 - kept} more lines"]


async def test_a_line_that_is_too_long_takes_one_row_all_the_same() -> None:
    shown = Shown((10, 6))
    await Screenfuls(shown).show(["x" * 50, "next"])
    assert shown.seen() == ["x" * 10, "next"]


async def test_elsewhere_they_follow_each_other_with_a_line_between_them() -> None:
    shown = Shown(None)
    screenfuls = Screenfuls(shown)
    await screenfuls.show(["one", "two"])
    await screenfuls.show(["one", "three"])
    assert shown.output == "one\ntwo\n\none\nthree\n"


class Liar:
    """A client whose server tells its status, and refuses to tell its queues in words that command terminals."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.failure = None
        self.server = "liar.example:3780"
        self.client = self

    async def wait_logged_in(self, seconds: float) -> None:
        pass

    async def request_status(self) -> dict[str, object]:
        return {"counts_you": False}

    async def request_queues(self, secret: str) -> dict[str, int]:
        raise QueuesRefused("\x1b]0;pwned\x07 \x1b[31mno")


async def test_a_server_that_is_watched_commands_nobodys_terminal_by_why_it_does_not_answer() -> None:
    shown = Shown((200, 24))

    @asynccontextmanager
    async def connect(heard: object) -> AsyncGenerator[Liar, None]:
        yield Liar()

    command = StatusCommand(False, 5.0, "secret", every=0.01)
    running = asyncio.create_task(command.run(connect, shown))  # type: ignore[arg-type]
    async with asyncio.timeout(10.0):
        while "does not tell its queues" not in shown.output:  # noqa: ASYNC110 - what is shown is the event
            await asyncio.sleep(0)
    shown.stopped.set()
    await running
    assert "pwned" in shown.output
    assert "\x07" not in shown.output and not re.search(r"\x1b(?!\[[0-9]*[HJK])", shown.output)
