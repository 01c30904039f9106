"""What `tail` says of answers: as all is now, as far as it is known what they are about."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answers import AnswerKind, PostReference, answer_body
from core.client import ActivityArrived
from tui.feed.activities import note
from tui.script.answer_words import AnswerWords
from tui.script.output_lines import item_of, json_line, object_line, text_line

POST = PostReference("bob1.1.1", "p")
FIRST = {"id": str(POST), **note("first")}


def at(second: int) -> str:
    """When something was written, as it is told."""
    return time.strftime("%H:%M:%S", time.localtime(second))


class Tail:
    """Activities that go by, a second apart, and their lines."""

    def __init__(self) -> None:
        self.words = AnswerWords()
        self.count = 0

    def comes(self, sender: str, activity: object) -> ActivityArrived:
        self.count += 1
        body = json.dumps(activity).encode()
        arrived = ActivityArrived(f"n.1.{self.count}", body, sender, self.count * 1_000_000, live=True)
        self.words.note(item_of(arrived))
        return arrived

    def answer(self, sender: str, kind: AnswerKind, content: str = "", ref: str = "") -> ActivityArrived:
        own = PostReference(f"{sender}1.1.1", ref or f"r{self.count}")
        return self.comes(sender, answer_body(kind, POST, content=content, own=own))

    def line(self, arrived: ActivityArrived) -> str:
        return text_line(item_of(arrived), self.words).partition("  ")[2]

    def object(self, arrived: ActivityArrived) -> dict[str, object]:
        found = json.loads(object_line(item_of(arrived), self.words))
        assert isinstance(found, dict)
        return found


@pytest.fixture
def tail() -> Tail:
    return Tail()


def test_what_was_edited_since_is_told_and_quoted_as_it_is_now(tail: Tail) -> None:
    post = tail.comes("bob", FIRST)
    reply = tail.answer("cyd", "reply", "yes")
    edit = tail.answer("bob", "edit", "second")
    assert tail.line(post) == "bob: second  edited"
    assert tail.line(reply) == "cyd: replied to bob “second”: yes"
    assert tail.line(edit) == f"bob: edited what they wrote at {at(1)}: second"


def test_an_edit_that_was_outdone_says_so_and_not_what_it_said(tail: Tail) -> None:
    tail.comes("bob", FIRST)
    edit = tail.answer("bob", "edit", "hunter2")
    tail.answer("bob", "edit", "a secret")
    assert tail.line(edit) == f"bob: edited what they wrote at {at(1)}, and did again since"
    assert "hunter2" not in json.dumps(tail.object(edit))
    tail.answer("bob", "removal")
    assert tail.line(edit) == f"bob: edited what they wrote at {at(1)}, and removed it since"
    assert "hunter2" not in json.dumps(tail.object(edit))


def test_what_is_removed_has_its_words_nowhere(tail: Tail) -> None:
    lines = [tail.comes("bob", FIRST), tail.answer("cyd", "reply", "yes"), tail.answer("bob", "edit", "the first one")]
    lines.append(tail.answer("bob", "removal"))
    assert [tail.line(one) for one in lines] == [
        "bob: (removed)",
        "cyd: replied to bob (removed): yes",
        f"bob: edited what they wrote at {at(1)}, and removed it since",
        f"bob: removed what they wrote at {at(1)}",
    ]
    assert all("first" not in json.dumps(tail.object(one)) for one in lines)


def test_programs_are_told_when_something_was_edited_and_removed(tail: Tail) -> None:
    post, other = tail.comes("bob", FIRST), tail.comes("cyd", note("x"))
    assert tail.object(other) == {
        **note("x"), "reference": "activity:n.1.2", "acceptedAt": "1970-01-01T00:00:02.000000Z"
    }  # fmt: skip
    tail.answer("bob", "edit", "second")
    found = tail.object(post)
    assert (found["editedAt"], found["object"]) == (
        "1970-01-01T00:00:03.000000Z",
        {"type": "Note", "mediaType": "text/plain", "content": "second"},
    )
    tail.answer("bob", "removal")
    found = tail.object(post)
    assert (found["type"], found["removedAt"], found["reference"]) == (
        "Tombstone", "1970-01-01T00:00:04.000000Z", str(POST)
    )  # fmt: skip


def test_who_says_of_their_own_activity_that_it_is_removed_is_no_word_on_that(tail: Tail) -> None:
    liar = tail.comes("bob", {**FIRST, "removedAt": 1, "reference": "x"})
    assert (tail.object(liar)["removedAt"], tail.object(liar)["reference"]) == (None, str(POST))
    hidden = ActivityArrived("n.1.9", b'{"type":"Note","\\u0072emovedAt":1}', "bob", 9_000_000, live=True)
    assert tail.object(hidden)["removedAt"] is None


def test_what_was_posted_is_told_to_who_asks_for_that(tail: Tail) -> None:
    post = tail.comes("bob", FIRST)
    tail.answer("bob", "removal")
    assert text_line(item_of(post), None).endswith("bob: first")
    assert json.loads(json_line({"id": post.id}, item_of(post), None))["activity"] == FIRST


def test_a_like_that_was_taken_back_says_so(tail: Tail) -> None:
    tail.comes("bob", FIRST)
    like = tail.answer("cyd", "reaction", ref="l")
    named = PostReference("cyd1.1.1", "l")
    undo = tail.comes("cyd", answer_body("undo", named, own=PostReference("cyd1.1.1", "u")))
    assert tail.line(like) == "cyd: liked bob “first”, and took it back"
    assert tail.line(undo) == "cyd: took ♥ back"


def test_who_only_calls_themselves_what_bob_is_called_edits_and_removes_nothing(tail: Tail) -> None:
    post = tail.comes("bob", FIRST)
    for kind, said in (("edit", "evil"), ("removal", "")):
        own = PostReference(POST.claim, f"forged-{kind}")
        line = tail.line(tail.comes("eve", answer_body(kind, POST, content=said, own=own)))  # type: ignore[arg-type]
        assert "what they wrote" not in line
    tail.comes("eve", {"id": str(POST), **note("evil")})
    assert tail.line(post) == "bob: first"
    assert tail.line(tail.answer("cyd", "reply", "yes")) == "cyd: replied to bob “first”: yes"


@given(st.permutations(range(5)))
def test_no_order_of_coming_changes_what_is_told(order: list[int]) -> None:
    said = [
        ("bob", FIRST, 1),
        ("cyd", answer_body("reply", POST, content="yes", own=PostReference("cyd1.1.1", "a")), 2),
        ("bob", answer_body("edit", POST, content="second", own=PostReference(POST.claim, "b")), 3),
        ("bob", answer_body("edit", POST, content="third", own=PostReference(POST.claim, "c")), 4),
        ("cyd", answer_body("reaction", POST, own=PostReference("cyd1.1.1", "d")), 5),
    ]
    arrived = [
        ActivityArrived(f"n.1.{stamp}", json.dumps(body).encode(), sender, stamp * 1_000_000, live=True)
        for sender, body, stamp in said
    ]
    words = AnswerWords()
    for place in order:
        words.note(item_of(arrived[place]))
    assert [text_line(item_of(one), words).partition("  ")[2] for one in arrived] == [
        "bob: third  edited",
        "cyd: replied to bob “third”: yes",
        f"bob: edited what they wrote at {at(1)}, and did again since",
        f"bob: edited what they wrote at {at(1)}: third",
        "cyd: liked bob “third”",
    ]
