"""Histories that break a guarantee today, and are not mended: each is expected to fail, by its row in `not_yet`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import pytest

from core.simulation.plans.plan import Plan
from core.simulation.runs.runner import run

HISTORIES: Final = Path(__file__).parent / "histories" / "not_yet"


@pytest.mark.parametrize("name", sorted(path.stem for path in HISTORIES.glob("*.json")))
def test_what_is_not_mended_yet_does_not_hold(name: str) -> None:
    assert run(msgspec.json.decode((HISTORIES / f"{name}.json").read_bytes(), type=Plan)).problems == []
