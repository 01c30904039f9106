"""What the checker of order asks of base servers, which cannot know what an activity follows."""

from __future__ import annotations

import pytest

from core.simulation.agents import Agent
from core.simulation.checkers import order
from core.simulation.ledger import Post
from core.simulation.world import World
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
    world.ledger.accepted_at[Post("nat", 1)] = 0.0
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
