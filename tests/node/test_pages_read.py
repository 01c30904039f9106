"""Pages that were read leave the log without what operators have removed, for whoever asked."""

from __future__ import annotations

from core.node.log.pages_read import PagesRead
from core.node.log.removed import RemovedActivities
from core.wire.entries import Entry, EntryId, Page
from core.wire.idempotency import idempotency_fingerprint
from core.wire.missing import FoundRuns
from core.wire.records import RecordPage, loose

FAR, ODD = ("far", 1), ("odd", 1)


def activity(stream: tuple[str, int], number: int, ref: str | None = None) -> Entry:
    return Entry(EntryId(*stream, number), "activity", 1_000 + number, b'{"text":"hello"}', "bob", None, ref)


GONE, COPY, KEPT, HIDDEN = activity(FAR, 1, "x"), activity(FAR, 2, "x"), activity(FAR, 3), activity(ODD, 1)


class Asker:
    """Somebody who has asked for one page, and what came."""

    def __init__(self, token: int) -> None:
        self.token = token
        self.came: list[Page | FoundRuns | RecordPage | None] = []

    def fetched(self, token: int, page: Page | FoundRuns | RecordPage | None) -> bool:
        if token == self.token:
            self.came.append(page)
        return token == self.token

    @property
    def has(self) -> tuple[Entry, ...]:
        (page,) = self.came
        assert isinstance(page, Page)
        return page.entries


def desk() -> tuple[PagesRead, Asker, Asker, Asker]:
    """Pages for servers, for people, and for who tells people where a page ends, by the numbers 1, 2 and 3."""
    removed = RemovedActivities()
    assert GONE.ref is not None
    removed.become({GONE.id: GONE.stamp}, frozenset([idempotency_fingerprint("bob", GONE.ref, GONE.body)]))
    removed.hide({"odd": 0})
    pages = PagesRead(removed)
    servers, people, ends = Asker(1), Asker(2), Asker(3)
    pages.for_servers, pages.for_people, pages.as_they_are = (servers.fetched,), (people.fetched,), (ends.fetched,)
    pages.records_for_servers = (servers.fetched,)
    for token in (1, 2, 3):
        pages.fetched(token, Page((GONE, COPY, KEPT, HIDDEN), {}, False))
    return pages, servers, people, ends


def test_servers_are_sent_nothing_that_was_removed_and_what_is_hidden_from_people() -> None:
    _, servers, _, _ = desk()
    assert servers.has == (COPY, KEPT, HIDDEN)


def test_people_are_shown_neither_what_was_removed_nor_its_copies_nor_what_is_hidden() -> None:
    _, _, people, _ = desk()
    assert people.has == (KEPT,)


def test_who_tells_where_a_page_ends_gets_it_as_it_is() -> None:
    _, _, _, ends = desk()
    assert ends.has == (GONE, COPY, KEPT, HIDDEN)


def test_records_leave_without_what_was_removed_and_not_when_nothing_is_left_of_them() -> None:
    pages, servers, _, _ = desk()
    servers.came.clear()
    pages.records_fetched(1, RecordPage((*loose([GONE, KEPT]), *loose([GONE])), {}, False))
    (page,) = servers.came
    assert isinstance(page, RecordPage)
    assert [one.entries for one in page.records] == [(KEPT,)]


def test_what_could_not_be_read_is_told_as_that() -> None:
    pages, servers, people, _ = desk()
    for asker in (servers, people):
        asker.came.clear()
        pages.fetched(asker.token, None)
        assert asker.came == [None]
