"""What stands beside the activities of a feed, and which of them have no line of their own."""

from __future__ import annotations

import json

from core.answers import PostReference, read_reference
from core.client import PastPage, PastPlace
from core.client.past_questions import PastEntry
from core.query import EVERYTHING, parse
from core.wire.entries import EntryId
from tests.tui.conversing import CLAIMS, body_of, edited, liked, named, removed, said
from tui.feed.activities import plain_text, sentence
from tui.feed.answer_facts import REPLIES_SHOWN, answer_facts
from tui.feed.answer_sentences import answer_spans, answered_spans, beside_spans, quote
from tui.feed.feed import Feed, PastRow
from tui.feed.feed_answers import FOLDED_RUN_MAX, KNOWN_MAX, FeedAnswers
from tui.feed.feed_item import FeedItem
from tui.feed.thread_search import BENEATH_MAX, ThreadSearch
from tui.widgets.opened_threads import OpenedThread

POST = named("bob", "p")


def add(feed: Feed, number: int, who: str, ref: str, activity: dict[str, object]) -> FeedItem:
    return feed.add(
        body_of(who, ref, activity), who, float(number), entry_id=f"bb.1.{number}", stamp=number * 1_000_000
    )


def row(number: int, who: str, ref: str, activity: dict[str, object]) -> PastRow:
    return PastRow(
        body_of(who, ref, activity), who, float(number), False, id=f"bb.1.{number}", stamp=number * 1_000_000
    )


def beside(feed: Feed, item: FeedItem) -> str:
    return "".join(text for text, _ in beside_spans(feed.answers.of(item))).strip()


def test_counts_stand_beside_what_was_answered():
    feed = Feed()
    post = add(feed, 1, "bob", "p", said("who comes along?"))
    add(feed, 2, "cyd", "a", said("I", POST))
    add(feed, 3, "cyd", "b", liked(POST))
    add(feed, 4, "alice", "c", liked(POST, "🎉"))
    add(feed, 5, "anonymous", "", liked(POST))
    add(feed, 6, "bob", "d", edited(POST, "who comes too?"))
    assert beside(feed, post) == "↳1 ♥1 🎉1 edited"
    assert plain_text(feed.answers.as_it_is(post).body) == "who comes too?"


def test_what_only_changes_another_one_has_no_line_of_its_own_if_that_one_is_known():
    feed = Feed()
    known = [add(feed, 1, "bob", "p", said("hello")), add(feed, 2, "cyd", "a", said("yes", POST))]
    folded = [
        add(feed, 3, "cyd", "b", liked(POST)),
        add(feed, 4, "bob", "c", edited(POST, "hello all")),
        add(feed, 5, "cyd", "d", {"type": "Undo", "object": named("cyd", "b")}),
        add(feed, 6, "bob", "e", removed(POST)),
    ]
    shown = [
        add(feed, 7, "cyd", "f", liked(named("cyd", "elsewhere"))),
        add(feed, 8, "cyd", "g", edited(POST, "not cyd's to edit")),
        add(feed, 9, "anonymous", "", liked(POST)),
    ]
    assert [item.folded for item in (*known, *folded, *shown)] == [False] * 2 + [True] * 4 + [False] * 3


def test_what_was_not_known_when_it_came_keeps_its_line():
    feed = Feed()
    add(feed, 5, "cyd", "b", liked(POST))
    feed.prepend([row(1, "bob", "p", said("hello")), row(2, "alice", "c", liked(POST))])
    rows = list(feed.newest_first())[::-1]
    assert [one.folded for one in rows] == [False, True, False]
    assert beside(feed, rows[0]) == "♥2"
    words = answer_spans(rows[2], feed.answers)
    assert words is not None
    assert "".join(text for text, _ in words) == "liked bob “hello”"


def test_a_line_stands_for_a_bounded_number_of_others():
    feed = Feed()
    add(feed, 1, "bob", "p", said("hello"))
    folded = [add(feed, 2 + at, "cyd", f"r{at}", liked(POST)).folded for at in range(3 * FOLDED_RUN_MAX)]
    assert folded.count(False) == 2


def test_nothing_of_what_its_sender_has_removed_is_shown_or_found():
    feed = Feed()
    post = add(feed, 1, "bob", "p", said("the password is tiger"))
    reply = add(feed, 2, "cyd", "a", said("oh no", POST))
    add(feed, 3, "bob", "b", removed(POST))
    now = feed.answers.as_it_is(post)
    assert b"tiger" not in now.body
    assert not feed.is_wanted(post, parse("tiger", now=0.0))
    assert feed.answers.of(post).removed
    assert "".join(text for text, _ in answered_spans(feed.answers.of(reply))) == "↳ bob (removed) "
    add(feed, 4, "cyd", "d", liked(POST))
    assert beside(feed, post) == "↳1"


def test_what_operators_have_removed_is_quoted_and_counted_no_more():
    feed = Feed()
    post = add(feed, 1, "bob", "p", said("hello"))
    reply = add(feed, 2, "cyd", "a", said("something bad", POST))
    under = add(feed, 3, "bob", "c", said("stop that", named("cyd", "a")))
    feed.remove([reply.id or ""], lambda sender: "removed")
    assert beside(feed, post) == ""
    assert feed.answers.of(under).quoted is None


def test_a_number_that_is_not_all_says_so(monkeypatch):
    monkeypatch.setattr("core.answers.answer_set.REACTIONS_MAX", 2)
    monkeypatch.setattr("core.answers.answer_set.REPLIES_MAX", 2)
    feed = Feed()
    post = add(feed, 1, "bob", "p", said("hello"))
    for at, who in enumerate(("alice", "bob", "cyd")):
        add(feed, 2 + at, who, f"l{at}", liked(POST))
        add(feed, 8 + at, who, f"r{at}", said("yes", POST))
    assert beside(feed, post) == "↳2+ ♥2+"


def test_what_operators_have_removed_changes_nothing_of_what_it_was_about():
    feed = Feed()
    post = add(feed, 1, "bob", "p", said("hello"))
    insult = add(feed, 2, "bob", "e", edited(POST, "an insult"))
    nobodys = add(feed, 3, "anonymous", "", said("another one", POST))
    like = add(feed, 4, "cyd", "l", liked(POST))
    assert beside(feed, post) == "↳1 ♥1 edited"
    feed.remove([one.id or "" for one in (insult, nobodys, like)], lambda sender: "removed")
    assert beside(feed, post) == ""
    assert plain_text(feed.answers.as_it_is(post).body) == "hello"


def test_what_a_server_that_is_expelled_has_accepted_is_counted_once_it_is_seen_again():
    feed = Feed()
    post = feed.add(body_of("bob", "p", said("hello")), "bob", 1.0, entry_id="aa.1.1", stamp=1)
    add(feed, 2, "cyd", "a", said("yes", POST))
    add(feed, 3, "cyd", "l", liked(POST))
    feed.hide("bb", 0.0, lambda sender: "hidden")
    assert beside(feed, post) == ""
    feed.show_again("bb")
    assert beside(feed, post) == "↳1 ♥1"


def test_those_who_are_muted_are_neither_counted_nor_quoted():
    feed = Feed()
    post = add(feed, 1, "bob", "p", said("hello"))
    reply = add(feed, 2, "cyd", "a", said("yes", POST))
    under = add(feed, 3, "alice", "b", said("no", named("cyd", "a")))
    add(feed, 4, "cyd", "l", liked(POST))
    assert beside(feed, post) == "↳1 ♥1" and feed.answers.of(under).quoted == reply
    feed.answers.muted = lambda: parse("from:cyd", now=0.0)
    assert beside(feed, post) == "" and feed.answers.of(under).quoted is None
    feed.answers.muted = lambda: EVERYTHING
    assert beside(feed, post) == "↳1 ♥1"


def test_what_calls_itself_another_one_s_work_changes_nothing_and_has_a_line():
    feed = Feed()
    post = add(feed, 1, "bob", "p", said("hello"))
    forged = [
        body_of("bob", "x", edited(POST, "evil")),
        body_of("bob", "y", removed(POST)),
        body_of("bob", "p", said("not bob's")),
    ]
    items = [feed.add(body, "cyd", 2.0, entry_id=f"old.1.{at}", stamp=2_000_000 + at) for at, body in enumerate(forged)]
    assert not any(item.folded for item in items)
    assert beside(feed, post) == "" and not feed.answers.of(post).removed
    assert feed.answers.known([PostReference(CLAIMS["bob"], "p")]) == [post]


def test_a_filter_looks_at_what_was_edited():
    feed = Feed()
    post = add(feed, 1, "bob", "p", said("the old words"))
    add(feed, 2, "bob", "a", edited(POST, "other ones"))
    assert feed.is_wanted(post, parse("other", now=0.0))
    assert not feed.is_wanted(post, parse("old", now=0.0))


def test_markup_in_a_quotation_is_text():
    feed = Feed()
    post = add(feed, 1, "bob", "p", said("two\nlines \x1b[31mred"))
    assert quote(post, 40) == "“two lines ␛[31mred”"


def test_a_reference_says_nothing_to_people():
    body = json.dumps({"type": "Like", "object": POST}).encode()
    assert sentence(body).text == "liked an activity"


def test_no_more_is_kept_than_is_bounded():
    answers = FeedAnswers()
    for number in range(KNOWN_MAX + 50):
        body = body_of("bob", f"r{number}", said("x" * 2_000))
        answers.note(FeedItem(number, body, "bob", 0.0, id=f"bb.1.{number}", stamp=number))
    assert answers.item(read_reference(named("bob", "r0"))) is None  # type: ignore[arg-type]
    assert answers.item(read_reference(named("bob", f"r{KNOWN_MAX + 49}"))) is not None  # type: ignore[arg-type]


class PastAsked:
    """A past that answers what is asked about, two activities a page."""

    def __init__(self, *rows: PastRow) -> None:
        self.rows = rows
        self.asked: list[str] = []

    async def __call__(self, place: PastPlace | None, query: str, most: int) -> PastPage:
        self.asked.append(query)
        wanted = query.replace('about:"', "").replace('"', "").split()
        found = [
            one
            for one in self.rows
            if any(reference.encode() in one.body for reference in wanted)
            and (place is None or (one.stamp or 0) < place.stamp)
        ]
        page = found[-2:]
        entries = tuple(PastEntry(one.body, one.sender, one.id or "", one.stamp or 0) for one in page)
        more = len(found) > len(page)
        reached = PastPlace(entries[0].stamp, EntryId("bb", 1, 1)) if entries else None
        return PastPage(entries, more, reached)


async def test_a_thread_is_looked_for_up_to_its_beginning_and_down_to_its_last_reply():
    rows = [row(1, "bob", "p", said("begin"))]
    rows += [row(2 + at, "cyd", f"a{at}", said(f"reply {at}", POST)) for at in range(5)]
    rows += [row(10, "alice", "u", said("under", named("cyd", "a2"))), row(11, "bob", "l", liked(named("alice", "u")))]
    rows += [row(12, "bob", "e", edited(POST, "begun"))]
    feed = Feed()
    opened = add(feed, 10, "alice", "u", said("under", named("cyd", "a2")))
    search = ThreadSearch(feed.answers, opened, PastAsked(*rows), lambda sender: sender == "alice")
    await search.look()
    assert search.complete
    shown = [(depth, plain_text(item.body) if item else None) for depth, _, item in search.rows()]
    replies: list[tuple[int, str | None]] = []
    for at in range(5):
        replies += [(1, f"reply {at}"), *([(2, "under")] if at == 2 else [])]
    assert shown == [(0, "begun"), *replies]
    assert beside(feed, opened) == "♥1"


async def test_replies_whose_names_are_as_long_as_can_be_are_asked_about_in_questions_that_are_understood():
    rows = [row(1, "bob", "p", said("begin"))]
    rows += [row(2 + at, "cyd", f"{at}" + "\u00e9" * 63, said(f"reply {at}", POST)) for at in range(9)]
    feed = Feed()
    opened = add(feed, 1, "bob", "p", said("begin"))
    asked = PastAsked(*rows)
    search = ThreadSearch(feed.answers, opened, asked, lambda sender: False)
    await search.look()
    assert search.complete and len(search.rows()) == 10
    assert all(parse(query, now=0.0) for query in asked.asked)


async def test_a_thread_that_is_not_found_is_what_is_loaded():
    feed = Feed()
    opened = add(feed, 10, "alice", "u", said("under", named("cyd", "gone")))
    search = ThreadSearch(feed.answers, opened, PastAsked(), lambda sender: False)
    await search.look()
    assert [(depth, item is None) for depth, _, item in search.rows()] == [(0, True), (1, False)]


async def test_a_server_that_is_too_busy_to_look_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr("tui.feed.past_answers.PAUSE", 0)

    async def ask(place: PastPlace | None, query: str, most: int) -> PastPage:
        return PastPage((), True, place)

    feed = Feed()
    opened = add(feed, 1, "bob", "p", said("hello"))
    search = ThreadSearch(feed.answers, opened, ask, lambda sender: False)
    await search.look()
    assert not search.complete


async def test_of_a_flood_of_answers_to_answers_a_thread_shows_as_many_as_are_looked_for_and_says_so():
    feed = Feed()
    opened = add(feed, 1, "bob", "p", said("begin"))
    number = 1
    for at in range(30):
        number += 1
        add(feed, number, "cyd", f"a{at}", said("an answer", POST))
        for under in range(30):
            number += 1
            add(feed, number, "cyd", f"a{at}u{under}", said("to an answer", named("cyd", f"a{at}")))
    search = ThreadSearch(feed.answers, opened, PastAsked(), lambda sender: False, beneath=True)
    thread = OpenedThread(opened, search)
    await search.look()
    thread.looking = False
    thread.gather(lambda item: False)
    assert thread.answers == BENEATH_MAX
    while thread.has_more:
        thread.show_more()
        thread.gather(lambda item: False)
    assert "more than are shown" in thread.rows[-1].words


def test_who_edits_what_is_their_own_is_named_once():
    feed = Feed()
    add(feed, 1, "bob", "p", said("hello"))
    own, other = (add(feed, 2 + at, who, "e", edited(POST, "hello all")) for at, who in enumerate(("bob", "cyd")))
    words = ["".join(text for text, _ in answer_spans(one, feed.answers) or ()) for one in (own, other)]
    assert words[0].startswith("edited what they wrote") and words[1].startswith("edited what bob wrote")


def test_of_many_replies_the_inspector_quotes_the_latest():
    feed = Feed()
    post = add(feed, 1, "bob", "p", said("who comes along?"))
    for at in range(REPLIES_SHOWN + 5):
        add(feed, 2 + at, "cyd", f"r{at}", said(f"answer {at}.", POST))
    quoted = [text for label, text in answer_facts(post, feed.answers, None) if not label]
    assert len(quoted) == REPLIES_SHOWN
    assert "answer 5." in quoted[0] and f"answer {REPLIES_SHOWN + 4}." in quoted[-1]
