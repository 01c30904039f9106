"""The main screens, pixel for pixel; clocks, cursors and the network are held still."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.conversing import Conversation, edited, liked, named, removed, said
from tests.tui.driving import ready, screen_text, settled, until, welcomed
from tests.tui.fakes import World
from tui.application.app import ActivityApp
from tui.look.preferences import Preferences

Before = Callable[[Pilot[Any]], Awaitable[None]]


@pytest.fixture(autouse=True)
def steady_cursors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cursor that blinks would be there in one picture and not in the next."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)


def shown(theme: str = "textual-dark", *, lively: bool = True, **options: Any) -> tuple[ActivityApp, Before]:
    """An application over a small network, and what brings it to the state to compare."""
    world = World()
    app = world.app(preferences=Preferences(zone=UTC, theme=theme), **options)

    async def before(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        if lively:
            world.lively()
        await settled(pilot)

    return app, before


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: "x".join(map(str, size)))
def test_the_panes_at_every_size(snap_compare, size):
    app, before = shown()
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("theme", ["textual-light", "ansi-dark"])
def test_the_panes_in_other_colours(snap_compare, theme):
    app, before = shown(theme)
    assert snap_compare(app, terminal_size=(120, 40), run_before=before)


@pytest.mark.parametrize("key", ["f3", "f4", "f5", "f6"])
def test_one_pane_at_a_time_on_a_small_screen(snap_compare, key):
    app, before = shown()
    assert snap_compare(app, press=[key], terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("key", ["f1", "f8", "ctrl+c"], ids=["help", "invite", "quit"])
def test_what_lies_over_the_panes(snap_compare, key):
    app, before = shown()
    assert snap_compare(app, press=[key], terminal_size=(80, 24), run_before=before)


def test_the_question_before_a_server_is_left(snap_compare):
    async def leave() -> int:
        return 0

    app, before = shown(leave=leave)
    assert snap_compare(app, press=["ctrl+q"], terminal_size=(80, 24), run_before=before)


def test_the_filter_and_its_matches(snap_compare):
    app, before = shown()

    async def filtered(pilot: Pilot[Any]) -> None:
        await before(pilot)
        app.main._set_filter("from:bob good")
        await pilot.pause()
        await app.workers.wait_for_complete()
        app.main.feed.focus()
        await settled(pilot)

    assert snap_compare(app, terminal_size=(100, 30), run_before=filtered)


def test_an_activity_in_full(snap_compare):
    app, before = shown()

    async def inspected(pilot: Pilot[Any]) -> None:
        await before(pilot)
        await pilot.press("escape", "k", "k", "enter")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "reading")
        await settled(pilot)

    assert snap_compare(app, terminal_size=(100, 30), run_before=inspected)


def test_the_first_start(snap_compare):
    app, _ = shown(lively=False, first=None)

    async def before(pilot: Pilot[Any]) -> None:
        await welcomed(pilot)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (100, 30)], ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("theme", ["textual-dark", "ansi-light"])
def test_what_a_text_refers_to(snap_compare, theme, size):
    world = World()
    app = world.app(preferences=Preferences(zone=UTC, theme=theme))

    async def before(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        world.says("bob", "@alice the notes are at https://example.org/notes/1.4, ask @carol #release #ops")
        world.says(
            "carol", "https://example.org/a/rather/long/address/that/has/to/be/broken/over/two/lines/at/least is it"
        )
        world.arrives("dave", {"type": "Note", "content": "only for those whom it is to", "to": ["alice"]})
        world.arrives("meter", {"temperature": 21.5, "see": "https://example.org/m", "tag": "#lab"})
        await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=before)


def conversing(theme: str = "textual-dark") -> tuple[ActivityApp, Before]:
    """An application in which people have answered each other, with the beginning of a thread selected."""
    world = World()
    app = world.app(preferences=Preferences(zone=UTC, theme=theme))

    async def before(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        says, post = Conversation(world), named("bob", "p")
        says("bob", "p", said("The deploy of the new search is at five. Who watches the graphs?"))
        says("cyd", "a", said("I do, from home. Tell me when it begins, I have them open on the other screen.", post))
        says("alice", "b", said("And I hold my breath.", post))
        says("cyd", "c", said("Anything else on the way today?"))
        says("bob", "d", said("At ten to five I shall", named("cyd", "a")))
        says("cyd", "l", liked(post))
        says("alice", "m", liked(post, "🎉"))
        says("bob", "e", edited(post, "The deploy of the new search is at six. Who watches the graphs?"))
        says("bob", "f", said("never mind"))
        says("bob", "g", removed(named("bob", "f")))
        says("cyd", "h", liked(named("bob", "long ago"), "🚀"))
        says("anonymous", "", said("may I come, too?", post))
        await settled(pilot)
        app.main.feed.focus()
        app.main.feed.select(0)
        await settled(pilot)

    return app, before


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("key", ["r", "c", "plus", "C"], ids=["reply", "thread", "react", "open-thread"])
def test_people_who_answer_each_other(snap_compare, key, size):
    app, before = conversing()

    async def press(pilot: Pilot[Any]) -> None:
        await before(pilot)
        await pilot.press(key)
        if key == "c":
            await until(pilot, lambda: "looked at" in screen_text(app))
        await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=press)
