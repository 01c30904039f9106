"""The phases of leaving, this node's and a neighbour's: what leads from one to the next, and nothing else does."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from core.node.interface import events
from core.node.servers.leaving import (
    DEPARTURES,
    DRAIN,
    Departure,
    DepartureOutcome,
    DrainOutcome,
    DrainPhase,
)
from core.wire import messages as wire
from core.wire.state_machine import IllegalTransition, state_after
from tests.node import one_node
from tests.node.one_node import OneNode

LEAVE = events.DrainRequested("told to")
HERE = ("here.example", 3780)
ELSEWHERE = ("third.example", 3780)


def leaves(one: OneNode) -> str:
    one.handle(LEAVE)
    return one.node.drain.phase.name


# --- this node leaves -------------------------------------------------------------------------------------------------


def test_a_node_that_nobody_is_linked_with_is_gone_at_once() -> None:
    one = OneNode()
    assert one.node.drain.phase.name == "RUNNING"
    assert leaves(one) == "FINISHED"


def test_a_node_waits_first_until_what_it_accepted_is_durable() -> None:
    one = OneNode()
    conn = one_node.logged_in(one)
    one.say(conn, wire.ActivityMessage("ann", {}, "ann"))
    assert leaves(one) == "SETTLING"
    one.answer()
    assert one.node.drain.phase.name == "FINISHED"


def test_a_disk_that_answers_nothing_is_not_waited_for_beyond_the_limit() -> None:
    one = OneNode()
    conn = one_node.logged_in(one)
    one.say(conn, wire.ActivityMessage("ann", {}, "ann"))
    leaves(one)
    one.asked.clear()
    one.run(6.0)
    assert one.node.drain.phase.name == "FINISHED"


def test_a_neighbour_is_asked_and_the_others_sent_there_once_it_has_everything() -> None:
    one = OneNode()
    successor = one_node.native_neighbour(one)
    other = one_node.native_neighbour(one, "third")
    assert leaves(one) == "HANDING_OVER"
    asked = next(conn for conn in (successor, other) if "QUIT" in one.heard(conn))
    waits = successor if asked == other else other
    one.say(asked, wire.SyncRequest({"here.1": 100}))
    assert one.node.drain.phase.name == "LETTING_GO"
    assert "QUIT" in one.heard(waits)
    one.handle(events.ConnectionClosed(waits, "closed by the peer"))
    assert one.node.drain.phase.name == "FINISHED"


def test_another_neighbour_is_asked_when_one_says_nothing() -> None:
    one = OneNode()
    conns = [one_node.native_neighbour(one), one_node.native_neighbour(one, "third")]
    leaves(one)
    assert sum(one.heard(conn).count("QUIT") for conn in conns) == 1
    one.run(2.0)
    assert one.node.drain.phase.name == "HANDING_OVER"
    assert [one.heard(conn).count("QUIT") for conn in conns] == [1, 1]


def test_a_successor_that_is_lost_while_the_others_go_there_is_replaced() -> None:
    one = OneNode()
    conns = [one_node.native_neighbour(one, server) for server in ("second", "third", "fourth")]
    leaves(one)
    asked = next(conn for conn in conns if "QUIT" in one.heard(conn))
    one.say(asked, wire.SyncRequest({"here.1": 100}))
    assert one.node.drain.phase.name == "LETTING_GO"
    one.handle(events.ConnectionClosed(asked, "reset"))
    assert one.node.drain.phase.name == "HANDING_OVER"


def test_a_successor_that_never_has_everything_is_waited_for_no_longer_than_the_limit() -> None:
    one = OneNode()
    one_node.native_neighbour(one)
    assert leaves(one) == "HANDING_OVER"
    one.run(6.0)
    assert one.node.drain.phase.name == "FINISHED"


def test_leaving_begins_once() -> None:
    one = OneNode()
    one_node.native_neighbour(one)
    leaves(one)
    assert leaves(one) == "HANDING_OVER"


# --- a neighbour leaves -----------------------------------------------------------------------------------------------


def departure(one: OneNode) -> str:
    (link,) = one.node.neighbours
    return one.node.leavers.departure(link).name


def test_a_neighbour_that_names_this_node_is_told_once_everything_has_arrived() -> None:
    one = OneNode()
    conn = one_node.native(one)
    assert departure(one) == "STAYS"
    one.say(conn, wire.Quit(*HERE, id="elsewhere", successor="here"))
    assert departure(one) == "HANDS_OVER"
    one.say(conn, wire.SyncDone(vector={"elsewhere.1": 1}))
    assert departure(one) == "HANDS_OVER"
    one.say(conn, wire.ActivityBroadcast(one_node.BODY, id="elsewhere.1.1", stamp=1))
    one.answer()
    one.say(conn, wire.SyncDone(vector={"elsewhere.1": 1}))
    assert departure(one) == "HANDED_OVER"


def test_a_neighbour_that_names_another_is_let_go_when_that_one_cannot_be_reached() -> None:
    one = OneNode()
    conn = one_node.native(one)
    one.say(conn, wire.Quit(*ELSEWHERE, id="elsewhere", successor="third"))
    assert departure(one) == "GOES_ELSEWHERE"
    one.say(conn, wire.Ping(1))
    one.run(4.9)
    assert conn not in one.closed
    one.run(0.2)
    assert conn in one.closed


def test_a_neighbour_that_names_this_node_after_another_one_is_not_let_go_before_it_has_handed_over() -> None:
    one = OneNode()
    conn = one_node.native(one)
    one.say(conn, wire.Quit(*ELSEWHERE, id="elsewhere", successor="third"))
    one.say(conn, wire.Quit(*HERE, id="elsewhere", successor="here"))
    assert departure(one) == "HANDS_OVER"
    for _ in range(6):
        one.say(conn, wire.Ping(1))
        one.run(1.0)
    assert conn not in one.closed


def test_a_neighbour_that_names_nobody_is_let_go() -> None:
    one = OneNode()
    conn = one_node.native(one)
    one.say(conn, wire.Quit(id="elsewhere"))
    assert conn in one.closed


# --- the tables -------------------------------------------------------------------------------------------------------

DRAIN_LEADS_TO = {
    "RUNNING": "SETTLING FINISHED",
    "SETTLING": "HANDING_OVER LETTING_GO FINISHED",
    "HANDING_OVER": "HANDING_OVER LETTING_GO FINISHED",
    "LETTING_GO": "HANDING_OVER LETTING_GO FINISHED",
    "FINISHED": "",
}
DEPARTURE_LEADS_TO = {
    "STAYS": "HANDS_OVER GOES_ELSEWHERE LET_GO",
    "HANDS_OVER": "HANDS_OVER HANDED_OVER GOES_ELSEWHERE LET_GO",
    "HANDED_OVER": "HANDS_OVER GOES_ELSEWHERE LET_GO",
    "GOES_ELSEWHERE": "HANDS_OVER GOES_ELSEWHERE LET_GO",
    "LET_GO": "",
}


@pytest.mark.parametrize(
    ("table", "leads_to"), [(DRAIN, DRAIN_LEADS_TO), (DEPARTURES, DEPARTURE_LEADS_TO)], ids=["drain", "departure"]
)
def test_no_other_phase_follows_than_those_written_down(
    table: Mapping[Any, Mapping[Any, enum.Enum]], leads_to: dict[str, str]
) -> None:
    found = {phase.name: {after.name for after in row.values()} for phase, row in table.items()}
    assert found == {phase: set(following.split()) for phase, following in leads_to.items()}


@pytest.mark.parametrize(
    "refused",
    [
        lambda: state_after(DRAIN, DrainPhase.FINISHED, DrainOutcome.BEGUN),
        lambda: state_after(DRAIN, DrainPhase.RUNNING, DrainOutcome.SENT_AWAY),
        lambda: state_after(DRAIN, DrainPhase.HANDING_OVER, DrainOutcome.OVER),
        lambda: state_after(DEPARTURES, Departure.STAYS, DepartureOutcome.ARRIVED),
        lambda: state_after(DEPARTURES, Departure.LET_GO, DepartureOutcome.NAMED_ANOTHER),
    ],
)
def test_what_is_not_in_the_tables_does_not_happen(refused: Callable[[], object]) -> None:
    with pytest.raises(IllegalTransition):
        refused()
