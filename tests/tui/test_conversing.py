"""Answering the selected activity: by keys, with the reason where one cannot, and with one's place kept."""

from __future__ import annotations

import pytest

from tests.tui.conversing import edited, liked, named, removed, said
from tests.tui.driving import lines_of, screen_text, settled, type_line, until
from tests.tui.fakes import World
from tests.tui.reader import Reader
from tui.application.app import ActivityApp
from tui.model.network_faces import SignIn
from tui.screens.asking import ConfirmScreen
from tui.screens.conversing import ChooseReactionScreen
from tui.screens.reading import InspectorScreen
from tui.screens.reading_thread import ThreadScreen

POST = named("bob", "p")


async def test_r_answers_the_selected_activity_in_words(reader):
    reader.says("bob", "p", said("who comes along?"))
    await reader.select("who comes")
    await reader.press("r")
    assert "↳ Reply to bob (Esc: no reply) “who comes along?”" in screen_text(reader.app)
    assert "Write your reply" in screen_text(reader.app)
    await type_line(reader.pilot, "I do")
    posted = reader.posted
    assert (posted["type"], posted["object"]["inReplyTo"], posted["object"]["content"]) == ("Create", POST, "I do")
    assert posted["object"]["to"] == ["bob"]
    assert "Reply to bob" not in screen_text(reader.app)
    await settled(reader.pilot)
    assert "↳ bob “who comes along?” I do  sending…" in "\n".join(lines_of(reader.app, "#feed"))
    reader.says.deliver("ref-0")
    await settled(reader.pilot)
    shown = lines_of(reader.app, "#feed")
    assert shown[0].endswith("who comes along?  ▸↳1")
    assert shown[1].endswith("↳ bob “who comes along?” I do")


async def test_escape_leaves_the_reply_and_keeps_what_was_written(reader):
    reader.says("bob", "p", said("hello"))
    await reader.select("hello")
    await reader.press("r", *"hm")
    await reader.press("escape")
    assert "Reply to bob" not in screen_text(reader.app)
    assert reader.app.main.composer.value == "hm"
    assert reader.app.focused is reader.app.main.composer
    await reader.press("enter")
    assert "inReplyTo" not in reader.posted["object"]


async def test_f_likes_and_takes_the_like_back(reader):
    reader.says("bob", "p", said("hello"))
    await reader.select("hello")
    await reader.press("f")
    assert reader.posted["type"] == "Like"
    assert reader.posted["object"] == POST
    assert lines_of(reader.app, "#feed")[0].endswith("hello  sending…")
    await reader.press("f")
    assert "still on its way" in reader.told
    reader.says.deliver("ref-0")
    await settled(reader.pilot)
    assert lines_of(reader.app, "#feed")[0].endswith("hello  ♥1")
    assert len([line for line in lines_of(reader.app, "#feed") if line]) == 1
    await reader.press("f")
    assert reader.posted["type"] == "Undo"
    assert reader.posted["object"] == named("alice", "ref-0")
    reader.says.deliver("ref-1")
    await settled(reader.pilot)
    assert lines_of(reader.app, "#feed")[0].endswith("hello")


async def test_a_like_that_no_server_takes_is_told_in_a_line(reader):
    reader.says("bob", "p", said("hello"))
    await reader.select("hello")
    await reader.press("f")
    reader.world.model.refused("ref-0", "no room")
    await settled(reader.pilot)
    shown = lines_of(reader.app, "#feed")
    assert shown[0].endswith("hello")
    assert "liked bob “hello”  ✗ refused: no room" in shown[1]


async def test_plus_chooses_how_to_react_and_shows_how_one_does(reader):
    reader.says("bob", "p", said("hello"))
    reader.says("alice", "x", liked(POST, "🎉"))
    await reader.select("hello")
    await reader.press("plus")
    assert isinstance(reader.app.screen, ChooseReactionScreen)
    assert "🎉  hooray  (yours now: takes it back)" in screen_text(reader.app)
    await reader.press("up", "enter")
    assert reader.posted["content"] == "😀"
    await reader.press("plus", "escape")
    assert len(reader.world.client.posted) == 1


async def test_e_edits_ones_own_and_escape_leaves_it(reader):
    reader.says("alice", "m", said("helo"))
    await reader.select("helo")
    reader.app.main.composer.value = "a draft"
    await reader.press("e")
    assert reader.app.main.composer.value == "helo"
    assert "Editing (Esc: leave it as it is) “helo”" in screen_text(reader.app)
    await reader.press("escape")
    assert reader.app.main.composer.value == "a draft"
    await reader.select("helo")
    await reader.press("e")
    await type_line(reader.pilot, "hello")
    posted = reader.posted
    assert (posted["type"], posted["object"]["id"], posted["object"]["content"]) == (
        "Update",
        named("alice", "m"),
        "hello",
    )
    assert reader.app.main.composer.value == "a draft"
    reader.says.deliver("ref-0")
    await settled(reader.pilot)
    assert lines_of(reader.app, "#feed")[0].endswith("hello  edited")


async def test_removing_ones_own_asks_first_and_the_safe_answer_has_the_focus(reader):
    reader.says("alice", "m", said("never mind"))
    await reader.select("never mind")
    await reader.press("D")
    screen = reader.app.screen
    assert isinstance(screen, ConfirmScreen)
    assert screen.focused is not None
    assert screen.focused.id == "no"
    screen.dismiss(True)
    await settled(reader.pilot)
    assert reader.posted["type"] == "Delete"
    assert reader.posted["object"] == named("alice", "m")
    reader.says.deliver("ref-0")
    await settled(reader.pilot)
    assert lines_of(reader.app, "#feed")[0].endswith("removed by you")
    await reader.press("r")
    assert "was removed" in reader.told


@pytest.mark.parametrize("key", ["e", "D"])
async def test_only_who_wrote_it_edits_and_removes(reader, key):
    reader.says("bob", "p", said("hello"))
    await reader.select("hello")
    await reader.press(key)
    assert f"Only who wrote it can {'edit' if key == 'e' else 'remove'} it." in reader.told
    assert reader.world.client.posted == []


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("f", "anonymous people cannot react"),
        ("plus", "anonymous people cannot react"),
        ("e", "What anonymous people write is nobody's"),
        ("D", "What anonymous people write is nobody's"),
    ],
)
async def test_anonymous_people_reply_and_are_told_why_they_cannot_do_more(key, why):
    world = World()
    async with world.app(first=SignIn("anonymous")).run_test(size=(100, 30)) as pilot:
        app = pilot.app
        assert isinstance(app, ActivityApp)
        await until(pilot, lambda: app.model.online)
        reader = Reader(pilot, app, world)
        world.model.claim = None
        reader.says("bob", "p", said("hello"))
        reader.says("anonymous", "", said("who am I"))
        await reader.select("hello" if key in ("f", "plus") else "who am I")
        await reader.press(key)
        assert why in reader.told
        await reader.select("hello")
        await reader.press("r")
        await type_line(pilot, "hi")
        assert reader.posted["object"]["inReplyTo"] == POST


async def test_what_no_server_has_taken_yet_cannot_be_answered(reader):
    await type_line(reader.pilot, "hello")
    await reader.select("hello")
    for key in ("r", "f", "e", "D"):
        await reader.press(key)
        assert "No server has taken that line yet" in reader.told
        reader.app._notifications.clear()
    assert len(reader.world.client.posted) == 1


async def test_who_answers_something_of_long_ago_goes_on_reading_there(reader):
    for number in range(100):
        reader.says("bob", f"p{number}", said(f"line {number}."))
    await reader.select("line 20.")
    before = lines_of(reader.app, "#feed")
    await reader.press("r")
    await type_line(reader.pilot, "late")
    await settled(reader.pilot)
    assert "Sent your reply." in reader.told
    assert lines_of(reader.app, "#feed")[1:10] == before[1:10]


async def test_answers_that_come_move_nothing_that_is_read(reader):
    for number in range(60):
        reader.says("bob", f"p{number}", said(f"line {number}."))
    await reader.select("line 30.")
    top = lines_of(reader.app, "#feed")[0]
    for number in range(15, 45):
        reader.says("cyd", f"l{number}", liked(named("bob", f"p{number}")))
        reader.says("bob", f"e{number}", edited(named("bob", f"p{number}"), f"line {number}, and more of it " * 8))
    await settled(reader.pilot)
    assert lines_of(reader.app, "#feed")[0].split()[:3] == top.split()[:3]
    assert reader.app.main.feed.unseen == 0


async def test_c_reads_the_thread_and_what_is_done_there_is_done_to_its_activities(reader):
    reader.says("bob", "p", said("who comes along?"))
    reader.says("cyd", "a", said("I", POST))
    reader.says("alice", "b", said("I, too", POST))
    reader.says("bob", "c", said("good", named("cyd", "a")))
    await reader.select("good")
    await reader.press("c")
    assert isinstance(reader.app.screen, ThreadScreen)
    shown = screen_text(reader.app)
    places = [shown.index(words) for words in ("who comes along?", "↳ cyd", "↳ bob", "↳ alice")]
    assert places == sorted(places)
    await until(reader.pilot, lambda: "3 answers in what was looked at" in screen_text(reader.app))
    await reader.press("f")
    assert reader.posted["object"] == named("bob", "c")
    reader.says.deliver("ref-0")
    await until(reader.pilot, lambda: "good  ♥1" in screen_text(reader.app))
    await reader.press("enter")
    assert isinstance(reader.app.screen, InspectorScreen)
    await reader.press("escape", "up", "r")
    assert "Reply to cyd" in screen_text(reader.app)


async def test_a_thread_closes_to_where_one_was(reader):
    reader.says("bob", "p", said("hello"))
    await reader.select("hello")
    before = screen_text(reader.app)
    await reader.press("c", "escape")
    assert screen_text(reader.app) == before


async def test_the_inspector_tells_what_was_said_first_and_who_answers(reader):
    reader.says("bob", "p", said("five"))
    reader.says("bob", "e", edited(POST, "six"))
    reader.says("cyd", "a", said("late", POST))
    reader.says("cyd", "l", liked(POST))
    await reader.select("six")
    await reader.press("enter")
    shown = screen_text(reader.app)
    for words in (f"reference {POST}", "at first  five", "12:02:00: six", "1 answer that came here: cyd", "♥ cyd"):
        assert words in shown
    await reader.press("escape")
    reader.says("bob", "d", removed(POST))
    await settled(reader.pilot)
    await reader.press("enter")
    shown = screen_text(reader.app)
    assert "removed   by its sender" in shown
    assert "five" not in shown
    assert "six" not in shown


async def test_what_names_an_activity_is_copied_by_an_action_of_the_palette(reader):
    reader.says("bob", "p", said("hello"))
    await reader.select("hello")
    await reader.app.main.run_action("copy_reference")
    assert reader.app.clipboard == POST


async def test_a_like_is_no_unread_activity(reader):
    reader.says("bob", "p", said("hello"))
    await settled(reader.pilot)
    reader.app.app_focus = False
    await settled(reader.pilot)
    reader.says("cyd", "l", liked(POST))
    reader.says("cyd", "a", said("hi", POST))
    await settled(reader.pilot)
    assert reader.world.model.concerns.unread == 1


async def test_nothing_is_done_to_what_nobody_sees(reader):
    reader.says("bob", "p", said("hello"))
    await reader.select("hello")
    assert "r Reply" in screen_text(reader.app)
    await reader.press("f4")
    assert "r Reply" not in screen_text(reader.app)
    await reader.press("f", "r")
    assert reader.world.client.posted == []
    assert reader.app.main.answering is None
    assert "Go to the feed first" in reader.told
