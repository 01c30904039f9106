"""The checker of stories sees each wrong claim that it is for: one is planted, and the history fails by just that.

The same history without it passes. What is planted stands between what a node has found out and what it notes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from core.node.kernel.context import Context
from core.node.map.chronicle import Chronicle
from core.simulation.checking.story_checks import CHECKS
from core.simulation.plans.plan import Operation, Plan
from core.simulation.runs.runner import run
from core.stories import ServerName, StoryLine, TreeLink
from core.stories.sentences import TEXTS
from tests.simulation.plans import NATIVE, arrive, plan

Planting = Callable[[pytest.MonkeyPatch], None]
CRASH = plan(
    arrive(1.0, "nat", "s001"),
    Operation(6.0, "kill", "s001", amount=1.0),
    Operation(12.0, "start", "s001"),
    people=(NATIVE,),
    duration=40.0,
)
APART = plan(
    arrive(1.0, "nat", "s000"),
    Operation(6.0, "part", "s001"),
    Operation(16.0, "unite", "s001"),
    people=(NATIVE,),
    duration=40.0,
)
LEAVING = plan(arrive(1.0, "nat", "s001"), Operation(6.0, "quit", "s001"), people=(NATIVE,))


def _noting(patch: pytest.MonkeyPatch, change: Callable[[str, dict[str, Any]], str | None]) -> None:
    """Have lines noted otherwise: `change` alters what is noted, and says as which kind; None: it is not noted."""
    note = Context.note

    def otherwise(self: Context, kind: Any, about: ServerName | None = None, **more: Any) -> None:
        fields = {"about": about, **more}
        changed = change(kind, fields)
        if changed is not None:
            note(self, changed, fields.pop("about"), **fields)  # type: ignore[arg-type]

    patch.setattr(Context, "note", otherwise)


def says_that_it_went_on(patch: pytest.MonkeyPatch) -> None:
    _noting(patch, lambda kind, fields: "back" if kind == "back anew" else kind)


def says_that_it_crashed(patch: pytest.MonkeyPatch) -> None:
    observe = Chronicle.observe

    def dead(self: Chronicle, came: Any, gone: Any) -> None:
        observe(self, came, gone)
        for server in gone:
            self.nobody_there(server)

    patch.setattr(Chronicle, "observe", dead)


def notes_no_loss(patch: pytest.MonkeyPatch) -> None:
    told = ("lost", "link lost", "nobody there", "tree broke", "reached", "back anew")
    _noting(patch, lambda kind, fields: None if kind in told else kind)


def names_another_link(patch: pytest.MonkeyPatch) -> None:
    def changed(kind: str, fields: dict[str, Any]) -> str:
        if kind.startswith("tree"):
            # A link of a server with itself is the one that there surely was not.
            fields["taken"] = tuple(TreeLink(link.a, link.a, link.spare) for link in fields["taken"])
        return kind

    _noting(patch, changed)


def names_somebody_who_was_not_there(patch: pytest.MonkeyPatch) -> None:
    def changed(kind: str, fields: dict[str, Any]) -> str:
        if kind == "moved":
            fields["person"] = "nobody"
        return kind

    _noting(patch, changed)


def says_that_it_leaves(patch: pytest.MonkeyPatch) -> None:
    def changed(kind: str, fields: dict[str, Any]) -> str:
        if kind == "lost":
            fields["about"] = fields["servers"][0]
            return "leaving"
        return kind

    _noting(patch, changed)


def counts_too_many_messages(patch: pytest.MonkeyPatch) -> None:
    def changed(kind: str, fields: dict[str, Any]) -> str:
        fields["messages"] = 10 * fields.get("messages", 0)
        return kind

    _noting(patch, changed)


def says_registered_of_another(patch: pytest.MonkeyPatch) -> None:
    def changed(kind: str, fields: dict[str, Any]) -> str:
        return "not registered" if kind == "registered" else kind

    _noting(patch, changed)


def turns_votes_round(patch: pytest.MonkeyPatch) -> None:
    def changed(kind: str, fields: dict[str, Any]) -> str:
        if kind == "vote":
            fields["why"] = "denied"
        return kind

    _noting(patch, changed)


def left_before_it_had(patch: pytest.MonkeyPatch) -> None:
    def changed(kind: str, fields: dict[str, Any]) -> str:
        if kind == "lost":
            fields["about"] = fields["servers"][0]
            return "left"
        return kind

    _noting(patch, changed)


def has_a_clock_that_runs_twice_as_fast(patch: pytest.MonkeyPatch) -> None:
    line = StoryLine

    def fast(**fields: Any) -> Any:
        return line(**{**fields, "tick": 2 * fields["tick"]})

    patch.setattr("core.node.kernel.context.StoryLine", fast)


class Planted(NamedTuple):
    """What is planted, in which history, and what the checker says."""

    fault: Planting
    history: Plan
    words: str

    def __str__(self) -> str:
        return self.fault.__name__


PLANTED = [
    Planted(says_that_it_went_on, CRASH, "apart: s001 was another process before and after"),
    Planted(says_that_it_crashed, APART, "crashed: the process of s001 did not end then"),
    Planted(notes_no_loss, CRASH, "does not tell that s001 died"),
    Planted(names_another_link, APART, "had no connection by then"),
    Planted(names_somebody_who_was_not_there, CRASH, "moved: nobody was never at"),
    Planted(says_that_it_leaves, APART, "leaves: s001 was never told to"),
    Planted(counts_too_many_messages, CRASH, "messages, and there were"),
    Planted(says_registered_of_another, CRASH, "not registered: it has become an account"),
    Planted(turns_votes_round, CRASH, "denied: s00"),
    Planted(left_before_it_had, CRASH, "had not left by then"),
    Planted(has_a_clock_that_runs_twice_as_fast, CRASH, "tells of"),
]


@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_the_checker_sees_a_wrong_claim(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.fault(monkeypatch)
    problems = run(planted.history).problems
    assert {problem.guarantee for problem in problems} == {"stories"}
    assert any(planted.words in problem.text for problem in problems), [problem.text for problem in problems]


@pytest.mark.parametrize("history", [CRASH, APART, LEAVING], ids=["a crash", "two parts", "a server that leaves"])
def test_the_same_history_without_it_passes(history: Plan) -> None:
    assert run(history).problems == []


def test_each_claim_has_a_check() -> None:
    assert set(CHECKS) == set(TEXTS)
