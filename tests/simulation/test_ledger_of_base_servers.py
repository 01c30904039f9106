"""What checkers ask of base servers, which cannot know what an activity follows, and have accounts of their own."""

from __future__ import annotations

import pytest

from core.simulation.checking.checkers import everybody_is_back, order
from core.simulation.ledger import NumberedPost
from core.simulation.parties.agent import Agent
from core.simulation.plans.plan import Person
from core.simulation.world.world import World
from core.wire.activity import stamp_activity
from tests.simulation.plans import BASE, NATIVE, plan


@pytest.fixture
def world() -> World:
    world = World(plan())
    for person in (NATIVE, BASE):
        world.add_person(person)
    writer = world.agents["nat"]
    for _ in range(2):
        writer.next_number()
    world.ledger.accepted_at[NumberedPost("nat", 1)] = 0.0
    return world


def body(agent: Agent, number: int) -> bytes:
    return stamp_activity(agent.body(number), agent.username)


def read_second_before_first(world: World) -> list[str]:
    writer, reader = world.agents["nat"], world.agents["bas"]
    world.ledger.delivered(reader, body(writer, 2))
    world.ledger.delivered(reader, body(writer, 1))
    return [text for _, text in order(world)]


def test_what_had_not_come_to_a_base_server_may_come_behind_what_was_written_there(world: World) -> None:
    world.ledger.taken_by_base("b0", body(world.agents["nat"], 2))
    assert read_second_before_first(world) == []


def test_what_had_come_to_a_base_server_may_not(world: World) -> None:
    world.ledger.came_to_base("b0", body(world.agents["nat"], 1))
    world.ledger.taken_by_base("b0", body(world.agents["nat"], 2))
    assert read_second_before_first(world) == ["bas got nat's activity 1 after 2"]


def test_what_was_written_there_as_well_may_not(world: World) -> None:
    world.ledger.taken_by_base("b0", body(world.agents["nat"], 1))
    world.ledger.taken_by_base("b0", body(world.agents["nat"], 2))
    assert read_second_before_first(world) == ["bas got nat's activity 1 after 2"]


def test_what_was_written_at_servers_of_ours_may_not(world: World) -> None:
    assert read_second_before_first(world) == ["bas got nat's activity 1 after 2"]


def test_what_was_written_at_another_base_server_and_had_not_come_may_come_behind(world: World) -> None:
    del world.ledger.accepted_at[NumberedPost("nat", 1)]
    world.ledger.taken_by_base("b0", body(world.agents["nat"], 1))
    world.ledger.taken_by_base("b1", body(world.agents["nat"], 2))
    assert read_second_before_first(world) == []


def reader_at(world: World, server: str) -> Agent:
    """Somebody's client, connected with a server."""
    reader = world.agents["nat2"]
    reader.end, _ = world.network.connect(reader.host, server)
    return reader


def problems_of_reading_first_after_second(
    first_at: str, second_at: str, *, came: float, again: bool = True
) -> list[str]:
    """Somebody came at a time, and reads the second activity at one server; the first one, accepted at 1.0, at another
    one, or `again` not: over the same connection."""
    world = World(plan(base_servers=2))
    for person in (NATIVE, Person("nat2")):
        world.add_person(person)
    for name in ("b0", "b1"):
        world.add_base_server(name)
    writer, ledger = world.agents["nat"], world.ledger
    for _ in range(2):
        writer.next_number()
    ledger.accepted_at[NumberedPost("nat", 1)] = 1.0
    ledger.since["nat2"] = came
    reader = reader_at(world, second_at)
    ledger.delivered(reader, body(writer, 2))
    if again:
        reader_at(world, first_at)
    ledger.delivered(reader, body(writer, 1))
    return [text for _, text in order(world)]


def test_what_another_base_server_hears_late_comes_late() -> None:
    assert problems_of_reading_first_after_second("b1", "b0", came=0.5) == []


def test_what_a_base_server_hears_late_that_was_accepted_before_somebody_came_comes_late() -> None:
    assert problems_of_reading_first_after_second("b0", "s000", came=1.5) == []


def test_what_was_accepted_since_does_not() -> None:
    assert problems_of_reading_first_after_second("b0", "s000", came=0.5) == ["nat2 got nat's activity 1 after 2"]


def test_nor_what_comes_over_one_connection_with_a_base_server() -> None:
    assert problems_of_reading_first_after_second("b0", "b0", came=0.5, again=False) == [
        "nat2 got nat's activity 1 after 2"
    ]


@pytest.mark.parametrize("at_base", [1, 2])
@pytest.mark.parametrize("has_come", [False, True])
def test_what_was_written_before_may_come_behind_where_the_server_that_took_the_next_one_in_had_not_heard_of_it(
    has_come: bool, at_base: int
) -> None:
    """The one or the other was written at a base server: nobody confirms it, and it names nothing."""
    world = World(plan())
    for person in (NATIVE, BASE):
        world.add_person(person)
    world.grow()
    world.schedule.run_until(3.0)
    server, writer = world.servers["s000"], world.agents["nat"]
    assert server.node is not None
    for _ in range(2):
        writer.next_number()
    world.ledger.came_to_base("b0", body(writer, 1))
    world.ledger.taken_by_base("b0", body(writer, at_base))
    for number in (1, 2) if has_come else (2,):
        server.node.replication.own.originate("activity", body(writer, number), sender="nat", previous=None)
        server.settle()
        world.schedule.run_until(world.schedule.time + 1.0)
    problems = read_second_before_first(world)
    assert problems == (["bas got nat's activity 1 after 2"] if has_come else [])


def test_a_base_server_may_let_in_whom_it_has_given_a_name_before_one_of_ours_has_kept_the_account() -> None:
    world = World(plan(base_servers=1))
    world.add_person(BASE)
    reader, ledger = world.agents["bas"], world.ledger
    world.grow()
    world.schedule.run_until(5.0)
    ledger.granted["b0", "bas"] = True
    reader.arrive(world.base_servers["b0"].address)
    world.schedule.run_until(5.02)
    assert reader.end is not None
    assert reader.end.peer == "b0"
    ledger.logged_in(reader, "bas")
    ledger.logged_in_with(reader, reader.secret, "b0")
    assert ledger.problems == []
    ledger.granted.clear()
    ledger.logged_in(reader, "bas")
    assert [problem.text for problem in ledger.problems] == [
        "bas logged in as bas before the registration had succeeded"
    ]


def world_with_a_name_left_at_a_base_server() -> World:
    """Somebody else's registration of a name failed; the base server that s000 had asked still keeps the pair."""
    world = World(plan(base_servers=1))
    world.add_person(BASE)
    world.grow()
    world.schedule.run_until(9.0)
    base, asker = world.base_servers["b0"], world.servers["s000"].node
    assert asker is not None
    base.users["bas"], base.asked_by["bas"] = "another", asker
    world.agents["bas"].wanted = True
    return world


def not_back(world: World) -> list[str]:
    return [text for _, text in everybody_is_back(world)]


def test_a_name_that_a_server_can_still_set_free_at_a_base_server_must_be() -> None:
    world = world_with_a_name_left_at_a_base_server()
    assert not_back(world) == ["bas is not logged in"]


def test_a_name_that_a_base_server_keeps_for_a_registration_of_which_nobody_knows_any_more_may_stay_taken() -> None:
    world = world_with_a_name_left_at_a_base_server()
    world.servers["s000"].crash(0.0)
    world.servers["s000"].start()
    assert not_back(world) == []


def test_a_name_must_be_set_free_by_another_server_that_knows_of_it_and_speaks_to_the_base_server() -> None:
    world = world_with_a_name_left_at_a_base_server()
    speaks, other = world.servers["s000"].node, world.servers["s001"].node
    assert speaks is not None and other is not None
    world.base_servers["b0"].asked_by["bas"] = other
    world.servers["s001"].crash(0.0)
    assert not_back(world) == []
    speaks.base.registrations.remember_untold("bas", "another", 0.0)
    assert not_back(world) == ["bas is not logged in"]


def test_a_name_that_only_a_server_knows_that_speaks_to_no_base_server_may_stay_taken() -> None:
    world = world_with_a_name_left_at_a_base_server()
    world.servers["s000"].crash(0.0)
    other = world.servers["s001"].node
    assert other is not None
    other.base.registrations.remember_untold("bas", "another", 0.0)
    assert not_back(world) == []


def test_a_name_that_is_kept_with_the_very_secret_of_who_wants_it_is_not_taken() -> None:
    world = world_with_a_name_left_at_a_base_server()
    world.base_servers["b0"].users["bas"] = world.agents["bas"].secret
    world.servers["s000"].crash(0.0)
    assert not_back(world) == ["bas is not logged in"]
