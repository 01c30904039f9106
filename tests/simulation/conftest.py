"""Marks the tests that `not_yet` names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.not_yet import NOT_YET

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE and item.name in NOT_YET:
            part, reason = NOT_YET[item.name]
            item.add_marker(pytest.mark.xfail(strict=True, raises=AssertionError, reason=f"{part}: {reason}"))
