"""What people see of answers: the last edit, who reacts how, and threads."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from core.answers import AnswerKind, AnswerTable, PostReference, Reference, answer_body, entry_reference, read_answer
from core.answers.answer_set import NAMESAKES_MAX
from core.answers.fair_level import fair_level

ANN, BOB = "ann1.1.1", "bob1.1.1"
POST = PostReference(ANN, "p")


class Told:
    """A table that is told what people do, each at the next moment."""

    def __init__(self) -> None:
        self.table = AnswerTable()
        self.at = 0

    def __call__(self, claim: str, kind: AnswerKind, about: Reference | None, content: str = "") -> PostReference:
        self.at += 1
        assert about is not None
        own = PostReference(claim, f"r{self.at}")
        body = json.dumps(answer_body(kind, about, content=content, own=own)).encode()
        answer = read_answer(body, stamp=self.at, entry=f"n.1.{self.at}", sender=claim[:3])
        assert answer is not None
        self.table.take(answer)
        return own


def test_a_like_is_taken_back_and_given_again():
    told = Told()
    like = told(BOB, "reaction", POST)
    assert [(one.symbol, one.senders) for one in told.table.reactions(POST)] == [("♥", ("bob",))]
    told(BOB, "undo", like)
    assert told.table.reactions(POST) == []
    told(BOB, "reaction", POST, "🎉")
    assert [one.symbol for one in told.table.reactions(POST)] == ["🎉"]
    assert [one.symbol for one in told.table.of(POST).reactions] == ["🎉"]


def test_somebody_has_one_reaction_the_last():
    told = Told()
    for symbol in ("", "🎉", "👀"):
        told(BOB, "reaction", POST, symbol)
    told(ANN, "reaction", POST)
    assert [(one.symbol, one.senders) for one in told.table.reactions(POST)] == [("👀", ("bob",)), ("♥", ("ann",))]


def test_nobody_takes_back_what_another_one_likes():
    told = Told()
    like = told(BOB, "reaction", POST)
    told(ANN, "undo", like)
    assert len(told.table.reactions(POST)) == 1


def test_the_last_edit_counts_and_a_removal_beats_all():
    told = Told()
    told(ANN, "edit", POST, "second")
    told(ANN, "edit", POST, "third")
    told(BOB, "edit", POST, "evil")
    versions = told.table.versions(POST, "ann")
    assert [json.loads(one.said)["content"] for one in versions] == ["second", "third"]
    assert told.table.removed_at(POST, "ann") is None
    told(ANN, "removal", POST)
    told(ANN, "edit", POST, "fourth")
    assert told.table.removed_at(POST, "ann") == 4


def say(
    table: AnswerTable, kind: AnswerKind, about: Reference, own: PostReference, sender: str, at: int, said: str = ""
) -> None:
    """Somebody says something of an activity, at a server that takes whatever it is called for granted."""
    body = json.dumps(answer_body(kind, about, content=said, own=own)).encode()
    answer = read_answer(body, stamp=at, entry=f"old.1.{at}", sender=sender)
    assert answer is not None
    table.take(answer)


def test_who_has_another_name_changes_nothing_by_calling_themselves_what_an_account_is_called():
    table = AnswerTable()
    kinds: list[AnswerKind] = ["edit", "removal", "undo"]
    for at, kind in enumerate(kinds, 1):
        say(table, kind, POST, PostReference(ANN, f"forged-{at}"), "eve", at, "evil")
    assert table.versions(POST, "ann") == []
    assert table.removed_at(POST, "ann") is None
    like = PostReference(BOB, "like")
    say(table, "reaction", POST, like, "bob", 4)
    say(table, "undo", like, PostReference(BOB, "forged-4"), "eve", 5)
    assert [one.senders for one in table.reactions(POST)] == [("bob",)]
    reply = PostReference(BOB, "reply")
    say(table, "reply", POST, reply, "bob", 6)
    say(table, "removal", reply, PostReference(BOB, "forged-5"), "eve", 7)
    assert len(table.replies(POST)) == 1


def test_who_has_another_name_since_a_conflict_still_edits_and_removes():
    table = AnswerTable()
    say(table, "edit", POST, PostReference(ANN, "e"), "ann~abcdef", 1, "new")
    say(table, "removal", POST, PostReference(ANN, "r"), "ann~abcdef", 2)
    assert len(table.versions(POST, "ann")) == 1
    assert table.removed_at(POST, "ann") == table.removed_at(POST, "ann~abcdef") == 2


def test_what_operators_hide_counts_no_more_until_it_is_seen_again():
    table = AnswerTable()
    say(table, "edit", POST, PostReference(ANN, "e"), "ann", 1, "insult")
    say(table, "reaction", POST, PostReference(BOB, "l"), "bob", 2)
    say(table, "reply", POST, PostReference(BOB, "r"), "bob", 3)
    table.hide(["old.1.1", "old.1.2", "old.1.3"])
    assert (table.versions(POST, "ann"), table.reactions(POST), table.replies(POST)) == ([], [], [])
    table.show(["old.1.1", "old.1.2", "old.1.3"])
    assert (len(table.versions(POST, "ann")), len(table.reactions(POST)), len(table.replies(POST))) == (1, 1, 1)


def test_who_edits_at_length_again_and_again_has_nothing_else_forgotten():
    table = AnswerTable(characters_max=1_000)
    say(table, "removal", POST, PostReference(ANN, "r"), "ann", 1)
    for at in range(2, 30):
        say(table, "edit", PostReference("eve", f"p{at}"), PostReference("eve", f"e{at}"), "eve", at, "x" * 400)
    assert table.removed_at(POST, "ann") == 1
    assert len(table.versions(PostReference("eve", "p29"), "eve")) == 1


def test_a_removed_reply_is_none_any_more():
    told = Told()
    reply = told(BOB, "reply", POST)
    assert [one.own for one in told.table.replies(POST)] == [reply]
    told(BOB, "removal", reply)
    assert told.table.replies(POST) == []
    assert [reference for _, reference in told.table.thread(POST)] == [POST, reply]


def test_both_entries_of_an_activity_lead_to_its_one_name():
    told = Told()
    told(BOB, "reply", entry_reference("n.1.100"))
    told(BOB, "reply", entry_reference("m.1.100"))
    told.table.know("n.1.100", POST)
    told.table.know("m.1.100", POST)
    told(BOB, "reply", POST)
    told(BOB, "reply", entry_reference("m.1.100"))
    assert len(told.table.replies(POST)) == 4
    assert len(told.table) == 1


def test_two_copies_of_a_reply_are_one():
    told = Told()
    body = json.dumps(answer_body("reply", POST, own=PostReference(BOB, "x"))).encode()
    for at, entry in ((5, "n.1.50"), (6, "m.1.60")):
        answer = read_answer(body, stamp=at, entry=entry, sender="bob")
        assert answer is not None
        told.table.take(answer)
    (reply,) = told.table.replies(POST)
    assert reply.stamp == 5


def test_a_thread_has_replies_under_what_they_answer():
    told = Told()
    first = told(BOB, "reply", POST)
    second = told(ANN, "reply", POST)
    under = told(ANN, "reply", first)
    assert told.table.thread(POST) == [(0, POST), (1, first), (2, under), (1, second)]
    assert list(told.table.above(under)) == [first, POST]
    assert told.table.beginning(under) == POST


def test_replies_in_a_circle_are_a_thread_of_their_own():
    told = Told()
    one, other = PostReference(ANN, "a"), PostReference(BOB, "b")
    for own, about in ((one, other), (other, one)):
        body = json.dumps(answer_body("reply", about, own=own)).encode()
        answer = read_answer(body, stamp=1, entry="", sender="x")
        assert answer is not None
        told.table.take(answer)
    assert told.table.beginning(one) == told.table.beginning(other) == one
    assert told.table.thread(one) == [(0, one), (1, other)]


def test_who_likes_as_somebody_else_at_a_server_that_does_not_look_changes_nothing_of_theirs():
    table = AnswerTable()
    say(table, "reaction", POST, PostReference(BOB, "l"), "bob", 1, "🎉")
    say(table, "reaction", POST, PostReference(BOB, "forged"), "eve", 2)
    assert [(one.symbol, one.senders) for one in table.reactions(POST)] == [("🎉", ("bob",)), ("♥", ("eve",))]
    found = table.reaction(POST, BOB, "bob")
    assert found is not None and found.symbol == "🎉"


def test_who_likes_under_a_hundred_claims_is_one_who_likes():
    table = AnswerTable()
    for at in range(100, 200):
        say(table, "reaction", POST, PostReference(f"made.1.{at}", "l"), "eve", at)
    say(table, "reaction", POST, PostReference(BOB, "l"), "bob", 300)
    assert [one.senders for one in table.reactions(POST)] == [("eve", "bob")]
    assert table.of(POST).size[0] <= 1 + NAMESAKES_MAX


def test_somebody_reacts_once_before_and_after_they_are_called_otherwise():
    table = AnswerTable()
    say(table, "reaction", POST, PostReference(BOB, "l"), "bob", 1)
    say(table, "reaction", POST, PostReference(BOB, "m"), "bob~abcdef", 2, "🎉")
    assert [(one.symbol, one.senders) for one in table.reactions(POST)] == [("🎉", ("bob~abcdef",))]


def test_two_accounts_that_had_one_name_react_each():
    table = AnswerTable()
    say(table, "reaction", POST, PostReference("bob1.1.1", "l"), "bob", 1)
    say(table, "reaction", POST, PostReference("bob2.1.1", "l"), "bob~abcdef", 2)
    assert [one.senders for one in table.reactions(POST)] == [("bob", "bob~abcdef")]


def of_ann(number: int) -> PostReference:
    return PostReference(ANN, f"p{number}")


def test_who_answers_thousands_of_activities_that_never_were_has_their_own_answers_forgotten_only():
    table = AnswerTable(activities_max=100)
    for at in range(40):
        say(table, "removal", of_ann(at), PostReference(ANN, f"r{at}"), "ann", at)
        say(table, "reaction", of_ann(at), PostReference(BOB, f"l{at}"), "bob", at)
    for at in range(1_000, 6_000):
        say(table, "reaction", PostReference("nobody", f"x{at}"), PostReference("eve1.1.1", f"l{at}"), "eve", at)
        assert len(table) <= 100
    assert all(table.removed_at(of_ann(at), "ann") is not None for at in range(40))
    assert table.reaction(PostReference("nobody", "x5999"), "eve1.1.1", "eve") is not None
    assert table.forgotten > 4_000


def test_who_likes_all_there_is_before_they_flood_takes_nobody_elses_answers_with_theirs():
    table = AnswerTable(activities_max=100)
    for at in range(60):
        say(table, "removal", of_ann(at), PostReference(ANN, f"r{at}"), "ann", at)
    for at in range(60):
        say(table, "reaction", of_ann(at), PostReference("eve1.1.1", f"l{at}"), "eve", 100 + at)
    for at in range(1_000, 2_000):
        say(table, "reaction", PostReference("nobody", f"x{at}"), PostReference("eve1.1.1", f"m{at}"), "eve", at)
    kept = sum(table.removed_at(of_ann(at), "ann") is not None for at in range(60))
    # Half of the room is ann's, whatever eve does.
    assert kept >= 40


@given(st.lists(st.integers(0, 50), max_size=12), st.integers(0, 200))
def test_a_fair_level_fills_the_room_and_takes_nothing_of_who_is_below_it(taken, room):
    level = fair_level(taken, room)
    kept = sum(min(one, level) for one in taken)
    assert kept <= room
    assert kept == sum(taken) or sum(min(one, level + 1) for one in taken) > room
