"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program

STARTED = frozenset(
    f"test_{subject}" for subject in ("console", "dumps", "log", "loop", "process_list", "serve", "strange_machines")
)
"""Where the process itself is the subject: its start, its streams, its signals, its surroundings."""


@pytest.fixture
def program(tmp_path: Path, request: pytest.FixtureRequest) -> Program:
    home = tmp_path / "home"
    home.mkdir()
    made = Program(home)
    made.is_forked = request.path.stem not in STARTED
    return made
