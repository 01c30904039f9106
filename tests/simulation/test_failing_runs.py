"""A run that fails says which seed it was, the shortest history that still fails, and the command that replays it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from core.simulation import command
from core.simulation.command import main
from core.simulation.plans.plan import Plan
from core.simulation.plans.standard_mix import standard
from core.simulation.runs import sweep
from core.simulation.runs.runner import Report
from tests.simulation.faults import changes_what_is_written_second

SEED = 12


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    changes_what_is_written_second(monkeypatch)


def replayed(printed: str) -> list[str]:
    """The arguments of the last command that a failure printed."""
    return shlex.split(re.findall(r"replay: python -m core\.simulation (.*)", printed)[-1])


@pytest.mark.usefixtures("faulty")
def test_a_sweep_prints_seed_history_and_command_and_the_command_fails_alike(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sweep", "--first", str(SEED), "--seeds", "1", "--jobs", "1"]) == 1
    printed = capsys.readouterr().out
    assert f"seed {SEED} FAILED" in printed
    assert re.search(r"(\d+) of \d+ operations are enough", printed)
    arguments = replayed(printed)
    assert arguments[:3] == ["replay", "--seed", str(SEED)]
    assert main([*arguments, "--quiet"]) == 1
    assert "content: " in capsys.readouterr().out


@pytest.mark.usefixtures("faulty")
def test_what_was_left_out_before_is_left_out_of_the_shortest_history_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--seed", str(SEED), "--without", "0-2,9", "--quiet", "--shrink"]) == 1
    arguments = replayed(capsys.readouterr().out)
    assert main([*arguments, "--quiet"]) == 1
    assert "content: " in capsys.readouterr().out


def test_a_saved_plan_is_the_same_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plan.json"
    assert main(["replay", "--seed", str(SEED), "--quiet", "--save", str(file)]) == 0
    first = re.findall(r"fingerprint (\w+)", capsys.readouterr().out)
    assert main(["replay", "--plan", str(file), "--quiet"]) == 0
    assert re.findall(r"fingerprint (\w+)", capsys.readouterr().out) == first


def test_a_run_that_holds_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--seeds", "3", "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    for text in ("3 histories", "events", "messages: ", "largest queues: ", "worst convergence", "all guarantees held"):
        assert text in printed


def test_a_replay_that_takes_long_says_how_far_it_is_and_is_the_same_history(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "--seed", str(SEED), "--quiet"]) == 0
    alone = capsys.readouterr()
    monkeypatch.setattr(command, "PROGRESS_SECONDS", 0.0)
    assert main(["replay", "--seed", str(SEED), "--quiet"]) == 0
    watched = capsys.readouterr()
    assert re.search(r"^\d+ of \d+ simulated seconds, [\d,]+ events, \d+ s$", watched.err, re.MULTILINE)
    assert re.findall(r"fingerprint (\w+)", watched.out) == re.findall(r"fingerprint (\w+)", alone.out)


def test_an_exception_fails_its_seed_and_not_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(plan: Plan, *, traced: bool) -> Report:
        raise ZeroDivisionError("in a node")

    monkeypatch.setattr(sweep, "run", broken)
    outcome = sweep.judge(SEED)
    assert [(problem.guarantee, problem.text) for problem in outcome.problems] == [
        ("no exceptions", "ZeroDivisionError: in a node")
    ]
    assert outcome.faults == len(standard(SEED).operations)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sweep", "--seeds", "0"], "--seeds must be at least 1"),
        (["sweep", "--nodes", "-3"], "--nodes must be at least 1"),
        (["replay", "--seed", "1", "--without", "a-b"], "is not a list of numbers"),
        (["replay", "--plan", "/nowhere"], "is not a plan that can be read"),
    ],
)
def test_wrong_usage_is_answered_in_a_sentence(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert says in capsys.readouterr().err
