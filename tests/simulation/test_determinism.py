"""One seed gives one history, byte for byte, whatever Python runs it and however it hashes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from core.simulation.plans.standard_mix import standard
from core.simulation.runs.runner import run
from core.simulation.runs.sweep import MIXES

ROOT = Path(__file__).parents[2]
LIMIT = 50.0
SEEDS = (3, 4, 9, 14, 21, 27)
PROGRAM = """
import sys
from core.simulation.plans.standard_mix import standard
from core.simulation.runs.runner import run
for seed in map(int, sys.argv[1:]):
    report = run(standard(seed))
    print(seed, report.fingerprint, report.events, report.convergence, sorted(report.messages.items()))
"""
OTHERS = ("python3.12", "python3.13", "python3.14")


def history(python: str, hash_seed: str, path: str = "") -> str:
    """What a process of its own says of some seeds."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join([str(ROOT), path])}
    done = subprocess.run(
        [python, "-c", PROGRAM, *map(str, SEEDS)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def first() -> str:
    return history(sys.executable, "1")


def test_a_history_does_not_depend_on_how_strings_hash(first: str) -> None:
    assert history(sys.executable, "2") == first
    assert len(first.splitlines()) == len(SEEDS)


@pytest.mark.parametrize("name", OTHERS)
def test_a_history_is_the_same_under_another_version_of_python(name: str, first: str) -> None:
    python = shutil.which(name)
    if python is None or f"python{sys.version_info.major}.{sys.version_info.minor}" == name:
        pytest.skip(f"there is no other interpreter called {name} here")
    tried = subprocess.run([python, "-c", "import msgspec"], capture_output=True, timeout=LIMIT, check=False)
    if tried.returncode != 0:
        pytest.skip(f"{name} does not run here, or msgspec is not installed for it")
    assert history(python, "3") == first


def test_two_runs_in_one_process_are_the_same() -> None:
    plan = standard(SEEDS[0])
    first, second = run(plan), run(plan)
    assert (first.fingerprint, first.events, first.problems) == (second.fingerprint, second.events, second.problems)


def test_a_fingerprint_tells_histories_apart() -> None:
    plan = standard(SEEDS[0])
    shorter = plan.without(frozenset({len(plan.operations) - 1, 0}))
    assert run(plan).fingerprint != run(shorter).fingerprint


def test_a_plan_survives_being_written_down() -> None:
    plan = standard(SEEDS[1])
    assert msgspec.json.decode(msgspec.json.encode(plan), type=type(plan)) == plan


@pytest.mark.parametrize("mix", sorted(MIXES))
def test_a_history_is_the_same_when_somebody_looks_at_what_goes_on_inside(
    mix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = MIXES[mix](4, None)
    looked_at = run(plan, debug=True)
    assert re.search(r"^ +[\d.]+ s\d+: state conn=\d+ from=fresh ", capsys.readouterr().out, re.MULTILINE)
    assert run(plan).fingerprint == looked_at.fingerprint
