"""What a query finds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.query import document, matches, parse, spans_of
from core.query.activity_text import CHARACTERS_MAX, LABELS_MAX, text_of

NOW = 1_800_000_000.0


def note(text: str, **more) -> dict[str, Any]:
    return {"type": "Create", "object": {"type": "Note", "mediaType": "text/plain", "content": text}, **more}


def finds(query: str, activity: dict[str, Any], sender: str = "ann", stamp: int | None = None) -> bool:
    body = json.dumps(activity, ensure_ascii=False).encode()
    return matches(parse(query, now=NOW), document(sender, body, stamp))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("deployed", True),
        ("DEPLOYED", True),
        ("deploy", False),
        ("deploy*", True),
        ("eployed", False),
        ('"deployed 1.4"', True),
        ('"1.4 deployed"', False),
        ("1.4 deployed", True),
        ("1.", True),
        ("1.5", False),
        ("-rollback deployed", True),
        ("deployed not ops", False),
        ("ann", True),
        ("from:ann", True),
        ("from:an", False),
        ("from:an*", True),
        ("from:bob from:ann", True),
        ("-from:ann", False),
        ("#ops", True),
        ("#op", False),
        ("#op*", True),
        ("ops", True),
        ("to:bob", True),
        ("@bob", True),
        ("@ann", False),
        ("type:note", True),
        ("type:create", True),
        ("type:like", False),
        ("京", True),
        ("東京", True),
        ("京東", False),
        ('"東京 @bob"', True),
        ("create", False),
        ("plain", False),
    ],
)
def test_words_labels_and_parts_of_words_without_blanks(query, found):
    assert finds(query, note("Deployed 1.4 in 東京 @bob #ops")) is found


REFERENCE = "activity:n.1.7/r-1"
OTHER = "activity:n.1.7/R-1"


@pytest.mark.parametrize(
    "activity",
    [
        {"type": "Create", "id": REFERENCE, "object": {"type": "Note", "content": "x"}},
        {"type": "Note", "content": "x", "inReplyTo": REFERENCE},
        {"type": "Create", "object": {"type": "Note", "content": "x", "inReplyTo": ["https://a/1", REFERENCE]}},
        {"type": "Like", "id": "activity:m.1.1/r", "object": REFERENCE},
        {"type": "Like", "object": {"id": REFERENCE, "type": "Tombstone"}},
        {"type": "Like", "object": [REFERENCE, OTHER]},
        {"type": "Like", "object": {"@id": REFERENCE}},
        {"type": "Undo", "object": {"type": "Like", "object": REFERENCE}},
        {"type": ["Like", *(f"x:{number}" for number in range(LABELS_MAX))], "object": REFERENCE},
        {"type": "Update", "object": {"id": REFERENCE, "type": "Note", "content": "x"}},
        {"type": "Delete", "object": REFERENCE, "to": [f"somebody-{number}" for number in range(LABELS_MAX)]},
    ],
)
def test_what_is_about_an_activity_is_what_names_it_and_itself(activity):
    assert finds(f"about:{REFERENCE}", activity)
    assert finds("about:activity:n.1.7/*", activity)
    assert finds("about:nowhere.1.1 about:n.1.7/r-1", activity), "one of several is enough"
    assert not finds(f"about:{REFERENCE}x", activity)
    assert not finds("about:activity:n.1.7", activity)
    assert finds(f"about:{OTHER}", activity) is (OTHER in str(activity)), "references are compared as they stand"
    assert not finds("activity", activity), "a reference is no text"


@pytest.mark.parametrize(
    "activity",
    [
        {"type": "Note", "content": REFERENCE},
        {"type": "Note", "content": "x", "url": REFERENCE},
        {"type": "Like", "object": {"object": REFERENCE}},
        {"type": "Like", "object": REFERENCE.upper()},
        {"type": "Like", "object": f" {REFERENCE}"},
        {"type": "Like", "object": REFERENCE + "x" * 600},
    ],
)
def test_what_only_mentions_a_reference_is_not_about_it(activity):
    assert not finds("about:activity:n.1.7/*", activity)


def test_a_time_counts_from_its_beginning_and_until_its_end():
    at = 1_793_491_200_000_000  # 2026-11-01T00:00:00Z
    assert finds("after:2026-11-01T00:00Z", note("x"), stamp=at)
    assert not finds("after:2026-11-01T00:00Z", note("x"), stamp=at - 1)
    assert finds("before:2026-11-01T00:00Z", note("x"), stamp=at - 1)
    assert not finds("before:2026-11-01T00:00Z", note("x"), stamp=at)


def test_a_phrase_does_not_go_from_one_text_to_the_next():
    activity = {"type": "Note", "name": "one two", "content": "three four"}
    assert finds('"one two" "three four"', activity)
    assert not finds('"two three"', activity)
    assert not finds('"ann one"', activity)


def test_markup_is_no_text_where_a_text_has_markup():
    marked = {"type": "Note", "content": "<p>a <b>bo</b>ld word</p><p>caf&eacute;</p>"}
    assert finds("bold cafe", marked) and not finds("b", marked) and not finds('"word cafe"x', marked)
    plain = {"type": "Note", "mediaType": "text/plain", "content": "if a <b> c"}
    assert finds('"a b c"', plain)


def test_whom_an_activity_is_to_is_said_in_its_fields_or_in_its_text():
    for to in (
        {"to": "bob"},
        {"cc": ["https://example.org/users/Bob"]},
        {"audience": {"type": "Person", "name": "Bob"}},
        {"object": {"type": "Note", "to": ["acct:bob@example.org"]}},
        {"tag": {"type": "Mention", "name": "@bob"}},
        {"content": "hello @Bob."},
    ):
        assert finds("to:bob", {"type": "Create", **to}), to
    assert not finds("to:bob", {"type": "Create", "content": "mail bob@example.org or x@bob, bob"})


def test_tags_are_in_texts_and_in_the_field_for_them():
    assert finds("#ops", {"type": "Note", "tag": [{"type": "Hashtag", "name": "#Ops"}]})
    assert not finds("#ops", {"type": "Note", "content": "see https://example.org/#ops and a#ops"})


def test_verbs_of_version_1_are_types_by_both_of_their_names():
    activity = {"verb": "favorite", "object": {"objectType": "note", "displayName": "hello"}}
    assert finds("type:favorite hello", activity) and finds("type:like", activity) and finds("type:note", activity)


def test_an_object_without_a_type_is_found_by_all_that_is_shown_of_it():
    activity = {"sensor": {"celsius": 21.5, "where": ["cellar", 12345678901234567890123]}, "on": True}
    for query in ("sensor", "celsius", "21.5", "cellar", "12345678901234567890123", "where", "on"):
        assert finds(query, activity), query
    assert not finds("object", note("hello"))


@pytest.mark.parametrize("body", [b"", b"[1]", b"null", b'"x"', b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_has_a_sender_and_no_words(body):
    assert text_of("ann", body).labels == ("from:ann",)
    assert not matches(parse("x", now=NOW), document("ann", body))


def test_no_activity_is_looked_at_without_end():
    text = text_of("ann", json.dumps(note("#tag @name word " * 1_000_000)).encode())
    assert len(text.words) < CHARACTERS_MAX
    assert (
        len(text_of("a", json.dumps({"type": "x", "to": [f"n{n}" for n in range(9999)]}).encode()).labels) <= LABELS_MAX
    )


@pytest.mark.parametrize(
    ("query", "text", "shown"),
    [
        ("deployed", "Déployed it", ["Déployed"]),
        ("depl*", "deployed, deploys", ["deployed", "deploys"]),
        ('"1.4"', "at 1.4!", ["1.4"]),
        ("京都", "東京都", ["京都"]),
        ("a b", "a b", ["a", "b"]),
        ('"a b"', "b a b", ["a b"]),
        ("from:ann -x", "ann x", []),
        ("स्ते", "नमस्ते", []),
    ],
)
def test_what_was_looked_for_is_shown_where_it_stands(query, text, shown):
    assert [text[begin:end] for begin, end in spans_of(parse(query, now=NOW).words, text)] == shown


def test_a_name_with_a_sign_that_has_a_blank_in_it_is_found_by_itself() -> None:
    name = "ann\u00b4"
    assert matches(parse(f"from:{name}", now=0.0), document(name, b"{}"))
    assert matches(parse(str(parse(f"from:{name}", now=0.0)), now=0.0), document(name, b"{}"))
