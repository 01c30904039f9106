"""Every test of the engine runs on asyncio's own event loop, and on uvloop where that is installed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

try:
    from uvloop import new_event_loop as new_uvloop
except ImportError:
    LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
else:
    LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": new_uvloop}


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS
