"""Threads that are open follow a window from place to place, and are never more than there is room for."""

from __future__ import annotations

from core.client import PastPage, PastPlace
from tests.tui.test_feed_matches import rows_of
from tui.feed.feed import Feed, PastRow
from tui.feed.thread_search import ThreadSearch
from tui.widgets.opened_threads import OPENED_THREADS_MAX, OpenedThreads


async def nothing(place: PastPlace | None, query: str, most: int) -> PastPage:
    return PastPage((), False)


def rows(first: int, count: int) -> list[PastRow]:
    return [
        PastRow(b'{"text": "a line"}', "ann", float(at), own=False, id=f"bb.1.{at}", stamp=at * 1_000_000)
        for at in range(first, first + count)
    ]


def open_all(feed: Feed, threads: OpenedThreads) -> None:
    for item in list(feed.newest_first()):
        threads.open(item, ThreadSearch(feed.answers, item, nothing, lambda sender: False))


def test_of_those_that_are_elsewhere_only_so_many_are_kept_as_there_is_room_for_beside_the_others():
    feed = Feed()
    window = rows_of(feed)
    threads = OpenedThreads(feed, window)

    def go_to(those: list[PastRow]) -> None:
        feed.show(those, None, PastPlace(10**12))
        window.take()
        threads.follow_window()

    go_to(rows(1, OPENED_THREADS_MAX))
    open_all(feed, threads)
    assert len(threads) == OPENED_THREADS_MAX
    go_to(rows(100, 3))
    assert len(threads) == 0
    open_all(feed, threads)
    assert len(threads) == 3
    go_to(rows(1, OPENED_THREADS_MAX) + rows(100, 3))
    assert len(threads) == OPENED_THREADS_MAX
