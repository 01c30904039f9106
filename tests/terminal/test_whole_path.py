"""Whatever a terminal sends, through the driver into a running application: it goes on."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Self

import pytest
from textual.app import App

from tests.terminal.test_answers import ANSWERS
from tests.terminal.test_fuzz import PARTS, VALID
from tests.tui.fakes import World
from tui.application.app import ActivityApp
from tui.terminal.terminal_driver import TerminalDriver
from tui.textual_workarounds import type_ahead
from tui.user_actions.written_text import KEPT_CHARACTERS_MAX


class Memory:
    """A terminal that takes everything."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.written = 0

    @property
    def kitty(self) -> bool:
        return True

    @property
    def term(self) -> str:
        return "xterm-256color"

    def write(self, data: bytes) -> None:
        self.written += len(data)


class Stage:
    """An application with a terminal in memory, for as long as the block runs."""

    def __init__(self, size: tuple[int, int] = (80, 24)) -> None:
        self.terminal = self.make_terminal(size)
        self.app: ActivityApp = World().app(driver_class=self._driver)

    def make_terminal(self, size: tuple[int, int]) -> Memory:
        return Memory(size)

    def _driver(self, app: App[Any], *, debug: bool, mouse: bool, size: Any) -> TerminalDriver:
        self.driver = TerminalDriver(app, self.terminal, mouse=mouse, rate=1e9)
        return self.driver

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.app.run_async())
        await self.until(lambda: self.app.model.online and self.app.focused is self.app.main.composer)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.app.exit(0)
        await asyncio.wait((self._task,), timeout=10)
        self._task.cancel()

    async def until(self, condition: Any, seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                assert self.app.fault is None, self.app.fault
                await asyncio.sleep(0.005)

    async def sends(self, *pieces: bytes) -> None:
        """Send pieces, and wait until the application has done what they ask for."""
        for piece in pieces:
            self.driver.feed(piece)
            await self.until(lambda: not self.driver.unread and not self.app.has_keys_waiting)
        done = asyncio.Event()
        self.app.call_later(done.set)
        await self.until(done.is_set)


async def test_answers_in_pieces_land_nowhere_and_switch_nothing():
    async with Stage() as stage:
        app = stage.app
        before = app.theme, app.bell_policy, app.main.visible_panes(), app.size
        for answer in ANSWERS.values():
            await stage.sends(*(answer[at : at + 3] for at in range(0, min(len(answer), 60), 3)))
            # What has no end is ended by the next key that is a sequence.
            await stage.sends(b"\x1b[27;1:3u")
        assert app.main.composer.value == ""
        assert app.focused is app.main.composer and app.screen is app.main
        assert (app.theme, app.bell_policy, app.main.visible_panes(), app.size) == before
        await stage.sends(b"a word")
        assert app.main.composer.value == "a word"


async def test_no_key_of_a_burst_is_lost_that_is_longer_than_the_keys_that_wait(monkeypatch):
    monkeypatch.setattr(type_ahead, "KEYS_MAX", 150)
    async with Stage() as stage:
        composer = stage.app.main.composer
        # Each of the arrows is a key that the next one waits for.
        stage.driver.feed(b"\x1b[D\x1b[C" * (200) + b"end")
        await stage.until(lambda: bool(composer.value), 60)
        await stage.until(lambda: not stage.driver.unread and not stage.app.has_keys_waiting)
        stage.driver.feed(b"\x1b")
        await stage.until(lambda: stage.app.focused is not composer)
        stage.driver.feed(b"jk" * (200) + b"i, and more")
        await stage.until(lambda: composer.value == "end, and more", 60)


async def test_a_paste_of_megabytes_is_taken_and_the_loop_is_free_meanwhile():
    async with Stage() as stage:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        turning = asyncio.create_task(turn())
        stage.driver.feed(b"\x1b[200~" + b"line\r" * 200_000 + b"\x1b[201~")
        await stage.until(lambda: not stage.driver.unread, 60)
        turning.cancel()
        assert turns > 100
        composer = stage.app.main.composer
        await stage.until(lambda: composer.value.startswith("line\nline"))
        assert len(composer.value) <= KEPT_CHARACTERS_MAX
        await stage.sends(b"\x03ok")
        await stage.until(lambda: composer.value == "ok")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_anything_at_all_ends_no_application(seed):
    rng = random.Random(seed)
    keys = [
        *VALID,
        *(b"\x1b[%d;%du" % (code, modifiers) for code in (97, 9, 13, 27, 57376) for modifiers in (1, 2, 5, 7)),
    ]
    harmless = [key for key in keys if key not in (b"\x03", b"\x11", b"\x1b[113;5u", b"\x1b[113;5:1u")]
    size = rng.choice([(80, 24), (120, 40), (20, 6), (3, 3)])
    async with Stage(size) as stage:
        for _ in range(150):
            data = bytearray(rng.choice(harmless))
            match rng.randrange(4):
                case 0:
                    data = bytearray(rng.randbytes(rng.randint(1, 8)))
                case 1:
                    place = rng.randrange(len(data) + 1)
                    data[place:place] = rng.choice(PARTS)
                case 2:
                    data = bytearray(
                        b"\x1b[<%d;%d;%d%c"
                        % (rng.randrange(140), rng.randrange(130), rng.randrange(50), rng.choice(b"Mm"))
                    )
            for never in (b"\x03", b"\x11"):
                data = data.replace(never, b"")
            await stage.sends(bytes(data))
            if rng.random() < 0.05:
                stage.driver.resized(rng.randint(1, 150), rng.randint(1, 50))
            if stage.app.leaving:
                break
        assert stage.app.fault is None
