"""A network of node processes for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.processes.harness import NodeNetwork

OPTIONS = ("--preset", "local", "--announce-interval", "1", "--backup-interval", "0", "--no-redirects")
"""Quick to suspect and to retry; nobody is sent elsewhere, so that each client is where the test put it."""


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[NodeNetwork]:
    async with NodeNetwork(tmp_path, options=OPTIONS) as network:
        yield network
