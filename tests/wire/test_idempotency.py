"""What copies of one activity have in common, and what no other has."""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from core.wire.activity import stamp_activity
from core.wire.entries import EntryId, Stream
from core.wire.idempotency import idempotency_fingerprint
from core.wire.packed_refs import PackedRefs, RefsOfRecord, packed_ref, packed_ref_of_any_content

STREAM: Final = Stream("n", 1)
ACTIVITY: Final = {"text": msgspec.Raw(b'"so it is"'), "precise": msgspec.Raw(b"1.250")}


def fingerprint_of(user: str, ref: str = "r-1", activity: dict[str, msgspec.Raw] = ACTIVITY) -> bytes:
    return idempotency_fingerprint("" if user == "anonymous" else user, ref, stamp_activity(activity, user))


def test_a_repetition_is_a_copy_also_if_its_account_has_got_another_name_meanwhile() -> None:
    assert fingerprint_of("ann") == fingerprint_of("ann~abcdef")


@pytest.mark.parametrize(
    "other",
    [
        fingerprint_of("bob"),
        fingerprint_of("anonymous"),
        fingerprint_of("ann", "r-2"),
        fingerprint_of("ann", activity={**ACTIVITY, "precise": msgspec.Raw(b"1.25")}),
        idempotency_fingerprint("ann", "r-1", stamp_activity(ACTIVITY, "bob")),
    ],
    ids=["another sender", "nobody", "another ref", "another content", "another author in it"],
)
def test_what_differs_in_anything_else_is_no_copy(other: bytes) -> None:
    assert other != fingerprint_of("ann")


def test_of_what_was_kept_before_content_counted_every_content_is_a_copy() -> None:
    one, two = stamp_activity(ACTIVITY, "ann"), stamp_activity({}, "ann")
    before = RefsOfRecord(STREAM, 5, packed_ref_of_any_content(0, "ann", "r-1"))
    since = RefsOfRecord(STREAM, 8, packed_ref(2, "ann", "r-1", one))
    refs = PackedRefs([before, since])
    assert refs.find("ann", "r-1", one) == [EntryId(*STREAM, 5), EntryId(*STREAM, 10)]
    assert refs.find("ann", "r-1", two) == [EntryId(*STREAM, 5)]
    assert refs.find("ann", "r-2", one) == []
