"""Which rows match a filter is known also while the window goes from one place to another."""

from __future__ import annotations

from core.client import PastPlace
from core.query import EVERYTHING, parse
from tui.feed.feed import Feed
from tui.feed.feed_item import FeedItem
from tui.widgets.window_rows import WindowRows

WORD = parse("word", now=0.0)


class CountedFeed(Feed):
    """A feed that tells how many rows were looked for in it."""

    looked_for = 0

    def by_serial(self, serial: int) -> FeedItem | None:
        self.looked_for += 1
        assert self.looked_for < 1000, "rows are looked for where there are none"
        return super().by_serial(serial)


def rows_of(feed: Feed) -> WindowRows:
    return WindowRows(
        feed,
        zone=None,
        clock=lambda: 0.0,
        new_from=lambda: None,
        muted=lambda: EVERYTHING,
        muted_thread=lambda item: "",
        muted_threads=tuple,
    )


def lines(count: int) -> list[FeedItem]:
    return [FeedItem(0, b'{"text": "a word"}', "ann", 1.0)] * count


def test_a_window_that_goes_elsewhere_is_looked_through_and_not_what_lies_between_its_places():
    feed = CountedFeed()
    rows = rows_of(feed)
    rows.matches.begin(WORD, lambda: None)
    feed.move(lines(1), None, PastPlace(1_000_000))
    assert rows.take()
    assert len(rows.matches) == 0
    feed.to_present()
    assert rows.take()
    assert len(rows.matches) == 0


async def test_a_window_that_goes_elsewhere_is_looked_through_in_slices_and_not_before():
    feed = CountedFeed()
    rows = rows_of(feed)
    await rows.matches.begin(WORD, lambda: None)()
    feed.move(lines(300), None, None)
    assert rows.take()
    assert feed.looked_for == 0
    await rows.matches.begin(WORD, lambda: None)()
    assert not rows.take()
    assert len(rows.matches) == 300
    assert feed.looked_for == 0


def test_that_the_window_went_elsewhere_is_told_though_another_query_began_meanwhile():
    feed = CountedFeed()
    rows = rows_of(feed)
    feed.move(lines(1), None, None)
    rows.matches.begin(WORD, lambda: None)
    assert rows.take()
    assert not rows.take()
