"""Which rows match a filter is known also while the window goes from one place to another."""

from __future__ import annotations

from core.query import parse
from tui.feed.feed import Feed
from tui.feed.feed_item import FeedItem
from tui.widgets.feed_matches import FeedMatches


class CountedFeed(Feed):
    """A feed that tells how many rows were looked for in it."""

    looked_for = 0

    def by_serial(self, serial: int) -> FeedItem | None:
        self.looked_for += 1
        assert self.looked_for < 1000, "rows are looked for where there are none"
        return super().by_serial(serial)


def test_a_window_that_goes_elsewhere_is_looked_through_and_not_what_lies_between_its_places():
    feed = CountedFeed()
    matches = FeedMatches(feed)
    matches.begin(parse("word", now=0.0), lambda: None)
    row = FeedItem(0, b'{"text": "a word"}', "ann", 1.0)
    feed.move([row], None, None)
    matches.take(feed.end_serial)
    assert len(matches) == 0
    feed.to_present()
    matches.take(feed.end_serial)
    assert len(matches) == 0
