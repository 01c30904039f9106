"""People answer, edit and remove while servers die and are parted: everybody ends with what was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from core.answers import answer_set
from core.answers.answer_kinds import Answer
from core.answers.answer_set import AnswerSet
from core.node.clients import posting
from core.simulation.parties.native_agent import NativeAgent
from core.simulation.plans.answers_mix import ANSWER, ANSWERS, SELDOM, with_answers
from core.simulation.runs.runner import run
from core.simulation.world.world import World
from core.wire.references import read_reference, reference_in

SEED = 4
"""Of a history in which all of it happens."""


def said(world: World) -> Counter[str]:
    """What people take activities for, by what was answered to them."""
    found: Counter[str] = Counter()
    for agent in world.agents.values():
        if isinstance(agent, NativeAgent):
            for entry in world.ledger.accepted.values():
                name = reference_in(entry.body) or read_reference(f"activity:{entry.id}")
                assert name is not None
                answers = agent.conversation.table.of(name)
                found["edited"] += bool(answers.versions)
                found["removed"] += answers.removed_at is not None
                found["replies"] += len(answers.replies)
                found["reactions"] += len(agent.conversation.table.reactions(name))
    return found


def test_each_kind_of_answer_is_given_and_what_is_forged_is_refused() -> None:
    given: list[Counter[str]] = []
    refused: list[str] = []

    def watch(world: World) -> None:
        given.append(said(world))
        refused.extend(world.ledger.refusals.values())

    plan = with_answers(SEED)
    assert {one.whom for one in plan.operations if one.what == ANSWER} == {*ANSWERS, *SELDOM}
    assert run(plan, watch=watch, traced=False).problems == []
    (found,) = given[-1:]
    assert all(found[kind] for kind in ("edited", "removed", "replies", "reactions")), found
    assert any("its id says that it is" in info for info in refused)


def everybody_edits_what_is_others(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Answer, "counts", property(lambda self: True))
    patch.setattr(answer_set, "original_name", lambda name: "")


def nothing_is_taken_back(patch: pytest.MonkeyPatch) -> None:
    take = AnswerSet.take
    patch.setattr(AnswerSet, "take", lambda self, answer: answer.kind != "undo" and take(self, answer))


def removed_until_it_is_edited(patch: pytest.MonkeyPatch) -> None:
    take: Callable[[AnswerSet, Answer], Any] = AnswerSet.take

    def wrong(self: AnswerSet, answer: Answer) -> bool:
        changed = bool(take(self, answer))
        if answer.kind == "edit" and answer.counts:
            for changes in self._changes.values():
                changes.removal = None
        return changed

    patch.setattr(AnswerSet, "take", wrong)


def no_server_checks_what_activities_are_called(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(posting, "says_another", lambda *asked: None)


FAULTS: dict[Callable[[pytest.MonkeyPatch], None], tuple[int, str]] = {
    everybody_edits_what_is_others: (SEED, "for edited to"),
    nothing_is_taken_back: (SEED, "reacts with"),
    removed_until_it_is_edited: (SEED, "for removed: False, and it is: True"),
    no_server_checks_what_activities_are_called: (SEED, "was accepted as another's"),
}


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: str(plant.__name__))
def test_the_checker_finds_what_is_wrong(plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: Any) -> None:
    plant(monkeypatch)
    seed, says = FAULTS[plant]
    problems = run(with_answers(seed), traced=False).problems
    assert {one.guarantee for one in problems} == {"answers"}
    assert any(says in one.text for one in problems), problems[:3]


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 1040, 10))
def test_many_histories(first: int) -> None:
    for seed in range(first, first + 10):
        assert run(with_answers(seed), traced=False).problems == [], f"seed {seed}"
