"""Activities in words."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.activity import stamp_activity
from tui.feed.activities import VERBS, Sentence, compact, note, raw_activity, sender_of, sentence


def said(activity: dict[str, object], sender: str = "alice") -> Sentence:
    raw = {key: msgspec.Raw(json.dumps(value).encode()) for key, value in activity.items()}
    return sentence(stamp_activity(raw, sender))


@pytest.mark.parametrize(
    ("body", "sender"),
    [
        (b'{"type":"Note","content":"x","authenticated_user":"bob"}', "bob"),
        (b'{"authenticated_user":"eve","content":"x","authenticated_user":"bob"}', "bob"),
        (b'{"object":{"authenticated_user":"eve"},"n":1e999,"m":123456789012345678901234567890}', ""),
        (b'{"authenticated_user":7}', ""),
        (b'{"authenticated_user":null}', ""),
        (b'{"authenticated_user":"\\u00e9\\ud83d\\ude00"}', "\u00e9\U0001f600"),
        (b'["authenticated_user","bob"]', ""),
        (b'{"authenticated_user":"bob"', ""),
        (b"[" * 100_000, ""),
        (b"", ""),
    ],
)
def test_who_the_network_vouches_for_is_read_without_the_rest(body: bytes, sender: str) -> None:
    assert sender_of(body) == sender == sentence(body).sender


def test_a_written_line_is_shown_as_it_was_written():
    assert said(note("hello <b>world</b> & co")).text == "hello <b>world</b> & co"


def test_a_written_line_is_a_note_that_somebody_created():
    assert said(note("x")).types == ("Create", "Note")


@pytest.mark.parametrize(
    ("activity", "text"),
    [
        ({"type": "Like", "object": {"type": "Note", "name": "Plans"}}, "liked a Note “Plans”"),
        (
            {"type": "Create", "object": {"type": "Article", "content": "<p>one &amp; two</p>"}},
            "created an Article: one & two",
        ),
        (
            {"type": "Create", "object": {"type": "Note", "content": "x"}, "target": {"name": "Ops"}},
            "created a Note: x to Ops",
        ),
        ({"type": "Follow", "object": "https://example.org/bob"}, "followed https://example.org/bob"),
        (
            {"type": "Add", "object": [{"type": "Image", "name": "cat"}, "b", "c"], "target": "Album"},
            "added an Image “cat” and 2 more to Album",
        ),
        ({"type": "Remove", "object": "x", "target": "list"}, "removed x from list"),
        ({"type": "Undo", "object": {"type": "Like", "object": {"type": "Note", "content": "q"}}}, "undid a Like “q”"),
        ({"type": "Arrive", "location": {"name": "Work"}}, "arrived at Work"),
        ({"type": "Question", "name": "Tea?"}, "asked: Tea?"),
        ({"type": "Move", "object": "x", "origin": "a", "target": "b"}, "moved x from a to b"),
        ({"type": "Note", "contentMap": {"de": "Hallo"}}, "Hallo"),
        ({"type": "Image", "name": "harbour"}, "an Image “harbour”"),
        ({"verb": "post", "object": {"objectType": "note", "content": "old"}}, "old"),
        ({"type": "Levitate", "object": "chair"}, "[Levitate] chair"),
        ({"type": "Create", "object": {"type": "Note", "content": "x"}, "actor": "Bob"}, "(as Bob) created a Note: x"),
        ({"type": "Create", "object": {"type": "Note", "content": "x"}, "actor": "https://example.org/alice"}, "x"),
    ],
)
def test_known_activities_are_sentences(activity, text):
    assert said(activity).text == text


@pytest.mark.parametrize("kind", VERBS)
def test_every_activity_type_of_the_vocabulary_has_a_verb(kind):
    assert said({"type": kind, "object": "thing"}).text == f"{VERBS[kind]} thing"


def test_the_name_that_a_client_gives_an_object_is_left_out_and_any_other_id_is_shown():
    assert said({"n": 1, "id": "activity:n.1.2/abc-3"}).text == '{"n":1}'
    assert said({"n": 1, "id": "activity:"}).text == '{"n":1,"id":"activity:"}'
    assert said({"n": 1, "id": "https://example.org/1"}).text == '{"n":1,"id":"https://example.org/1"}'
    assert said({"n": 1, "id": 7}).text == '{"n":1,"id":7}'


def test_an_unknown_object_is_shown_as_compact_json_without_what_the_column_says():
    assert said({"a": 1, "b": [True, None]}).text == '{"a":1,"b":[true,null]}'


def test_numbers_are_shown_as_they_came():
    body = b'{"n": 123456789012345678901234567890, "f": 1.50, "e": 1E400}'
    assert sentence(body).text == '{"n":123456789012345678901234567890,"f":1.50,"e":1E400}'
    assert compact(body) == '{"n":123456789012345678901234567890,"f":1.50,"e":1E400}'


def test_nothing_in_a_sentence_can_move_the_cursor():
    text = said({"type": "Like", "object": {"type": "No\x1bte", "name": "a\x1b]0;title\x07b"}}).text
    assert "\x1b" not in text and "\x07" not in text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "object", "actor", "target", "content", "name", "verb", "x"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_no_object_however_odd_breaks_a_sentence(value):
    body = json.dumps(value if isinstance(value, dict) else {"object": value, "type": "Create"}).encode()
    found = sentence(body)
    assert isinstance(found.text, str)


@given(st.binary())
def test_bytes_that_are_no_json_are_shown_all_the_same(body):
    assert isinstance(sentence(body).text, str)


def test_deep_nesting_is_shown_and_not_followed():
    body = b'{"type":"Create","object":' + b"[" * 3000 + b"]" * 3000 + b"}"
    assert isinstance(sentence(body).text, str)


def test_a_persons_own_json_keeps_its_numbers():
    assert bytes(raw_activity('{"n": 100000000000000000000000000001}')["n"]) == b"100000000000000000000000000001"


@pytest.mark.parametrize("text", ["", "[1]", "hello", '{"a": }', '{"a": 1'])
def test_what_is_no_json_object_is_refused_with_a_reason(text):
    with pytest.raises(ValueError, match="JSON"):
        raw_activity(text)


def test_people_tags_and_links_are_pieces_of_their_own_in_texts_names_and_json():
    assert said(note("hi @bob #ops https://example.org.")).spans == (
        ("hi ", "text"),
        ("@bob", "mention"),
        (" ", "text"),
        ("#ops", "tag"),
        (" ", "text"),
        ("https://example.org", "link"),
        (".", "text"),
    )
    liked = said({"type": "Like", "object": {"type": "Note", "name": "the #ops notes"}})
    assert ("#ops", "tag") in liked.spans
    assert ("@bob", "mention") in said({"for": "@bob"}).spans


def test_a_link_in_markup_is_where_it_says_that_it_leads():
    html = '<a href="https://evil.example">https://good.example</a>'
    spans = said({"type": "Note", "content": html}).spans
    assert spans == (("https://good.example", "link"),)
