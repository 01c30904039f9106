"""What activities are called by who answers them: one spelling, and no other one passes for it."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire import (
    EntryId,
    EntryReference,
    PostReference,
    entry_reference,
    post_reference,
    read_reference,
    reference_in,
)
from core.wire.activity import stamp_activity
from core.wire.entries import COUNTER_MAX
from core.wire.references import REFERENCE_CHARACTERS_MAX, reference_among, says_another, with_reference
from tests.wire.test_activity import json_values

ANN = "abcd.7.1"
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def raw(activity: str) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(activity, type=dict[str, msgspec.Raw])


@given(texts, texts)
def test_a_reference_is_a_uri_that_is_read_as_what_it_was_made_of(claim: str, ref: str) -> None:
    found = post_reference(claim, ref)
    if found is not None:
        assert read_reference(str(found)) == found == PostReference(claim, ref)
        assert str(found) == f"activity:{urllib.parse.quote(claim, safe='')}/{urllib.parse.quote(ref, safe='')}"


@given(st.text("abc234", min_size=1), st.integers(0, COUNTER_MAX), st.integers(0, COUNTER_MAX))
def test_an_entry_has_one_too(node: str, incarnation: int, seq: int) -> None:
    entry = EntryId(node[:64], incarnation, seq)
    assert read_reference(str(EntryReference(entry))) == entry_reference(str(entry)) == EntryReference(entry)


@pytest.mark.parametrize(
    "text",
    [
        *("", "activity:", "activity:/", "activity:a/", "activity:/b", "activity:a/b/c", "activity:a", "activity:a.1"),
        *("Activity:a/b", "ACTIVITY:a/b", " activity:a/b", "activity:a/b ", "activity:a/b\n", "activity: a/b"),
        *("activity:%61/b", "activity:a/%2e", "activity:a/%2f", "activity:a/%", "activity:a/%ff", "activity:a/%FF"),
        *("activity:a/ü", "activity:a/b?c", "activity:a/b#c", "activity://a/b", "activity:n.01.2", "activity:n.1.-2"),
        "activity:a/" + "b" * REFERENCE_CHARACTERS_MAX,
    ],
)
def test_what_is_spelt_in_another_way_is_no_reference(text: str) -> None:
    assert read_reference(text) is None


@given(st.text(max_size=40) | st.text("activity:/%aA0.", max_size=40))
def test_any_text_is_a_reference_in_its_one_spelling_or_none(text: str) -> None:
    found = read_reference(text)
    assert found is None or str(found) == text


def test_what_would_be_too_long_has_none_but_its_entry_s() -> None:
    assert post_reference(ANN, "ü" * 64) is not None
    assert post_reference(ANN, "\U0001f600" * 64) is None
    assert post_reference("", "r") is None


# --- what an activity says of itself ---

TRICKS = [
    '{"id":"activity:%s/r"}',
    '{"\\u0069d":"activity:%s/r"}',
    '{"\\u0069\\u0064":"\\u0061ctivity:%s/r"}',
    '{"id":"activity\\u003a%s\\/r"}',
    '{"id":"x","id":"activity:%s/r"}',
    '{"id":1,"type":"Note","\\u0069d":"activity:%s/r"}',
    '{ "id" :\t"activity:%s/r" }',
    '{"id":" activity:%s/r"}',
    '{"id":"ACTIVITY:%s/r"}',
    '{"id":"Activity\\u003A%s/r"}',
    '{"id":"act\\nivity:%s/r"}',
    '{"id":"\\u0000activity:%s/r"}',
    '{"id":"\\ufeffactivity:%s/r"}',
    '{"@id":"activity:%s/r"}',
    '{"id":"activity:%s/r","@id":"activity:bob.1.1/r"}',
    '{"id":"activity:%s"}',
    '{"id":"activity:%s/"}',
    '{"id":"activity:"}',
]
"""Ways to say that one is somebody else's, and ways to say what some reader may take for that."""


@pytest.mark.parametrize("trick", TRICKS)
def test_nobody_else_posts_what_calls_itself_theirs(trick: str) -> None:
    activity = raw(trick.replace("%s", ANN))
    assert says_another(activity, "bob.1.1", "r") is not None
    assert says_another(activity, None, "r") is not None, "anonymous has none"
    assert says_another(activity, ANN, None) is not None, "without a ref it has none"
    assert says_another(activity, ANN, "another") is not None


@pytest.mark.parametrize("activity", ['{"id":"activity:abcd.7.1/r"}', '{"\\u0069d":"\\u0061ctivity:abcd.7.1\\/r"}'])
def test_whose_it_is_posts_it_however_it_is_escaped(activity: str) -> None:
    assert says_another(raw(activity), ANN, "r") is None
    assert reference_among(raw(activity)) == PostReference(ANN, "r")


@pytest.mark.parametrize(
    "activity",
    [
        *("{}", '{"id":"https://example/1"}', '{"id":7}', '{"id":null}', '{"id":["activity:abcd.7.1/r"]}'),
        *('{"object":{"id":"activity:abcd.7.1/r"}}', '{"inReplyTo":"activity:abcd.7.1/r"}', '{"ID":"activity:a/r"}'),
        '{"id":"x-activity:abcd.7.1/r"}',
    ],
)
def test_what_calls_itself_nothing_or_something_foreign_is_anybody_s(activity: str) -> None:
    assert says_another(raw(activity), "bob.1.1", "r") is None
    assert reference_in(stamp_activity(raw(activity), "bob")) is None


def spelt(text: str, draw: Any) -> str:
    """A JSON string of a text, some of its characters escaped."""
    written = [
        f"\\u{ord(one):04{draw(st.sampled_from('xX'))}}"
        if ord(one) < 65536 and draw(st.booleans())
        else json.dumps(one)[1:-1]
        for one in text
    ]
    return '"' + "".join(written) + '"'


@given(st.data())
def test_whoever_reads_another_one_s_reference_in_a_body_the_server_has_refused_it(data: st.DataObject) -> None:
    """By property: keys and values in any spelling, in any order, again and again, between any other members."""
    keys = st.sampled_from(["id", "@id", "type", "object", "Id", "i d", "ID"])
    values = st.sampled_from(
        ["activity:abcd.7.1/r", "activity:bob.1.1/r", "ACTIVITY:abcd.7.1/r", " activity:abcd.7.1/r", "https://a/1", ""]
    )
    members = data.draw(st.lists(st.tuples(keys, values | json_values), min_size=1, max_size=5))
    text = ",".join(
        f"{spelt(key, data.draw)}:{spelt(value, data.draw) if isinstance(value, str) else json.dumps(value)}"
        for key, value in members
    )
    activity = raw("{" + text + "}")
    body = stamp_activity(activity, "bob")
    read = json.loads(body)
    said = [one for one in (read.get("id"), read.get("@id")) if isinstance(one, str)]
    lax = [one for one in said if one.strip().lower().startswith("activity:")]
    refused = says_another(activity, "bob.1.1", "r")
    if refused is None:
        assert all(one == "activity:bob.1.1/r" for one in lax)
        assert reference_in(body) in (None, PostReference("bob.1.1", "r"))
    else:
        assert refused in lax


@given(st.binary(max_size=60) | st.builds(lambda value: json.dumps(value).encode(), json_values))
def test_reading_it_never_fails(body: bytes) -> None:
    assert reference_in(body) is None or b"activity" in body or b"\\" in body


def test_a_client_s_activity_says_its_own_unless_it_says_something_already() -> None:
    mine = with_reference(raw('{"type":"Note"}'), ANN, "a/b")
    assert stamp_activity(mine, "ann") == (b'{"type":"Note","id":"activity:abcd.7.1/a%2Fb","authenticated_user":"ann"}')
    for foreign in ('{"id":"https://example/1"}', '{"@id":7}', '{"id":null}'):
        activity = raw(foreign)
        assert with_reference(activity, ANN, "r") is activity
