"""A process that is killed between any two of its steps leaves data with which the next start goes on by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
"""Where there is no disk to wait for: what a process has written outlives it there too."""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("life", "stride"), [("first_start", 1), ("later_start", 2), ("restoration", 1), ("upgrade", 4), ("way_back", 4)]
)
def test_whoever_was_killed_at_any_step_starts_again_with_all_that_was_acknowledged(
    life: str, stride: int, tmp_path: Path
) -> None:
    place = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=place) as directory:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.store.killing", life, directory, str(stride)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 50, "it was killed at many steps"
