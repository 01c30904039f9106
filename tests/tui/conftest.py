"""What the application's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.tui.driving import ready
from tests.tui.fakes import World
from tests.tui.reader import Reader
from tui.screens.dialog import UnhurriedScreen


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    world = World()
    async with world.app().run_test(size=(100, 30)) as pilot:
        yield Reader(pilot, await ready(pilot), world)


@pytest.fixture(autouse=True)
def quick_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests have read a question as soon as it is there."""
    monkeypatch.setattr(UnhurriedScreen, "reading_time", 0.0)
