"""What was said of an activity is asked of the past, in few questions, and no flood hides it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.client import PastPage, PastPlace
from core.client.past_questions import PastEntry
from tests.tui.conversing import edited, liked, named, removed, said
from tests.tui.past_asked import AskedPast
from tui.feed import past_answers
from tui.feed.activities import plain_text
from tui.feed.answer_sentences import beside_spans
from tui.feed.feed_answers import FeedAnswers
from tui.feed.past_answers import PastAnswers, asked_about, past_item

POST = named("bob", "p")


async def looked_up(past: AskedPast, *entries: PastEntry, counts: bool = True) -> FeedAnswers:
    answers = FeedAnswers()
    items = [past_item(one) for one in entries]
    for item in items:
        answers.note(item)
    await PastAnswers(answers, past.find).look(
        [one for item in items for one in asked_about(item, answers)], counts=counts
    )
    return answers


def shown(answers: FeedAnswers, entry: PastEntry) -> tuple[str, str]:
    item = past_item(entry)
    beside = answers.of(item)
    counts = "".join(text for text, _ in beside_spans(beside)).strip()
    return ("(removed)" if beside.removed else plain_text(answers.as_it_is(item).body)), counts


async def test_an_edit_a_removal_and_counts_are_found_in_one_question_for_many():
    past = AskedPast()
    rows = [past.says("bob", f"p{at}", said(f"note {at}")) for at in range(20)]
    past.says("bob", "e", edited(named("bob", "p3"), "changed"))
    past.says("bob", "d", removed(named("bob", "p4")))
    past.says("cyd", "r", said("yes", named("bob", "p5")))
    answers = await looked_up(past, *rows, counts=False)
    assert len(past.asked) == 1
    assert [shown(answers, one) for one in rows[2:6]] == [
        ("note 2", ""),
        ("changed", "edited"),
        ("(removed)", ""),
        ("note 5", "↳1"),
    ]


async def test_what_was_taken_back_or_removed_does_not_count():
    past = AskedPast()
    post = past.says("bob", "p", said("who comes?"))
    past.says("cyd", "l", liked(POST))
    past.says("alice", "m", liked(POST, "🎉"))
    past.says("cyd", "u", {"type": "Undo", "object": named("cyd", "l")})
    past.says("cyd", "r", said("I", POST))
    past.says("alice", "s", said("not I", POST))
    past.says("cyd", "d", removed(named("cyd", "r")))
    assert shown(await looked_up(past, post), post) == ("who comes?", "↳1 🎉1")


async def test_what_an_answer_is_about_is_found_and_is_as_it_is_now():
    past = AskedPast()
    past.says("bob", "p", said("who comes?"))
    past.says("bob", "e", edited(POST, "who comes along?"))
    like = past.says("cyd", "l", liked(POST))
    answers = await looked_up(past, like)
    about = answers.of(past_item(like))
    assert about.answered is None
    item = next(iter(asked_about(past_item(like), FeedAnswers())[1:]))
    found = answers.item(item.reference)
    assert found is not None and plain_text(found.body) == "who comes along?"


@pytest.mark.parametrize("flood", ["likes", "removals by another"])
async def test_a_flood_of_answers_hides_neither_a_removal_nor_what_is_said_of_others(monkeypatch, flood):
    monkeypatch.setattr(past_answers, "PLENTY", 20)
    monkeypatch.setattr(past_answers, "PAGE", 10)
    past = AskedPast()
    post, other = past.says("bob", "p", said("hello")), past.says("bob", "q", said("bye"))
    past.says("bob", "d", removed(POST))
    past.says("bob", "e", edited(named("bob", "q"), "good bye"))
    for _ in range(500):
        past.says("anonymous", "", liked(POST) if flood == "likes" else removed(POST))
    answers = await looked_up(past, post, other)
    assert [shown(answers, one)[0] for one in (post, other)] == ["(removed)", "good bye"]
    assert len(past.asked) < 10


async def test_who_is_answered_at_length_is_asked_about_no_more_before_there_are_so_many(monkeypatch):
    monkeypatch.setattr(past_answers, "PLENTY_BYTES", 4_000)
    monkeypatch.setattr(past_answers, "PAGE", 10)
    past = AskedPast()
    post = past.says("bob", "p", said("hello"))
    past.says("bob", "d", removed(POST))
    for at in range(300):
        past.says("cyd", f"r{at}", said("at length " * 40, POST))
    answers = await looked_up(past, post, counts=False)
    assert shown(answers, post)[0] == "(removed)"
    assert len(past.asked) < 10


async def test_of_many_replies_only_the_latest_are_asked_about_themselves(monkeypatch):
    monkeypatch.setattr(past_answers, "WITHIN_MAX", 5)
    past = AskedPast()
    post = past.says("bob", "p", said("hello"))
    for at in range(60):
        past.says("cyd", f"r{at}", said(f"answer {at}.", POST))
    await looked_up(past, post)
    within = [query for query in past.asked if "type:Undo" in query]
    assert sum(query.count("about:") for query in within) == 5
    assert all(named("cyd", f"r{at}") in " ".join(within) for at in range(55, 60))


async def test_what_is_flooded_is_known_by_its_words_all_the_same(monkeypatch):
    monkeypatch.setattr(past_answers, "PLENTY", 20)
    monkeypatch.setattr(past_answers, "PAGE", 10)
    past = AskedPast()
    past.says("bob", "p", said("hello"))
    likes = [past.says("cyd", f"l{at}", liked(POST)) for at in range(200)]
    answers = await looked_up(past, likes[-1], counts=False)
    (about,) = [one.reference for one in asked_about(past_item(likes[0]), FeedAnswers())[1:]]
    found = answers.item(about)
    assert found is not None and plain_text(found.body) == "hello"


async def test_a_server_without_an_index_is_asked_a_bounded_number_of_times():
    asked = 0

    async def ask(place: PastPlace | None, query: str, most: int) -> PastPage:
        nonlocal asked
        asked += 1
        return PastPage((), True, PastPlace(1_000_000 - asked), None)

    answers = FeedAnswers()
    entry = AskedPast().says("bob", "p", said("hello"))
    await PastAnswers(answers, ask).look(asked_about(past_item(entry), answers))
    assert asked <= past_answers.SCANNED_MAX


async def test_names_as_long_as_can_be_are_asked_about_in_questions_that_are_understood():
    past = AskedPast()
    rows = [past.says("cyd", f"{at}" + "\u00e9" * 63, said(f"reply {at}")) for at in range(9)]
    await looked_up(past, *rows)
    assert len(past.asked) > 1


async def test_what_is_only_looked_up_has_no_line_beside_which_something_could_stand():
    past = AskedPast()
    past.says("bob", "p", said("hello"))
    like = past.says("cyd", "l", liked(POST))
    answers = await looked_up(past, like)
    assert not answers.folds(past_item(past.says("alice", "m", liked(POST))))


WHO = ("bob", "cyd")
REFS = ("p", "q", "r")
words = st.sampled_from(["one", "two", "three"])
posts = st.tuples(st.sampled_from(WHO), st.sampled_from(REFS))
acts = st.one_of(
    st.tuples(st.just("edit"), st.sampled_from(WHO), posts, words),
    st.tuples(st.just("like"), st.sampled_from(WHO), posts, st.sampled_from(["", "🎉"])),
    st.tuples(st.just("reply"), st.sampled_from(WHO), posts, words),
    st.tuples(st.just("remove"), st.sampled_from(WHO), posts, st.just("")),
    st.tuples(st.just("undo"), st.sampled_from(WHO), st.integers(0, 12), st.just("")),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(acts, max_size=12).flatmap(lambda items: st.tuples(st.permutations(items), st.integers(0, 20))))
def test_whatever_came_before_a_look_finds_what_the_whole_past_says(told):
    order, loaded = told
    past = AskedPast()
    for at, (kind, who, about, text) in enumerate(order):
        ref = f"x{at}"
        if kind == "undo":
            past.says(who, ref, {"type": "Undo", "object": named(who, f"x{about}")})
            continue
        name = named(*about)
        past.says(
            who,
            ref,
            {
                "edit": edited(name, text),
                "like": liked(name, text),
                "reply": said(text, name),
                "remove": removed(name),
            }[kind],
        )
    rows = [past.says(who, ref, said(f"{who} says {ref}")) for who in WHO for ref in REFS]
    whole = FeedAnswers()
    for entry in past.entries:
        whole.note(past_item(entry))
    some = FeedAnswers()
    for entry in past.entries[: loaded % (len(past.entries) + 1)]:
        some.note(past_item(entry))

    async def look() -> None:
        await PastAnswers(some, past.find).look([one for entry in rows for one in asked_about(past_item(entry), some)])

    asyncio.run(look())
    assert [shown(some, one) for one in rows] == [shown(whole, one) for one in rows]
