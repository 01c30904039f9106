"""References: one name for each activity, however it is spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answers import REFERENCE_CHARACTERS_MAX, EntryReference, PostReference, entry_reference, read_reference
from core.wire import EntryId

names = st.text(st.characters(), min_size=1, max_size=64)


@given(names, names)
def test_a_reference_to_what_an_account_has_posted_is_read_as_it_was_written(claim, ref):
    reference = PostReference(claim, ref)
    assert read_reference(str(reference)) == reference
    assert len(str(reference)) <= REFERENCE_CHARACTERS_MAX
    assert str(reference).isascii()


def test_a_reference_to_an_entry_is_read_as_it_was_written():
    reference = EntryReference(EntryId("abcdef", 12, 3))
    assert str(reference) == "activity:abcdef.12.3"
    assert read_reference(str(reference)) == reference == entry_reference("abcdef.12.3")


def test_one_reference_in_two_spellings_is_one():
    assert read_reference("activity:%61b.1.2/a/b") == read_reference("activity:ab.1.2/a%2Fb")


@pytest.mark.parametrize(
    "text",
    [
        None,
        3,
        ["activity:a/b"],
        "",
        "activity:",
        "activity:/b",
        "activity:a/",
        "activity:a",
        "activity:a.1.x",
        "activity:a.1.99999999999999999999",
        "activity:%ff/b",
        "https://example.org/a/b",
        "activity:" + "a" * 129 + "/b",
        "activity:a/" + "b" * 65,
        "activity:a/" + "%62" * 100_000,
    ],
)
def test_what_is_no_reference_names_nothing(text):
    assert read_reference(text) is None


@given(st.text())
def test_no_text_makes_reading_a_reference_fail(text):
    read_reference("activity:" + text)
    entry_reference(text)
