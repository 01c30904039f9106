"""The pictures of state machines in the documents show the tables that run."""

from __future__ import annotations

import enum
import re

import pytest

from tests.architecture.diagrams import DOCUMENTS, MACHINES, Table, drawn_anew, picture
from tests.architecture.rooms import ROOT

TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_pictures_in_a_document_are_those_of_the_tables(name: str) -> None:
    assert drawn_anew(TEXTS[name]) == TEXTS[name], "make diagrams"


@pytest.mark.parametrize("machine", MACHINES)
def test_each_machine_is_drawn_once(machine: str) -> None:
    assert sum(text.count(f"<!-- states: {machine} -->") for text in TEXTS.values()) == 1


@pytest.mark.parametrize("machine", MACHINES)
def test_a_picture_has_every_arrow_of_its_table_and_no_other(machine: str) -> None:
    table: Table = MACHINES[machine]
    drawn = picture(table)
    found = {
        (state, outcome, after)
        for state, after, outcomes in re.findall(r"^    (\w+) --> (\w+) : (.*)$", drawn, re.MULTILINE)
        for outcome in outcomes.split(" / ")
    }
    told = re.findall(r"^From each state, “(.*)” leads to (\w+)\.$", drawn, re.MULTILINE)
    found |= {(state.name, outcome, after) for state, row in table.items() for outcome, after in told if row}
    assert found == {
        (state.name, outcome.value, after.name) for state, row in table.items() for outcome, after in row.items()
    }


def test_a_changed_table_is_noticed() -> None:
    class Door(enum.Enum):
        OPEN = "open"
        SHUT = "shut"

    class Push(enum.Enum):
        GENTLE = "a gentle push"
        HARD = "a hard push"

    table: Table = {Door.OPEN: {Push.GENTLE: Door.SHUT}, Door.SHUT: {Push.HARD: Door.OPEN}}
    assert picture(table) != picture({**table, Door.SHUT: {}})
    assert picture(table) != picture({**table, Door.SHUT: {Push.GENTLE: Door.OPEN}})
