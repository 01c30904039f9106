"""How long a command takes to start, against a Python that imports asyncio and does nothing else."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.data import Contents, copied
from tests.benchmarks.trials import Figures
from tests.processes.harness import REPOSITORY

PYTHON: Final = (sys.executable, "-c", "import asyncio")
LISTENING: Final = (b"listening", b"takes connections")
LIMIT: Final = 60.0


def program() -> list[str]:
    """What a person types."""
    installed = Path(sys.executable).with_name("activity-tui")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "tui"]


def environment(home: Path) -> dict[str, str]:
    """A person's: whose interpreter keeps what it has compiled, and who has set nothing."""
    left_out = ("ACTIVITY_TUI_", "XDG_", "PYTHON", "COV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(REPOSITORY)}


def until_it_ends(command: Sequence[str], home: Path) -> float:
    """Seconds. Raises AssertionError."""
    began = time.perf_counter()
    ended = subprocess.run(command, env=environment(home), capture_output=True, timeout=LIMIT)
    took = time.perf_counter() - began
    assert ended.returncode == 0, f"{command} said {ended.stderr.decode()[-300:]}"
    return took


def until_it_serves(data: Path, home: Path) -> float:
    """Seconds from the start of a headless server until it says that it listens. Raises AssertionError."""
    options = ("serve", "--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(data))
    began = time.perf_counter()
    with subprocess.Popen(
        [*program(), *options], env=environment(home), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                if any(words in line for words in LISTENING):
                    return time.perf_counter() - began
                said.append(line.decode(errors="replace"))
            raise AssertionError(f"it did not listen: {''.join(said)[-300:]}")
        finally:
            process.kill()


async def starts(directory: Path, tries: int, activities: int, accounts: int) -> Figures:
    """Medians of some tries of each, in turns; those of the first round that compile something are not counted."""
    full = copied(Contents(activities=activities, accounts=accounts), directory / "full")
    for warm in (PYTHON, [*program(), "--help"]):
        until_it_ends(warm, directory)
    until_it_serves(directory / "warm", directory)
    took: dict[str, list[float]] = {}
    for number in range(tries):
        took.setdefault("python", []).append(until_it_ends(PYTHON, directory))
        took.setdefault("help", []).append(until_it_ends([*program(), "--help"], directory))
        took.setdefault("empty", []).append(until_it_serves(directory / f"empty-{number}", directory))
        took.setdefault("full", []).append(until_it_serves(full, directory))
    return {"complete": True} | {name: statistics.median(found) for name, found in took.items()}
