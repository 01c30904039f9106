"""The simulator's README is true: every command in it is run, and it names every kind of fault and every guarantee."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from core.simulation.plans.liars_mix import LIES
from core.simulation.plans.standard_mix import FAULTS
from tests.simulation.test_checkers import CASES

ROOT = Path(__file__).parents[2]
README = (ROOT / "core" / "simulation" / "README.md").read_text(encoding="utf-8")
LIMIT = 120.0
SHORTER = {
    "--seeds 100000": "--seeds 2",
    "--seeds 2000": "--seeds 4",
    "--seeds 1000": "--seeds 4",
    "old-data --seeds 100": "old-data --seeds 4",
    "mixed-links --seeds 100": "mixed-links --seeds 4",
    "orders --seeds 300": "orders --seeds 4",
    "answers --seeds 300": "answers --seeds 4",
    "real-machines --seeds 300": "real-machines --seeds 2",
    "liars --seeds 500": "liars --seeds 1",
    "damage --seeds 500": "damage --seeds 4",
    "--nodes 100 --seeds 20": "--nodes 30 --seeds 1",
}
"""What would take minutes is run with smaller numbers."""


def commands() -> list[str]:
    return [line.strip() for line in README.splitlines() if line.startswith("    python ")]


def adapted(line: str) -> list[str]:
    for long, short in SHORTER.items():
        line = line.replace(long, short)
    if line.endswith("sweep"):
        line += " --seeds 4"
    if line.endswith("table --quick"):
        line += " --row crash-25 --seeds 1"
    return [sys.executable, *shlex.split(line)[1:]]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulation")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_command_of_the_readme_works(directory: Path) -> None:
    lines = commands()
    assert len(lines) >= 8
    for line in lines:
        done = subprocess.run(
            adapted(line),
            cwd=directory,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        assert "all guarantees held" in done.stdout or "table" in line


def test_the_readme_names_every_kind_of_fault() -> None:
    assert [kind for kind in FAULTS if f"| {kind} |" not in README] == []


def test_the_readme_names_every_kind_of_lie() -> None:
    section = README.split("## Members that lie")[1].split("##")[0]
    named = {
        kind.strip() for line in section.splitlines() if line.startswith("|") for kind in line.split("|")[2].split("·")
    }
    assert set(LIES) - named == set()


def test_the_readme_names_every_guarantee_that_a_checker_sees_to() -> None:
    section = README.split("## Checkers")[1].split("##")[0]
    assert [case.guarantee for case in CASES if case.guarantee not in section] == []
