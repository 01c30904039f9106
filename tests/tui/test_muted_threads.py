"""A muted thread is folded, and nobody is told of it, but for what names them; it is muted wherever they come back."""

from __future__ import annotations

import msgspec

from core.answers import read_reference
from core.client import NotConnected
from tests.tui.conversing import Conversation, body_of, named, said
from tests.tui.driving import lines_of, ready, screen_text, settled, type_line, until
from tests.tui.reader import Reader
from tests.tui.test_threads_in_feed import with_thread_in_past
from tui.feed.feed_answers import FeedAnswers
from tui.feed.feed_item import FeedItem
from tui.model.concerns import Concerns
from tui.model.muted_threads import MutedThreads
from tui.model.personal import BYTES_MAX, MARK_BYTES_MAX, THREADS_MAX, Personal, View, encode

POST = named("bob", "p")


def rows(reader: Reader) -> list[str]:
    return [line[10:].rstrip() for line in lines_of(reader.app, "#feed") if line.strip()]


def a_thread(says: Conversation) -> None:
    says("bob", "p", said("who comes along?"))
    says("cyd", "a", said("I do", POST))
    says("dan", "x", said("something else"))
    says("bob", "c", said("good", named("cyd", "a")))


async def test_a_key_mutes_the_thread_of_the_selected_activity_and_takes_it_back(reader):
    a_thread(reader.says)
    await reader.select("good")
    before = rows(reader)
    await reader.press("T")
    assert "but for what names you (@alice)" in reader.told
    folded = [row for row in rows(reader) if "hidden" in row]
    assert folded == ["▸ 2 hidden: muted thread of bob; Enter shows", "▸ 1 hidden: muted thread of bob; Enter shows"]
    assert [row for row in rows(reader) if "something else" in row]
    await reader.press("T")
    assert "not muted any more" in reader.told
    assert rows(reader) == before


async def test_who_mutes_a_thread_from_inside_it_is_at_the_line_that_it_is_folded_into(reader):
    a_thread(reader.says)
    await reader.select("who comes")
    await reader.press("C", "down", "down", "T")
    (selected,) = [line for line in lines_of(reader.app, "#feed") if line.startswith("▌")]
    assert "2 hidden: muted thread of bob" in selected
    await reader.press("T")
    (selected,) = [line for line in lines_of(reader.app, "#feed") if line.startswith("▌")]
    assert "who comes along?" in selected or "good" in selected


async def test_nobody_is_told_of_what_comes_to_a_muted_thread_but_of_what_names_them(reader):
    a_thread(reader.says)
    await reader.select("who comes")
    await reader.press("T")
    reader.app.app_focus = False
    await settled(reader.pilot)
    reader.says("cyd", "d", said("by train", POST))
    reader.says("cyd", "e", said("or by bus?", named("cyd", "d")))
    await settled(reader.pilot)
    assert reader.world.model.concerns.unread == 0
    assert reader.world.model.others_live == 4
    reader.says("cyd", "f", said("@alice, do you know?", named("cyd", "e")))
    await settled(reader.pilot)
    assert reader.world.model.concerns.unread_mentions == 1
    assert "@alice, do you know?" in screen_text(reader.app)
    assert "by train" not in screen_text(reader.app)


async def test_a_thread_is_muted_where_it_is_read_as_a_whole_too(reader):
    a_thread(reader.says)
    await reader.select("who comes")
    await reader.press("c", "T")
    assert "This thread is muted" in reader.told
    assert reader.world.model.concerns.threads == (POST,)
    await reader.press("escape")
    assert "2 hidden: muted thread of bob" in screen_text(reader.app)


async def test_who_mutes_a_thread_of_their_own_hears_of_it_only_where_they_are_named(reader):
    reader.says("alice", "mine", said("who comes along?"), own_ref="mine")
    await reader.select("who comes along?")
    await reader.press("T")
    answer = said("I do", named("alice", "mine"))
    answer["object"]["to"] = ["alice"]
    reader.says("cyd", "a", answer)
    await settled(reader.pilot)
    assert "1 hidden: muted your thread" in screen_text(reader.app)
    assert "who comes along?" in screen_text(reader.app)
    assert reader.world.model.mentions == 0


async def test_what_was_muted_is_told_with_the_people_and_tags(reader):
    a_thread(reader.says)
    await type_line(reader.pilot, "/mute dan")
    await reader.select("who comes")
    await reader.press("T")
    await type_line(reader.pilot, "/mute")
    assert "Muted: dan, 1 thread (T on one of its activities takes it back)" in reader.told


async def test_a_thread_of_which_nobody_knows_the_name_is_not_muted(reader):
    await type_line(reader.pilot, "on its way")
    await reader.press("escape", "T")
    assert "No server has said yet" in reader.told
    assert reader.world.model.concerns.threads == ()


def shared(concerns: Concerns) -> list[bytes]:
    documents: list[bytes] = []
    concerns.share = documents.append
    concerns.begin("net/alice")
    concerns.told(None)
    return documents


def test_muted_threads_are_in_the_document_of_the_account_and_so_everywhere():
    here, elsewhere = Concerns(), Concerns()
    documents = shared(here)
    here.mute_thread(POST)
    here.keep()
    elsewhere.begin("net/alice")
    elsewhere.told(documents[-1])
    assert elsewhere.threads == (POST,)
    elsewhere.unmute_thread(POST)
    elsewhere.share = documents.append
    elsewhere.keep()
    here.told(documents[-1])
    assert here.threads == ()


def test_what_was_muted_while_away_is_not_lost_to_what_a_server_tells():
    concerns = Concerns()
    documents = shared(concerns)
    concerns.mute("bob")
    concerns.keep()
    concerns.saved(documents[-1])
    concerns.mute_thread(POST)
    concerns.told(documents[-1])
    assert (concerns.mutes, concerns.threads) == (("bob",), (POST,))


def test_the_latest_threads_are_muted_and_those_of_long_ago_heard_again():
    concerns = Concerns()
    concerns.begin("net/alice")
    heard_again = [concerns.mute_thread(named("bob", f"p{number}")) for number in range(THREADS_MAX + 1)]
    assert heard_again == [0] * THREADS_MAX + [1]
    assert concerns.threads[0] == named("bob", "p1")
    assert len(concerns.threads) == THREADS_MAX


def test_however_long_its_references_are_a_document_keeps_to_its_bound():
    concerns = Concerns()
    concerns.begin("net/alice")
    for number in range(12):
        concerns.keep_view(View(f"{number:060}", "x" * 120))
    long = [named("bob", f"{number:0450}") for number in range(6)]
    assert all(read_reference(one) is not None for one in long)
    for one in long:
        concerns.mute_thread(one)
    assert concerns.threads
    assert concerns.threads[-1] == long[-1]
    kept = Personal(None, concerns.mutes, concerns.views, concerns.threads)
    assert len(encode(kept)) <= BYTES_MAX - MARK_BYTES_MAX


def test_a_document_of_before_there_were_muted_threads_is_read():
    concerns = Concerns()
    concerns.begin("net/alice")
    concerns.told(msgspec.json.encode({"mutes": ["bob"]}))
    assert (concerns.mutes, concerns.threads) == (("bob",), ())


async def test_an_answer_to_what_is_not_loaded_is_known_to_be_of_a_muted_thread():
    world, past = with_thread_in_past(3)
    past.indexed = True
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        world.model.concerns.mute_thread(POST)
        await settled(pilot)
        thread = read_reference(POST)
        assert thread is not None
        await until(pilot, lambda: len(world.model.feed.answers.table.thread(thread)) == 5)
        says = Conversation(world)
        says("dan", "z", said("I disagree", named("cyd", "a1")))
        await settled(pilot)
        assert "1 hidden: muted" in screen_text(app)
        assert world.model.others_live == 0


async def test_a_server_without_an_index_is_not_asked_for_all_of_a_muted_thread():
    world, past = with_thread_in_past(300)
    async with world.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.model.concerns.mute_thread(POST)
        await settled(pilot)
        await until(pilot, lambda: past.searched > 0)
        await settled(pilot)
        assert past.searched == 1


async def test_each_muted_thread_is_learned_of_though_the_past_could_not_be_asked_at_first():
    world, past = with_thread_in_past(3)
    past.indexed = True
    past.failure_of_search = NotConnected("not now")
    threads = (POST, named("cyd", "other"))
    async with world.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for one in threads:
            world.model.concerns.mute_thread(one)
        await settled(pilot)
        await until(pilot, lambda: past.searched > 0)
        past.failure_of_search = None
        past.queries.clear()

        def is_asked_about(one: str) -> bool:
            return any(one in query for query in past.queries)

        await settled(pilot)
        await until(pilot, lambda: any(map(is_asked_about, threads)))
        await settled(pilot)
        await until(pilot, lambda: all(map(is_asked_about, threads)), 5)


def test_an_answer_of_which_the_table_knows_nothing_is_of_the_thread_that_it_names():
    muted = MutedThreads(FeedAnswers(), lambda: (POST,), lambda: "alice")
    own, other = (
        FeedItem(0, body_of("cyd", "a", said("I do", about)), "cyd", 1.0, id="bb.1.1", stamp=1_000_000)
        for about in (POST, named("bob", "q"))
    )
    assert (muted.of(own), muted.of(other)) == (POST, "")
