"""People at servers of one network who answer each other: over links, in the past, and over a server's death."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from core.answers import answer_body
from core.engine import Server
from tests.tui.driving import lines_of, screen_text, settled, type_line, until
from tests.tui.test_real_node import running_server
from tui.application.app import ActivityApp
from tui.feed.activities import plain_text
from tui.feed.answer_sentences import beside_spans
from tui.feed.feed_answers import reference_of
from tui.feed.feed_item import FeedItem
from tui.model.client_model import ClientModel
from tui.model.network_client import HISTORY, client_factory
from tui.model.network_faces import SignIn
from tui.screens.reading_thread import ThreadScreen


class Person:
    """Somebody at a server, without a screen."""

    def __init__(self, server: Server) -> None:
        self.model = ClientModel(client_factory((server.advertised,), home=None), target=server.advertised)
        self._changed = asyncio.Event()
        self.model.on_change = self._changed.set

    async def once(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def enter(self, name: str) -> None:
        await self.model.enter(SignIn("register", name, "pw"))
        await self.once(lambda: self.model.online and self.model.claim is not None)

    def row(self, words: str) -> FeedItem | None:
        """The row that says this now."""
        answers = self.model.feed.answers
        rows = [
            answers.as_it_is(row) for row in self.model.feed.newest_first() if row.state == "arrived" and not row.folded
        ]
        return next((row for row in rows if plain_text(row.body) == words), None)

    async def sees(self, words: str, beside: str = "") -> FeedItem:
        """The row that says this, once it does and this stands beside it."""

        def there() -> bool:
            row = self.row(words)
            spans = () if row is None else beside_spans(self.model.feed.answers.of(row))
            return row is not None and "".join(text for text, _ in spans).strip() == beside

        await self.once(there)
        found = self.row(words)
        assert found is not None
        return found


@pytest.fixture
async def ada(tmp_path: Path) -> AsyncIterator[Server]:
    server = await running_server(tmp_path, "ada")
    yield server
    await server.abort()


async def test_answers_go_from_server_to_server_and_stand_beside_what_they_answer(ada, tmp_path):
    byron = await running_server(tmp_path, "byron", ada.advertised)
    ann, bob = Person(ada), Person(byron)
    try:
        await ann.enter("ann")
        await bob.enter("bob")
        ann.model.write("who comes along?")
        post = reference_of(await bob.sees("who comes along?"))
        assert post is not None
        bob.model.post(answer_body("reply", post, content="I do", to="ann"))
        bob.model.post(answer_body("reaction", post, content="♥"))
        mine = await ann.sees("who comes along?", "↳1 ♥1")
        reply = await ann.sees("I do")
        assert ann.model.feed.answers.of(reply).quoted == mine
        assert ann.model.mentions == 1
        ann.model.post(answer_body("edit", post, content="who comes too?"))
        await bob.sees("who comes too?", "↳1 ♥1 edited")
        bob.model.post(answer_body("edit", post, content="I do not edit what is ann's"))
        like = bob.model.feed.answers.table.reaction(post, bob.model.claim or "", "bob")
        assert like is not None
        assert like.own is not None
        bob.model.post(answer_body("undo", like.own))
        await ann.sees("who comes too?", "↳1 edited")
    finally:
        for person in (ann, bob):
            await person.model.stop()
        await byron.abort()


@pytest.mark.slow
async def test_a_thread_that_is_muted_at_one_server_is_muted_at_another(ada, tmp_path):
    byron = await running_server(tmp_path, "byron", ada.advertised)
    ann, bob, also_ann = Person(ada), Person(byron), Person(byron)
    try:
        await ann.enter("ann")
        await bob.enter("bob")
        bob.model.write("who comes along?")
        post = reference_of(await ann.sees("who comes along?"))
        assert post is not None
        ann.model.write("let me think")
        await bob.sees("let me think")
        ann.model.concerns.mute_thread(str(post))
        await also_ann.model.enter(SignIn("login", "ann", "pw"))
        await also_ann.once(lambda: also_ann.model.online)
        # Where she stopped reading may have been told just before, and the next time is a minute later.
        await also_ann.once(lambda: also_ann.model.concerns.threads == (str(post),), 100)
        bob.model.post(answer_body("reply", post, content="I do", to="ann"))
        await also_ann.sees("I do")
        bob.model.post(answer_body("reply", post, content="@ann, and you?", to="ann"))
        await also_ann.sees("@ann, and you?")
        assert also_ann.model.mentions == 1
    finally:
        for person in (ann, bob, also_ann):
            await person.model.stop()
        await byron.abort()


async def test_what_is_answered_while_ones_server_is_dead_is_so_when_it_is_back(ada, tmp_path):
    byron = await running_server(tmp_path, "byron", ada.advertised)
    port = byron.address.port
    ann, bob = Person(ada), Person(byron)
    try:
        await ann.enter("ann")
        await bob.enter("bob")
        ann.model.write("at five")
        ann.model.write("never mind")
        five, never = reference_of(await bob.sees("at five")), reference_of(await bob.sees("never mind"))
        assert five is not None
        assert never is not None
        await byron.abort()
        await bob.once(lambda: not bob.model.online)
        ann.model.post(answer_body("edit", five, content="at six"))
        ann.model.post(answer_body("removal", never))
        await ann.sees("at six", "edited")
        bob.model.post(answer_body("reply", five, content="I come at five", to="ann"))
        byron = await running_server(tmp_path, "byron", ada.advertised, port)
        await bob.sees("at six", "↳1 edited")
        await bob.once(lambda: bob.row("never mind") is None)
        await ann.sees("at six", "↳1 edited")
    finally:
        for person in (ann, bob):
            await person.model.stop()
        await byron.abort()


async def test_a_thread_is_read_up_to_a_beginning_that_is_further_back_than_what_is_loaded(ada):
    ann = Person(ada)
    await ann.enter("ann")
    ann.model.write("the beginning")
    post = reference_of(await ann.sees("the beginning"))
    assert post is not None
    for number in range(HISTORY + 50):
        ann.model.write(f"line {number}")
        await ann.once(lambda: len(ann.model.feed.pending()) < 50)
    ann.model.post(answer_body("reply", post, content="the end"))
    await ann.sees("the end")
    model = ClientModel(client_factory((ada.advertised,), home=None), target=ada.advertised)
    app = ActivityApp(model, first=SignIn("register", "bob", "pw"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: model.online and any("the end" in line for line in lines_of(app, "#feed")))
        await settled(pilot)
        assert "to an activity that is not shown here" in screen_text(app)
        # Below it stands that from there on all is live.
        await pilot.press("escape", "up", "c")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await until(pilot, lambda: "1 answer in all of the past that is kept here" in screen_text(app))
        assert screen_text(app).index("the beginning") < screen_text(app).index("the end")
        await pilot.press("up", "r")
        await until(pilot, lambda: "Reply to ann" in screen_text(app))
        await type_line(pilot, "I found it")
        reply = await ann.sees("I found it")
        assert ann.model.feed.answers.of(reply).answered == post
        await model.stop()
    await ann.model.stop()
