"""What the application's tests share."""

from __future__ import annotations

import pytest

from tests.tui.fakes import World
from tui.screens.dialog import UnhurriedScreen


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def quick_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests have read a question as soon as it is there."""
    monkeypatch.setattr(UnhurriedScreen, "reading_time", 0.0)
