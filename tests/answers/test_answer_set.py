"""The fold of answers: no order of coming changes what comes of them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answers import Answer, AnswerSet, AnswerTable, PostReference, entry_reference
from core.answers import answer_set as bounds

CLAIMS = ("ann", "bob", "cyd")
POST = PostReference("ann", "p")

posts = st.builds(PostReference, st.sampled_from(CLAIMS), st.sampled_from(["p", "q", "r", "s"]))
entries = st.sampled_from(["n.1.1", "n.1.2", "m.1.1"])
OWN = {
    "n.1.1": PostReference("ann", "p"),
    "n.1.2": PostReference("bob", "q"),
    "n.1.3": PostReference("ann", "r"),
    "m.1.1": PostReference("ann", "p"),
    "m.1.2": PostReference("cyd", "s"),
    "m.1.3": None,
    "": None,
}
"""What each entry says that it is, two of them the same."""
answers = st.builds(
    lambda entry, **rest: Answer(entry=entry, own=OWN[entry], **rest),
    kind=st.sampled_from(["reply", "reaction", "undo", "edit", "removal"]),
    about=posts | entries.map(entry_reference),
    stamp=st.integers(0, 3),
    entry=st.sampled_from(list(OWN)),
    sender=st.sampled_from(["ann", "bob", "anonymous"]),
    said=st.sampled_from(["", "♥", "🎉"]),
)
about_one = st.lists(answers.map(lambda answer: answer._replace(about=POST)), max_size=12)


def folded(items: Iterable[Answer]) -> AnswerSet:
    found = AnswerSet()
    for item in items:
        found.take(item)
    return found


def joined(*parts: AnswerSet) -> AnswerSet:
    found = AnswerSet()
    for part in parts:
        found.join(part)
    return found


@pytest.fixture(params=["with room", "without room"], autouse=True, scope="module")
def room(request):
    """As it is, and where nearly nothing is kept."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "without room":
            for name in ("REPLIES_MAX", "REACTIONS_MAX", "NAMESAKES_MAX", "EDITS_MAX"):
                patch.setattr(bounds, name, 2)
        yield


@given(about_one.flatmap(lambda items: st.tuples(st.just(items), st.permutations(items))))
def test_no_order_of_coming_changes_what_comes_of_answers(orders):
    one, other = orders
    assert folded(one) == folded(other)


def test_edits_that_one_server_has_accepted_stay_in_that_order_whatever_the_stamps_say(room):
    """Somebody was told of the first one by a server whose clock is a day ahead."""
    edits = [
        Answer("edit", POST, PostReference("ann", f"e{number}"), stamp, f"n.1.{number}", "ann", f"version {number}")
        for number, stamp in ((9, 86_417), (10, 40))
    ]
    for order in (edits, edits[::-1]):
        assert [one.said for one in folded(order).versions("ann")] == ["version 9", "version 10"]
    assert folded([edits[1]]).versions("ann")[-1].said == "version 10"


@given(about_one)
def test_what_comes_twice_changes_nothing(items):
    found = folded(items)
    assert not any(found.take(item) for item in items)
    assert found == folded(items)


@given(about_one, about_one, about_one)
def test_joining_is_commutative_associative_and_idempotent(a, b, c):
    one, two, three = folded(a), folded(b), folded(c)
    assert joined(one, two) == joined(two, one) == folded([*a, *b])
    assert joined(joined(one, two), three) == joined(one, joined(two, three))
    assert joined(one, one) == one


@given(about_one)
def test_an_answer_says_that_it_changed_something_where_it_did(items):
    found = AnswerSet()
    for item in items:
        before = joined(found)
        assert found.take(item) == (found != before)


@given(
    st.lists(answers, max_size=12).flatmap(lambda items: st.tuples(st.just(items), st.permutations(items))),
    st.sets(st.sampled_from([entry for entry, own in OWN.items() if own is not None])),
)
def test_no_order_of_coming_and_of_learning_names_changes_what_a_table_says(orders, known):
    one, other = orders
    names = [(entry, own) for entry in known if (own := OWN[entry]) is not None]
    first, second = AnswerTable(), AnswerTable()
    for entry, own in names:
        first.know(entry, own)
    for item in one:
        first.take(item)
    for item in other:
        second.take(item)
    for entry, own in names:
        second.know(entry, own)
    for reference in {item.about for item in one}:
        assert first.of(reference) == second.of(reference)
        assert first.reactions(reference) == second.reactions(reference)
        assert first.replies(reference) == second.replies(reference)


@given(st.lists(answers, max_size=20))
def test_threads_end_whatever_replies_to_what(items):
    table = AnswerTable()
    for item in items:
        table.take(item._replace(kind="reply"))
    for item in items:
        beginning = table.beginning(item.about)
        thread = table.thread(beginning)
        assert thread[0] == (0, beginning)
        assert len(thread) == len({reference for _, reference in thread})


@given(st.lists(answers, max_size=30))
def test_a_table_keeps_no_more_than_its_bounds(items):
    table = AnswerTable(activities_max=2, items_max=3, characters_max=2)
    for item in items:
        table.take(item)
        assert len(table) <= 2
        sizes = [table.of(one.about).size for one in {table.name(one.about): one for one in items}.values()]
        # One activity's answers are kept whole, and nothing else then.
        for kind, most in ((0, 3), (1, 2)):
            assert sum(size[kind] for size in sizes) <= most or sum(size[kind] > 0 for size in sizes) == 1
