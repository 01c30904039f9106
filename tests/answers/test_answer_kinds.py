"""What one activity says of another, as clients of ActivityStreams 2.0 write it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answers import (
    AnswerKind,
    PostReference,
    answer_body,
    entry_reference,
    may_name,
    read_answer,
    replies_to,
    with_version,
)
from core.wire import reference_in

ANN = "ann1.1.1"
POST = PostReference(ANN, "p")
OWN = PostReference("bob1.1.1", "q")
REF = str(POST)


def read(activity: object, **how: Any) -> Any:
    return read_answer(json.dumps(activity).encode(), **how)


@pytest.mark.parametrize(
    ("activity", "kind", "said"),
    [
        ({"type": "Create", "object": {"type": "Note", "content": "yes", "inReplyTo": REF}}, "reply", ""),
        ({"type": "Note", "content": "yes", "inReplyTo": {"id": REF, "type": "Note"}}, "reply", ""),
        ({"type": "Create", "object": {"inReplyTo": ["https://example.org/1", REF]}}, "reply", ""),
        ({"type": "Create", "object": [{"inReplyTo": REF}]}, "reply", ""),
        ({"type": "Like", "object": REF}, "reaction", "♥"),
        ({"type": ["Like", "x:Wow"], "object": {"id": REF}}, "reaction", "♥"),
        ({"type": "https://www.w3.org/ns/activitystreams#Like", "object": REF}, "reaction", "♥"),
        ({"verb": "favorite", "object": {"id": REF}}, "reaction", "♥"),
        ({"type": "Like", "object": REF, "content": " 🎉 "}, "reaction", "🎉"),
        ({"type": "Like", "object": REF, "content": "👩‍👩‍👧‍👦"}, "reaction", "👩‍👩‍👧‍👦"),
        ({"type": "Like", "object": REF, "content": "what a good thing to have said"}, "reaction", "♥"),
        ({"type": "Like", "object": REF, "content": "\u202ex"}, "reaction", "♥"),
        ({"type": "Like", "object": REF, "content": 3}, "reaction", "♥"),
        ({"type": "Like", "object": REF, "content": "\u0301\u0301"}, "reaction", "♥"),
        ({"type": "Like", "object": REF, "content": "\u200d\U000e0041"}, "reaction", "♥"),
        ({"type": "Like", "object": REF, "content": "\u3164"}, "reaction", "♥"),
        ({"type": "Dislike", "object": REF}, "reaction", "👎"),
        ({"type": "EmojiReact", "object": REF, "content": "🚀"}, "reaction", "🚀"),
        ({"type": "Undo", "object": REF}, "undo", ""),
        ({"type": "Undo", "object": {"id": REF, "type": "Like", "object": "activity:x/y"}}, "undo", ""),
        ({"type": "Undo", "object": {"type": "Like", "object": REF}}, "reaction", ""),
        ({"type": "Delete", "object": REF}, "removal", ""),
        ({"type": "Delete", "object": {"id": REF, "type": "Tombstone"}}, "removal", ""),
    ],
)
def test_an_answer_is_read_in_each_form_in_which_it_is_written(activity, kind, said):
    answer = read({"id": str(OWN), **activity}, sender="bob", stamp=5, entry="n.1.2")
    assert answer is not None
    assert (answer.kind, answer.about, answer.said) == (kind, POST, said)
    assert (answer.own, answer.by, answer.sender, answer.stamp, answer.entry) == (OWN, OWN.claim, "bob", 5, "n.1.2")


def test_an_edit_has_the_new_object_as_it_came():
    new = f'{{"id":"{REF}","size":1.10,"content":"new"}}'
    answer = read_answer(f'{{"type":"Update","object":{new}}}'.encode())
    assert answer is not None
    assert (answer.kind, answer.said) == ("edit", new)


@pytest.mark.parametrize(
    "activity",
    [
        {"type": "Create", "object": {"type": "Note", "content": f"see {REF}"}},
        {"type": "Like", "object": "https://example.org/1", "content": REF},
        {"type": "Update", "object": REF},
        {"type": "Update", "object": {"id": REF, "content": "x" * 70_000}},
        {"type": "Undo", "object": {"type": "Follow", "object": REF}},
        {"type": "Undo"},
        {"type": "Delete", "object": [REF, REF]},
        {"inReplyTo": [["activity:a/b"]]},
        {"id": REF, "type": "Create", "object": {"content": "hello"}},
        [REF],
        REF,
    ],
)
def test_what_names_no_activity_as_answers_do_is_none(activity):
    assert read(activity) is None


def test_each_answer_that_is_written_is_read_as_what_it_is():
    forms: list[tuple[AnswerKind, str, str]] = [
        ("reply", "hello", ""),
        ("reaction", "", "♥"),
        ("reaction", "🎉", "🎉"),
        ("undo", "", ""),
        ("removal", "", ""),
    ]
    for kind, content, said in forms:
        answer = read(answer_body(kind, POST, content=content, own=OWN), sender="bob")
        assert answer is not None
        assert (answer.kind, answer.about, answer.own, answer.said) == (kind, POST, OWN, said)
    edit = read(answer_body("edit", POST, content="new", own=OWN))
    assert edit is not None
    assert json.loads(edit.said)["content"] == "new"


def test_only_whose_it_is_edits_removes_and_takes_back():
    kinds: list[AnswerKind] = ["edit", "removal", "undo"]
    entry = entry_reference("n.1.1")
    assert entry is not None
    for kind in kinds:
        mine = answer_body(kind, POST, content="x", own=PostReference(ANN, "z"))
        others = answer_body(kind, POST, content="x", own=OWN)
        nobodys = answer_body(kind, POST, content="x")
        of_an_entry = answer_body(kind, entry, content="x", own=PostReference(ANN, "z"))
        assert read(mine, sender="ann").counts
        assert not read(others, sender="bob").counts
        assert not read(nobodys, sender="ann").counts
        assert not read(of_an_entry, sender="ann").counts
        assert not read(mine, sender="anonymous").counts


def test_anonymous_people_reply_and_their_reactions_do_not_count():
    assert read(answer_body("reply", POST), sender="anonymous").counts
    assert not read(answer_body("reaction", POST), sender="anonymous").counts
    assert not read({**answer_body("reaction", POST), "authenticated_user": "anonymous"}).counts
    assert read(answer_body("reaction", POST), sender="bob").by == "@bob"


def test_an_activity_says_by_what_it_is_named():
    assert reference_in(b'{"id":"activity:a\\u002fb","type":"Note"}') == PostReference("a", "b")
    assert reference_in(b'{"id":"activity\\u003aa/b"}') == PostReference("a", "b")
    assert reference_in(b'{"object":{"id":"activity:a/b"}}') is None
    assert not may_name(b'{"type":"Note","content":"hello"}')


def test_an_edited_activity_keeps_its_sender_and_what_it_replies_to():
    said = json.dumps({"id": REF, "type": "Note", "content": "new"})
    body = {"id": REF, "authenticated_user": "ann", "object": {"type": "Note", "content": "old", "inReplyTo": "x"}}
    assert json.loads(with_version(json.dumps(body).encode(), said)) == {
        "id": REF,
        "authenticated_user": "ann",
        "object": {"type": "Note", "content": "new", "inReplyTo": "x"},
    }
    bare = {"type": "Note", "content": "old", "authenticated_user": "ann", "inReplyTo": "x"}
    evil = json.dumps({"id": REF, "content": "new", "authenticated_user": "eve"})
    assert json.loads(with_version(json.dumps(bare).encode(), evil)) == {**bare, "content": "new"}


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([REF, "Like", "Undo", "Update"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "object", "inReplyTo", "content", "verb", "x"]), inner)
    ),
    max_leaves=20,
)


@given(hostile)
def test_no_json_makes_reading_an_answer_fail(value):
    body = json.dumps(value).encode()
    answer = read_answer(body)
    reference_in(body)
    if answer is not None and answer.kind == "edit":
        with_version(body, answer.said)


@given(st.binary())
def test_no_bytes_make_reading_an_answer_fail(junk):
    for body in (junk, b'{"id":"activity:a/b","object":' + junk, b"activity:" + junk):
        read_answer(body)
        reference_in(body)
        with_version(body, "{}")
        with_version(b"{}", junk.decode("latin-1"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 200_000 + b'"activity:a/b"',
        b'{"inReplyTo":[' + b'"activity:a/",' * 80_000 + b"0]}",
        b'{"type":[' + b'"Like",' * 100_000 + b'"Like"],"object":"activity:a/b"}',
        b'{"type":"Like","object":"activity:a/b","content":"' + b" x" * 400_000 + b'"}',
        b'{"type":"Undo","object":' + b"[" * 100_000 + b'"activity:a/b"' + b"]" * 100_000 + b"}",
        b'{"type":"Update","object":{"id":"activity:a/b","content":"' + b"\\u0000" * 150_000 + b'"}}',
    ],
)
def test_a_hostile_body_takes_no_longer_than_it_is_long(body):
    begun = time.process_time()
    read_answer(body)
    reference_in(body)
    # A way in squares would take minutes.
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("activity", "is_one"),
    [
        ({"type": "Create", "object": {"type": "Note", "content": "yes", "inReplyTo": REF}}, True),
        ({"type": "Note", "content": "yes", "inReplyTo": [REF]}, True),
        ({"type": "Note", "content": "yes", "inReplyTo": "activity:bob1.1.1/p"}, False),
        ({"type": "Note", "content": "yes", "inReplyTo": f"{REF[: REF.index('/')]}1/p"}, False),
        ({"type": "Note", "content": "yes", "inReplyTo": "activity:ann1.1.1"}, False),
        ({"type": "Note", "content": f"inReplyTo {REF}"}, False),
        ({"type": "Like", "object": REF, "content": "inReplyTo"}, False),
    ],
)
def test_who_is_answered_is_known_from_the_reference_alone(activity, is_one):
    body = json.dumps(activity)
    assert replies_to(ANN, body.encode()) is is_one
    assert replies_to(ANN, body.replace("inReplyTo", "in\\u0052eplyTo").encode()) is is_one


def test_an_activity_is_called_by_its_id_alone_as_everywhere() -> None:
    """A server checks the other spelling, too, and nobody goes by it: else one activity would be called in two ways."""
    answer = read({**answer_body("edit", POST, content="x"), "@id": str(OWN)}, sender="bob")
    assert answer is not None and answer.own is None and not answer.counts
