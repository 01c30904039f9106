"""What the application's tests share."""

from __future__ import annotations

import pytest

from tests.tui.fakes import World


@pytest.fixture
def world() -> World:
    return World()
