"""What scripts do (log in, post, log out) is one line of the events."""

from __future__ import annotations

import pytest

from core.node import Notice
from tests.tui.driving import lines_of, ready, settled
from tests.tui.fakes import World


def visit(world: World, user: str, seconds: float = 1.0, reason: str = ": logged out") -> None:
    world.model.noticed(Notice(world.time, "login", f"{user} logged in from afar", user=user))
    world.time += seconds
    world.model.noticed(Notice(world.time, "logout", f"{user} left{reason}", user=user))


def said(world: World) -> list[str]:
    return [notice.text for notice in world.model.notices]


def test_a_short_visit_is_one_line_and_a_series_of_them_too():
    world = World()
    visit(world, "bot")
    assert said(world) == ["bot logged in from afar, and left"]
    for _ in range(11):
        world.time += 5
        visit(world, "bot")
    assert said(world) == ["bot came and went 12 times"]
    assert world.model.notices_seen == 1


def test_whoever_stays_is_told_apart_from_who_came_and_went():
    world = World()
    visit(world, "bot")
    world.model.noticed(Notice(world.time, "login", "bot logged in from afar", user="bot"))
    assert said(world) == ["bot logged in from afar, who came and went once just before"]
    world.time += 60
    world.model.noticed(Notice(world.time, "logout", "bot left", user="bot"))
    assert said(world)[1:] == ["bot left"]


@pytest.mark.parametrize("between", ["another", "a notice", "time", "reason"])
def test_what_is_between_two_visits_or_has_a_reason_keeps_its_own_line(between):
    world = World()
    visit(world, "bot")
    match between:
        case "another":
            visit(world, "other")
        case "a notice":
            world.notice("backup", "a backup was written")
        case "time":
            world.time += 600
    visit(world, "bot", reason=": expelled by ann" if between == "reason" else ": logged out")
    assert "bot left: expelled by ann" in said(world) or "bot logged in from afar, and left" in said(world)[1:]
    assert len(said(world)) >= 2


async def test_the_line_changes_where_it_stands(world):
    app = world.app()
    async with app.run_test(size=(160, 50)) as pilot:
        await ready(pilot)
        world.model.noticed(Notice(world.time, "login", "bot logged in from afar", user="bot"))
        await settled(pilot)
        assert "bot logged in from afar" in "\n".join(lines_of(app, "#events"))
        world.time += 1
        world.model.noticed(Notice(world.time, "logout", "bot left", user="bot"))
        visit(world, "bot")
        await settled(pilot)
        shown = "\n".join(lines_of(app, "#events"))
        assert "bot came and went 2 times" in shown and "logged in from afar" not in shown
