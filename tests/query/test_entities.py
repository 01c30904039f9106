"""What a text refers to by its spelling."""

from __future__ import annotations

import json
import time

import pytest

from core.query import document, entities_of, is_to, matches, parse


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hello @ann, and @bob.", ["@ann", "@bob"]),
        ("mail ann@example.org", []),
        ("@ann.lee-x: look", ["@ann.lee-x"]),
        ("#ops and #1.4", ["#ops", "#1"]),
        ("a&#39;b C#sharp ##no", []),
        ("#京都 見て", ["#京都"]),
        ("see https://example.org/a?b=c#d.", ["https://example.org/a?b=c#d"]),
        ("(http://example.org/x_(y))", ["http://example.org/x_(y)"]),
        ('{"url":"https://example.org/a"}', ["https://example.org/a"]),
        ("见https://example.org/路。好", []),
        ("见 https://example.org/路。好", ["https://example.org/路"]),
        ("HTTPS://EXAMPLE.ORG, ftp://example.org javascript:alert(1)", ["HTTPS://EXAMPLE.ORG"]),
        ("https://example.org/@ann/#ops @bob", ["https://example.org/@ann/#ops", "@bob"]),
        ("http:// https://. http:///x", []),
        ("https://example.org/cut\u2026", []),
        ("https://example.org/a\x1b]8;;evil", ["https://example.org/a"]),
        ("https://" + "a" * 3_000, []),
    ],
)
def test_people_tags_and_links_are_found_where_they_stand(text, found):
    assert [text[one.begin : one.end] for one in entities_of(text)] == found


@pytest.mark.parametrize("part", [")", "]", "(", "_", "#_", "@", "https://a)", "#", ".", "'"])
def test_no_text_takes_longer_than_it_is_long(part):
    text = "https://a" + part * (200_000 // len(part))
    begun = time.process_time()
    entities_of(text)
    # A way in squares would take minutes.
    assert time.process_time() - begun < 10


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        ({"content": "hello @Ann"}, True),
        ({"content": "hello @Ánn!"}, True),
        ({"content": "ann said so"}, False),
        ({"content": "@anna"}, False),
        ({"to": ["ann"], "content": "hello"}, True),
        ({"to": "https://example.org/users/ann"}, True),
        ({"object": {"tag": [{"type": "Mention", "name": "@ann"}]}}, True),
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_whom_an_activity_is_to_is_what_a_search_for_them_finds(activity, expected, ascii_only):
    body = json.dumps(activity, ensure_ascii=ascii_only).encode()
    assert is_to("ann", body) is expected
    assert matches(parse("to:ann", now=0.0), document("bob", body)) is expected
