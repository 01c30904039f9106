"""A network whose servers are brought to this version one after the other, and back, while people use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.rolling_upgrade import BEFORE, BEFORE_ENCRYPTION, checked_out, rolled, rolled_to_encryption


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_nothing_is_lost_while_servers_are_upgraded_one_after_the_other_and_go_back(tmp_path: Path) -> None:
    before = checked_out(BEFORE, tmp_path / "before")
    if before is None:
        pytest.skip(f"the history of this repository does not reach back to {BEFORE}")
    steps: list[str] = []
    assert await rolled(tmp_path, before, servers=3, pause=0.1, past=600, tell=steps.append) == []
    assert any("killed while it is upgraded" in step for step in steps)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_network_that_links_in_clear_ends_with_one_key_and_nothing_in_clear(tmp_path: Path) -> None:
    before = checked_out(BEFORE_ENCRYPTION, tmp_path / "before")
    if before is None:
        pytest.skip(f"the history of this repository does not reach back to {BEFORE_ENCRYPTION}")
    assert await rolled_to_encryption(tmp_path, before, servers=3, pause=0.1, past=60, tell=lambda step: None) == []
