"""What copies of one activity have in common, and what no other has."""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from core.wire import idempotency
from core.wire.activity import stamp_activity
from core.wire.entries import EntryId, Stream
from core.wire.idempotency import idempotency_fingerprint, last_fingerprints
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


def test_a_fingerprint_is_the_same_whether_it_is_remembered_or_not_and_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "REMEMBERED_MAX", 3)
    monkeypatch.setattr(idempotency, "REMEMBERED_BYTES_MAX", 60)
    idempotency._remembered.clear()
    said = [
        ("ann", f"r-{number}", b'{"n":%d,%s"authenticated_user":"ann"}' % (number, b" " * number))
        for number in range(60)
    ]
    expected = last_fingerprints(said)
    for one, fingerprint in zip(said, expected, strict=True):
        assert [idempotency_fingerprint(*one), idempotency_fingerprint(*one)] == [fingerprint] * 2
        assert len(idempotency._remembered) <= 3
        assert all(len(body) <= 60 for _, _, body in idempotency._remembered)
    assert [idempotency_fingerprint(*said[0])] == last_fingerprints(said[:1]) == expected[:1]
    assert said[0] not in idempotency._remembered, "who asks last needs it no more"
