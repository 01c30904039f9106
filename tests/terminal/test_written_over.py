"""A terminal that something else has written to, or has cut off, shows the application whole again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal.emulator import Emulator, Seen
from tests.terminal.pseudo import Terminal
from tests.terminal.test_whole_path import Memory, Stage
from tui.terminal.modes import RESTORE
from tui.terminal.terminal_driver import REPAINT_AFTER

OTHERS_WORDS = "\x1b[3;1HBroadcast message from root: the system goes down\x1b[9;1Hand once more"


class Seeing(Memory):
    """A terminal in memory that shows what is painted."""

    def __init__(self, size: tuple[int, int], shown: Emulator) -> None:
        super().__init__(size)
        self.shown = shown

    def write(self, data: bytes) -> None:
        super().write(data)
        self.shown.feed(data.decode())


class SeenStage(Stage):
    """An application whose screen is seen."""

    def make_terminal(self, size: tuple[int, int]) -> Memory:
        self.shown = Emulator(*size)
        return Seeing(size, self.shown)

    @property
    def seen(self) -> list[list[Seen]]:
        return self.shown.seen

    async def is_still(self) -> list[list[Seen]]:
        """Wait until nothing more is painted; what is seen then."""
        written = -1
        async with asyncio.timeout(20):
            while written != self.terminal.written:
                written = self.terminal.written
                await asyncio.sleep(0.4)
        return self.seen

    async def is_seen(self, wanted: list[list[Seen]]) -> None:
        await self.until(lambda: self.seen == wanted, 5)


async def test_a_terminal_that_tells_the_same_size_again_is_painted_anew():
    """What an SSH client does that was suspended, and a window that was another size for a moment."""
    async with SeenStage() as stage:
        before = await stage.is_still()
        stage.shown.feed(OTHERS_WORDS)
        stage.driver.resized(*stage.terminal.size)
        await stage.is_seen(before)


async def test_a_terminal_that_tells_its_size_again_and_again_is_painted_anew_a_few_times(monkeypatch):
    async with SeenStage() as stage:
        before = await stage.is_still()
        begun, repaints, refresh = time.monotonic(), 0, stage.app.refresh

        def counted(**how: bool) -> object:
            nonlocal repaints
            repaints += 1
            return refresh(**how)

        monkeypatch.setattr(stage.app, "refresh", counted)
        for _ in range(300):
            stage.driver.resized(*stage.terminal.size)
            await asyncio.sleep(0)
        stage.shown.feed(OTHERS_WORDS)
        stage.driver.resized(*stage.terminal.size)
        await stage.is_seen(before)
        assert 1 <= repaints <= (time.monotonic() - begun) / REPAINT_AFTER + 2


async def test_ctrl_l_paints_the_screen_anew():
    async with SeenStage() as stage:
        before = await stage.is_still()
        stage.shown.feed(OTHERS_WORDS)
        assert stage.seen != before
        await stage.sends(b"\x0c")
        await stage.is_seen(before)
        assert stage.app.main.composer.value == ""


async def test_ctrl_l_paints_anew_under_a_dialog_too():
    async with SeenStage() as stage:
        await stage.sends(b"\x1bOP")
        await stage.until(lambda: stage.app.screen is not stage.app.main)
        before = await stage.is_still()
        stage.shown.feed(OTHERS_WORDS)
        await stage.sends(b"\x0c")
        await stage.is_seen(before)


async def test_a_terminal_left_in_odd_modes_is_painted_right_by_ctrl_l():
    async with SeenStage() as stage:
        before = await stage.is_still()
        # Another's scrolling region and its origin, drawing characters instead of letters, text that is inserted.
        stage.shown.feed(f"{OTHERS_WORDS}\x1b[5;10r\x1b[?6h\x1b(0\x1b[4h\x1b[1;31m")
        await stage.sends(b"\x0c")
        await stage.is_seen(before)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(
        tmp_path, "serve", "--host", "127.0.0.1", "--port", "0", "--name", "ada", "--data-dir", str(tmp_path / "node")
    )
    found.read_until(b"Welcome")
    yield found
    found.close()


def test_a_window_that_was_small_for_a_moment_is_painted_anew(terminal):
    """The terminal has thrown away what was outside; the program hears of it when it is as large as before."""
    terminal.has("Welcome")
    terminal.size(40, 10)
    terminal.resize(80, 24)
    terminal.has("Welcome")


def test_what_gives_a_terminal_back_ends_what_a_cut_frame_had_begun():
    cut = "\x1b[?2026h\x1b[4;20r\x1b[20H\n\n\x1b[1;31mwords"
    terminal = Emulator(80, 24)
    terminal.feed(cut + RESTORE)
    assert terminal.region == (0, 23)
    assert terminal.pen == Seen()
    assert not terminal.synchronised
