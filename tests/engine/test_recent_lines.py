"""The latest lines of stories: what is kept of them, and where."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path

from core.engine.upkeep.recent_lines import LINES_KEPT, RecentLines
from core.store import kept_lines
from tests.stories.noted import BEGIN, TROMSO, Noting

NOW = BEGIN / 1_000_000


def noted(count: int) -> Noting:
    noting = Noting()
    for number in range(count):
        noting.servers(number / 1_000, "lost", TROMSO)
    return noting


def test_the_newest_ones_are_kept_those_of_former_starts_first(tmp_path: Path) -> None:
    lines = noted(LINES_KEPT + 500).lines
    before, after = lines[: LINES_KEPT + 200], lines[LINES_KEPT + 200 :]

    async def keep() -> RecentLines:
        kept = RecentLines(tmp_path, lambda work: work())
        kept.begin_with(before)
        assert list(kept) == before[-LINES_KEPT:]
        for line in after:
            kept.append(line)
        kept.flush()
        return kept

    kept = asyncio.run(keep())
    assert list(kept) == lines[-LINES_KEPT:]
    assert len(kept) == LINES_KEPT
    assert kept_lines(tmp_path, NOW) == after


def test_a_thousand_of_them_are_a_few_objects(tmp_path: Path) -> None:
    kept = RecentLines(tmp_path, lambda work: work())
    lines = noted(LINES_KEPT).lines
    tracemalloc.start()
    try:
        kept.begin_with(lines)
        found = tracemalloc.take_snapshot().statistics("filename")
    finally:
        tracemalloc.stop()
    assert len(kept) == LINES_KEPT
    assert sum(one.count for one in found) < 100
