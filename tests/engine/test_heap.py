"""How often the collector looks at what is new while servers run."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from core.engine.upkeep.heap import NEW_OBJECTS, HeapTrimmer


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 11, 12)
    yield
    gc.set_threshold(*before)


async def test_it_waits_for_more_until_the_last_server_has_ended() -> None:
    one, two = (HeapTrimmer(asyncio.get_running_loop()) for _ in range(2))
    one.started()
    two.started()
    assert gc.get_threshold() == (NEW_OBJECTS, 11, 12)
    one.close()
    one.close()
    assert gc.get_threshold() == (NEW_OBJECTS, 11, 12)
    two.close()
    assert gc.get_threshold() == (700, 11, 12)


async def test_one_that_was_turned_off_or_waits_for_more_stays_so() -> None:
    for threshold in ((0, 10, 10), (NEW_OBJECTS + 1, 10, 10)):
        gc.set_threshold(*threshold)
        server = HeapTrimmer(asyncio.get_running_loop())
        server.started()
        assert gc.get_threshold() == threshold
        server.close()
        assert gc.get_threshold() == threshold
