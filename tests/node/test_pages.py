"""The order in which a client reads what it missed."""

from __future__ import annotations

from core.node.clients.pages import in_senders_order
from core.wire.entries import Entry, EntryId


def entry(name: str, number: int, previous: Entry | None = None) -> Entry:
    before = previous.id if previous is not None else None
    return Entry(EntryId(name, 1, number), "activity", 0, b"{}", "somebody", before)


def test_a_page_that_is_in_order_stays_as_it_is() -> None:
    first = entry("a", 1)
    other = entry("b", 1)
    second = entry("a", 2, first)
    assert in_senders_order([first, other, second]) == [first, other, second]


def test_what_bears_an_earlier_stamp_than_what_it_follows_comes_after_it() -> None:
    first = entry("a", 1)
    second = entry("b", 1, first)
    third = entry("b", 2, second)
    other = entry("c", 1)
    assert in_senders_order([third, second, other, first]) == [other, first, second, third]


def test_what_follows_something_that_is_not_in_the_page_does_not_wait_for_it() -> None:
    absent = entry("a", 1)
    second = entry("a", 2, absent)
    late = entry("b", 2, entry("b", 1))
    assert in_senders_order([late, second]) == [late, second]


def test_a_circle_that_a_liar_made_comes_last() -> None:
    one, other = EntryId("a", 1, 1), EntryId("a", 1, 2)
    circle = [
        Entry(one, "activity", 0, b"{}", "liar", other),
        Entry(other, "activity", 0, b"{}", "liar", one),
    ]
    honest = entry("b", 1)
    assert in_senders_order([*circle, honest]) == [honest, *circle]
