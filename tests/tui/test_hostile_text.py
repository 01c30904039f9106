"""People and servers that write what a terminal would obey."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest

from core.client.client_events import Disconnected, LoginRefused, PostRefused
from core.node.interface.snapshot import ConnectionView, ServerView, UserView
from tests.tui.driving import ready, screen_text, settled
from tests.tui.fakes import World, snapshot
from tui.widgets.row_view import RowView

ATTACKS = {
    "terminal sequences": "\x1b[2J\x1b]0;owned\x07\x1b[31m",
    "eight bit sequences": "\x9b2J\x9d0;owned\x9c",
    "line breaks": "one\ntwo\r\nthree\u2028four\x0bfive\x0csix\x85seven",
    "reading direction": "\u202egnp.exe\u202c\u2066x\u2069",
    "markup": "[bold red]x[/] [@click=app.quit]y[/] [link=http://x]z[/] [/] \\[",
    "nothing to see": "a\u200bb\u2060c\ufeffd\U000e0041e\u3164f",
    "stacked marks": "z" + "\u0301\u0489" * 400,
    "wide": "漢" * 300,
    "joined emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 30,
    "one endless word": "x" * 5000,
    "lone surrogate and private use": "\ud800\ue000\U0010ffff".encode("utf-8", "replace").decode(),
}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_hostile_text_stays_text_wherever_it_is_shown(size):
    attacks = list(ATTACKS.values())
    everything = "".join(attack[:6] for attack in attacks)
    world = World()
    assert world.node is not None
    known = snapshot()
    others = tuple(
        ServerView(f"b{place}", text[:64], text[:200], 1, 4, "reachable", 1, False, ("aa",), (text[:30],), (text[:64],))
        for place, text in enumerate(attacks)
    )
    world.node.shown = msgspec.structs.replace(
        known,
        name=everything,
        storage_error=everything,
        servers=(known.servers[0], *others),
        connections=tuple(
            ConnectionView(place, "client", "inbound", text, text, text, None, (text,), 1.0)
            for place, text in enumerate(attacks)
        ),
        users=tuple(UserView(text, 1e300, (text,), text) for text in attacks),
    )
    app = world.app()
    async with app.run_test(size=size, notifications=True) as pilot:
        await ready(pilot)
        for text in attacks:
            world.says(text, text)
            world.arrives(text, {"type": text, "object": {"type": text, "name": text}, "actor": text})
            world.arrives("bob", {text: [text]})
            world.notice("refused", text, "error")
            world.model.write(text)
            world.client.tell(PostRefused(world.client.posted[-1][0], text))
        await pilot.press("escape")
        for key in ("f2", "f3", "f4", "f5", "f6"):
            await pilot.press(key)
            await settled(pilot)
            check(app)
            view = app.main.query_one(f"#{app.main.current}", RowView)
            for _ in range(2):
                view.scroll_lines(-view.size.height)
                await pilot.pause()
                check(app)
            for index in range(0, view.row_count(), max(1, view.row_count() // 2)):
                view.post_message(RowView.Inspected(view, index))
                await pilot.pause()
                check(app)
                await pilot.press("escape")
        world.client.tell(Disconnected(everything, 3.0))
        await settled(pilot)
        check(app)
        world.client.tell(LoginRefused(everything))
        await settled(pilot)
        check(app)
    assert app.return_value is None


def check(app) -> None:
    width = app.size.width
    shown = screen_text(app)
    for line in shown.split("\n"):
        for character in line:
            assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn"), hex(ord(character))
    assert all(strip.cell_length == width for strip in app.screen._compositor.render_strips(app.screen.size))


async def test_markup_is_shown_as_it_was_written(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("[red]bob[/]", "[bold]x[/] [@click=app.quit]y[/]")
        await settled(pilot)
        assert "[red]bob[/]" in screen_text(app)
        assert "[bold]x[/] [@click=app.quit]y[/]" in screen_text(app)


async def test_an_impossible_time_is_shown_as_dashes(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.model.arrived(b"{}", "bob", 1e18, live=True, own_ref=None)
        await settled(pilot)
        assert "--:--:-- bob" in screen_text(app)
