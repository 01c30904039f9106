"""The network stays in sight where its pane is not: one line, told by signs and words, not by colour."""

from __future__ import annotations

import msgspec
import pytest
from rich.cells import cell_len

from core.node import NodeSnapshot, ServerView
from tests.tui.driving import ready, screen_text, settled, until
from tests.tui.fakes import World, alone, snapshot
from tui.model.network_tree import SIGNS
from tui.panes.network_strip import network_strip
from tui.terminal.charset import like
from tui.widgets.bars import StripBar


def text_of(picture: NodeSnapshot, room: int = 200) -> str:
    return "".join(text for text, _ in network_strip(picture, room))


def suspecting(server: str) -> NodeSnapshot:
    """The little network, in which the server here hears nothing of a neighbour."""
    known = snapshot()
    return snapshot(
        connections=tuple(
            msgspec.structs.replace(one, suspected=True) if one.server == server else one for one in known.connections
        )
    )


def test_each_server_is_told_with_a_sign_and_its_people_the_one_here_first_then_those_in_trouble() -> None:
    assert text_of(snapshot()) == (
        "\u25c9 ada 3  ! curie 2, leaving  \u2717 faraday unreachable  \u25cf byron 4  \u25cf darwin 1  \u25c7 elder 6"
    )


def test_who_does_not_answer_is_told_as_long_as_it_is_suspected() -> None:
    assert "? byron 4, no answer" in text_of(suspecting("bb"))
    assert "no answer" not in text_of(snapshot())


@pytest.mark.parametrize("room", range(8, 100))
def test_what_has_no_room_is_counted_and_no_name_is_cut_in_the_middle(room: int) -> None:
    text = text_of(suspecting("bb"), room)
    whole = text_of(suspecting("bb")).split("  ")
    *shown, last = text.split("  ")
    assert cell_len(text) <= max(room, len("and 6 more"))
    assert [one for one in shown if one and one not in whole] == []
    assert last in whole or last == f"and {len(whole) - len([one for one in shown if one])} more"


def test_a_network_of_a_thousand_servers_is_told_in_a_line() -> None:
    servers = tuple(ServerView(str(one), f"n{one}", "h", 1, one, "reachable") for one in range(1_000))
    assert cell_len(text_of(snapshot(servers=servers), 78)) <= 78


def test_every_sign_is_another_one_in_ascii_too() -> None:
    assert len({like(sign) if not sign.isascii() else sign for sign in SIGNS.values()}) == len(SIGNS)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (60, 18)])
async def test_the_network_is_in_sight_and_six_rows_at_most_are_not_the_feeds(size: tuple[int, int]) -> None:
    world = World()
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await settled(pilot)
        assert "\u25c9 ada 3" in screen_text(app)
        assert app.main.feed.size.height >= size[1] - 6
        await pilot.click(StripBar)
        await until(pilot, lambda: app.main.current == "network")


async def test_where_the_network_pane_is_in_sight_it_is_not_told_twice_unless_another_pane_has_the_screen(
    world,
) -> None:
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        strip = app.main.query_one(StripBar)
        assert not strip.display
        await pilot.press("f10")
        await until(pilot, lambda: strip.display)
        await pilot.press("f10")
        await until(pilot, lambda: not strip.display)


async def test_while_nobody_has_joined_the_line_tells_how_one_joins(world) -> None:
    world.node.shown = alone()
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        if "Invite" in screen_text(app):
            assert not app.main.query_one(StripBar).display
            assert app.main.feed.size.height >= 18


async def test_which_tab_is_the_current_one_is_told_by_more_than_a_colour(world) -> None:
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert "[F2 Feed]" in screen_text(app) and "[F4" not in screen_text(app)
        await pilot.press("f4")
        await until(pilot, lambda: "[F4 Users]" in screen_text(app) and "[F2" not in screen_text(app))
