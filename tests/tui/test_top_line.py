"""The first line says what is wrong, and since when, however narrow the screen is."""

from __future__ import annotations

from datetime import UTC

import msgspec
import pytest
from rich.cells import cell_len

from core.node import NodeSnapshot
from tests.tui.driving import ready, screen_text, settled
from tests.tui.fakes import NOON, World, snapshot
from tui.panes.top_line import top_line

TEN_MINUTES = 600.0


def unreachable(*moments: float) -> NodeSnapshot:
    """The little network, from which servers have gone at these moments."""
    usual = snapshot()
    gone = next(one for one in usual.servers if one.state == "unreachable")
    others = tuple(one for one in usual.servers if one.state != "unreachable")
    lost = tuple(
        msgspec.structs.replace(gone, id=f"gone{number}", since=moment) for number, moment in enumerate(moments)
    )
    return snapshot(servers=(*others, *lost), unreachable=len(moments))


def text_of(world: World, picture: NodeSnapshot | None, room: int = 200) -> str:
    world.model.snapshot = picture
    return "".join(text for text, _ in top_line(world.model, room, UTC))


@pytest.fixture
def online() -> World:
    world = World()
    world.model.logged_in("alice", None)
    return world


def test_a_server_that_is_unreachable_is_told_with_the_time_since_when(online: World) -> None:
    assert text_of(online, unreachable(NOON - TEN_MINUTES)).endswith(" \u2717 1 unreachable since 11:50")


def test_a_server_that_is_unreachable_since_another_day_is_told_with_the_day(online: World) -> None:
    assert text_of(online, unreachable(NOON - 86_400)).endswith(" \u2717 1 unreachable since 21 Nov 12:00")


def test_of_servers_that_went_at_different_times_none_is_said_for_all(online: World) -> None:
    assert text_of(online, unreachable(NOON - 60, NOON - TEN_MINUTES)).endswith(" \u2717 2 unreachable")
    assert text_of(online, unreachable(NOON - 60, NOON - 59)).endswith(" \u2717 2 unreachable since 11:59")


@pytest.mark.parametrize("room", [200, 78, 58, 46, 36])
def test_what_is_wrong_is_in_the_line_whole_on_every_screen_and_the_usual_gives_way(online: World, room: int) -> None:
    said = text_of(online, unreachable(NOON - TEN_MINUTES), room)
    assert cell_len(said) <= room
    assert "1 unreachable" in said and "alice" in said and "ada" in said
    assert ("5 servers" in said) == (room >= 78)


def test_several_things_that_are_wrong_are_all_in_the_line_of_a_narrow_screen(online: World) -> None:
    picture = msgspec.structs.replace(
        unreachable(NOON - TEN_MINUTES), storage_error="No space left on device", base_servers=True
    )
    said = text_of(online, picture, 58)
    assert cell_len(said) <= 58
    for each in ("disk fails", "1 unreachable", "base server"):
        assert each in said


async def test_on_a_screen_of_sixty_columns_the_line_is_not_cut(world: World) -> None:
    app = world.app()
    assert world.node is not None
    world.node.shown = unreachable(NOON - TEN_MINUTES)
    async with app.run_test(size=(60, 18)) as pilot:
        await ready(pilot)
        await settled(pilot)
        first = screen_text(app).splitlines()[0]
        assert "1 unreachable since 11:50" in first and "\u2026" not in first


def test_who_has_lost_the_server_reads_since_when_and_no_longer_once_it_is_back() -> None:
    world = World(node=False)
    world.model.logged_in("alice", None)
    assert "since" not in text_of(world, snapshot(unreachable=0))
    world.time += 60
    world.model.disconnected("the server closed the connection", 5.0)
    world.time += 300
    assert "lost since 12:01" in text_of(world, snapshot(unreachable=0))
    world.model.logged_in("alice", None)
    assert "lost since" not in text_of(world, snapshot(unreachable=0))


@pytest.mark.parametrize("room", [74, 56, 36])
def test_since_when_no_server_is_reached_is_in_the_line_of_a_narrow_screen_too(room: int) -> None:
    world = World(node=False)
    world.model.logged_in("alice", None)
    world.model.disconnected("127.0.0.1:4821 cannot be reached: nobody listens there", 5.0)
    said = text_of(world, None, room)
    assert cell_len(said) <= room and "since 12:00" in said


async def test_what_is_usual_is_not_cut_on_a_screen_of_sixty_columns_but_said_in_fewer_words(world: World) -> None:
    app = world.app()
    assert world.node is not None
    world.node.shown = snapshot(unreachable=0)
    async with app.run_test(size=(60, 18)) as pilot:
        await ready(pilot)
        world.model.username = "deploybot"
        for columns in range(60, 48, -1):
            await pilot.resize_terminal(columns, 18)
            await settled(pilot)
            assert "\u2026" not in screen_text(app).splitlines()[0], columns
